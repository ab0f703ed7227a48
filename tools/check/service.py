"""The service under a real systemd: this machine, with a layer on top, boots in a container; the gateway lives there.

A wheel of the tree goes into an environment of its own, `reedmesh install --yes` makes a service of it, and
`tools/check/acceptance.py` tries there what an operator would. Needs root, and: apt install systemd-container dbus
mosquitto

    python -m tools.check.service
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.checkout import ROOT

MINUTES = 8
UNIT = """\
[Unit]
After=multi-user.target
[Service]
Type=oneshot
StandardOutput=append:/acceptance.log
StandardError=append:/acceptance.log
Environment=PYTHONPATH={root}
ExecStart=/opt/reedmesh/bin/python {root}/tools/acceptance.py
ExecStopPost=/bin/systemctl --no-block poweroff
[Install]
WantedBy=multi-user.target
"""


def main() -> None:
    """Exit status 0 if everything held."""
    if os.geteuid() != 0 or not shutil.which("systemd-nspawn"):
        sys.exit("this needs root and systemd-nspawn: apt install systemd-container dbus mosquitto")
    with layered() as machine:
        furnish(machine)
        done = run(machine, "--boot", check=False, timeout=60 * MINUTES)
        log = machine / "acceptance.log"
        print(log.read_text() if log.exists() else done.stdout + done.stderr)
        sys.exit(0 if log.exists() and "everything holds" in log.read_text() else 1)


@contextmanager
def layered() -> Iterator[Path]:
    """This machine's files, with a layer in memory that takes all changes."""
    with tempfile.TemporaryDirectory() as folder:
        top, root = Path(folder) / "top", Path(folder) / "root"
        top.mkdir()
        root.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3G", "tmpfs", top], check=True)
        try:
            (top / "changes").mkdir()
            (top / "work").mkdir()
            layers = f"lowerdir=/,upperdir={top}/changes,workdir={top}/work"
            subprocess.run(["mount", "-t", "overlay", "overlay", "-o", layers, root], check=True)
            yield root
        finally:
            subprocess.run(["umount", root], check=False)
            subprocess.run(["umount", top], check=True)


def furnish(machine: Path) -> None:
    """Put a wheel of the tree into an environment there, as a user would, and the acceptance among the units."""
    wheels = ROOT / "build" / "wheel"
    shutil.rmtree(wheels, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", wheels, ROOT], check=True)
    (wheel,) = wheels.glob("reedmesh-*.whl")
    run(machine, "/usr/bin/python3", "-m", "venv", "/opt/reedmesh")
    install = ["/opt/reedmesh/bin/pip", "install", "--quiet", "--constraint", str(ROOT / "constraints.txt")]
    run(machine, *install, f"{wheel}[dashboard,serial]")
    for old in (machine / "etc/systemd/system").glob("*.wants/*"):
        old.unlink()  # what this machine does beside is none of our business
    unit = machine / "etc/systemd/system/acceptance.service"
    unit.write_text(UNIT.format(root=ROOT))
    wants = machine / "etc/systemd/system/multi-user.target.wants"
    wants.mkdir(exist_ok=True)
    (wants / "acceptance.service").symlink_to("/etc/systemd/system/acceptance.service")


def run(
    machine: Path, *words: str, check: bool = True, timeout: float | None = None
) -> "subprocess.CompletedProcess[str]":
    """A command there, or with --boot the whole machine."""
    command = ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", f"--directory={machine}", *words]
    return subprocess.run(
        command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=check, timeout=timeout
    )


if __name__ == "__main__":
    main()
