"""A machine that a service is installed on: its files with their owners, and its service manager.

Steps say what they do. It may be this one, or one whose file system is mounted somewhere, such as an image's.
"""

import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError


@dataclass(frozen=True)
class Step:
    """One thing to do, in words and in deed."""

    says: str
    do: Callable[[], object]


def nothing() -> None:
    """For what is only said."""


class Host:
    """The machine whose file system is mounted at `root`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.other = root != Path("/")

    def at(self, path: Path) -> Path:
        """Where `path` of that machine is on ours."""
        return self._root / path.relative_to("/")

    def file(self, path: Path, text: str, mode: int = 0o644, group: str = "root", keep: bool = False) -> Step:
        """Have a file with `text`; keep: if there is none yet."""
        there = self.at(path)
        if there.exists() and (keep or there.read_text() == text):
            return Step(f"keep {path}", nothing)
        anew = " anew" if there.exists() else ""
        return Step(f"write {path}{anew}", lambda: self.write(path, text, mode, group))

    def absent(self, path: Path) -> Step:
        """Have no such file, folder or link."""
        there = self.at(path)
        if not os.path.lexists(there):
            return Step(f"have no {path}", nothing)
        is_folder = there.is_dir() and not there.is_symlink()
        return Step(f"remove {path}", lambda: shutil.rmtree(there) if is_folder else there.unlink())

    def folder(self, path: Path, mode: int, owner: str = "root", group: str | None = None) -> Step:
        """Have the folder, with that owner."""

        def make() -> None:
            self.at(path).mkdir(parents=True, exist_ok=True)
            self.at(path).chmod(mode)
            os.chown(self.at(path), self._user(owner), self.group(group or owner))

        return Step(f"have {path}, {mode:o} {owner}:{group or owner}", make)

    def call(self, program: str, *arguments: str) -> Step:
        """Run a command of systemd's."""
        root = [f"--root={self._root}"] if self.other else []
        words = [program, *root, *arguments]

        def run() -> None:
            if done := subprocess.run(words, check=False).returncode:
                raise ConfigError(f"{' '.join(words)}: exit status {done}; what it said is above")

        return Step(f"run {' '.join(words)}", run)

    def link(self, path: Path, target: Path) -> None:
        """Have `path` lead to `target`."""
        there = self.at(path)
        there.parent.mkdir(parents=True, exist_ok=True)
        there.unlink(missing_ok=True)
        there.symlink_to(target)

    def write(self, path: Path, text: str, mode: int = 0o644, group: str = "root") -> None:
        """Have a file of root's with that text: whole or not at all."""
        there = self.at(path)
        there.parent.mkdir(parents=True, exist_ok=True)  # as everybody may enter it; a state directory is closed
        atomic_file.write(there, text.encode(), mode, (0, self.group(group)))

    def _user(self, name: str) -> int:
        return self._id("passwd", name) if self.other else pwd.getpwnam(name).pw_uid

    def group(self, name: str) -> int:
        """The number of a group there."""
        return self._id("group", name) if self.other else grp.getgrnam(name).gr_gid

    def _id(self, table: str, name: str) -> int:
        lines = [line.split(":") for line in (self.at(Path("/etc")) / table).read_text().splitlines()]
        return next(int(line[2]) for line in lines if line[0] == name)
