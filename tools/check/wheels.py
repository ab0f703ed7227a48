"""Whether everything a gateway needs comes as a wheel for a Raspberry Pi: aarch64, each Python, each extra.

A wheel of the tree is resolved as pip on a Pi would, with the pins of constraints.txt and nothing compiled.

    python -m tools.check.wheels
"""

import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from tools.checkout import ROOT

PYTHONS = ("3.11", "3.13")  # of Raspberry Pi OS bookworm and trixie
ELSEWHERE = ("models", "demo", "dev")  # extras of a workstation
PURE = ("esptool",)  # comes as source, all Python: pip makes a wheel of it for any processor, without a compiler
# What pip on glibc 2.36 takes, the newest first; it does not derive the older ones from a platform that is given.
PLATFORMS = ("manylinux_2_28_aarch64", "manylinux_2_27_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
MADE = "made"  # folder of the wheels of PURE
PIP = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")


def main() -> int:
    """A line for each; exit status 1 if anything is missing."""
    missing, extras = 0, tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, str(ROOT)], check=True)
        (wheel,) = Path(folder).glob("reedmesh-*.whl")
        pins = ["--constraint", str(ROOT / "constraints.txt")]
        subprocess.run([*PIP, "wheel", "--no-deps", *pins, "--wheel-dir", f"{folder}/{MADE}", *PURE], check=True)
        if wrong := [path.name for path in Path(folder, MADE).iterdir() if not path.name.endswith("-none-any.whl")]:
            print(f"needs a compiler: {', '.join(wrong)}")
            missing += 1
        for python in PYTHONS:
            for extra in ("", *(f"[{name}]" for name in extras if name not in ELSEWHERE)):
                fault, found = download(f"{wheel}{extra}", python, Path(folder) / "found")
                size = sum(path.stat().st_size for path in found) / 1e6
                said = fault or f"{len(found)} wheels, {size:.0f} MB"
                print(f"Python {python}  reedmesh{extra:<16} {said}", flush=True)
                missing += bool(fault)
    return int(missing > 0)


def download(what: str, python: str, folder: Path) -> tuple[str, list[Path]]:
    """Why not, or the wheels."""
    shutil.rmtree(folder, ignore_errors=True)
    options = ["--only-binary=:all:", "--implementation", "cp", "--python-version", python]
    options += [word for abi in (f"cp{python.replace('.', '')}", "abi3", "none") for word in ("--abi", abi)]
    options += [word for platform in PLATFORMS for word in ("--platform", platform)]
    options += ["--find-links", str(folder.parent / MADE)]
    command = [*PIP, "download", *options, "--constraint", str(ROOT / "constraints.txt"), "--dest", str(folder), what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return (errors[-1] if errors else "pip failed") if done.returncode else "", sorted(folder.glob("*.whl"))


if __name__ == "__main__":
    sys.exit(main())
