"""Sets up a Python environment with pip and shows its progress: packages, megabytes, seconds. Standard library only.

    python tools/set_up.py WHAT SIZES PIP-ARGUMENTS ...

WHAT and SIZES say what for and how large it will be. Where there is no terminal a line is printed now and then.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

GOT = re.compile(r"^\s*(?:Collecting|Processing|Obtaining) (\S+)")
LOADED = re.compile(r"^\s*Downloading \S+ \((?P<size>[\d.]+) (?P<unit>[kMG]?B)\)")
UNITS = {"B": 1e-6, "kB": 1e-3, "MB": 1.0, "GB": 1e3}
OFTEN = 5.0  # seconds between two lines where there is no terminal
PIP = ["-m", "pip", "install", "--disable-pip-version-check", "--progress-bar", "off"]


class Progress:
    """The progress of pip: `packages` seen, megabytes `loaded`."""

    def __init__(self) -> None:
        self.packages = 0
        self.loaded = 0.0
        self.installing = False

    def take(self, line: str) -> bool:
        """Read a line of pip's; returns whether there is something new to say."""
        if GOT.match(line):
            self.packages += 1
        elif found := LOADED.match(line):
            self.loaded += float(found["size"]) * UNITS[found["unit"]]
        elif line.startswith("Installing collected packages"):
            self.installing = True
        else:
            return False
        return True

    def line(self, seconds: float) -> str:
        """For people."""
        doing = "installing" if self.installing else "fetching"
        return f"  {doing}: {self.packages} packages, {self.loaded:.0f} MB downloaded, {seconds:.0f} s"


def main(words: list[str]) -> int:
    """Run pip; returns its exit status."""
    what, sizes, *arguments = words
    print(f"setting up {what}, once: {sizes}", flush=True)
    began, kept = time.monotonic(), list[str]()
    with subprocess.Popen(
        [sys.executable, *PIP, *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as pip:
        _follow(pip.stdout or [], kept, began)
    if pip.returncode:
        print("".join(kept[-20:]), file=sys.stderr)
        return pip.returncode
    size = sum(path.stat().st_size for path in Path(sys.prefix).rglob("*") if path.is_file() and not path.is_symlink())
    print(f"set up in {time.monotonic() - began:.0f} s: {size / 1e6:.0f} MB in {Path(sys.prefix).name}", flush=True)
    return 0


def _follow(lines: Iterable[str], kept: list[str], began: float) -> None:
    progress, told, terminal = Progress(), began, sys.stdout.isatty()
    for line in lines:
        kept.append(line)
        now = time.monotonic()
        if progress.take(line) and (terminal or now - told >= OFTEN):
            told = now
            print(progress.line(now - began), end="\r" if terminal else "\n", flush=True)
    if terminal:
        print("\033[K", end="", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
