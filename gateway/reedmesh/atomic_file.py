"""Files that are replaced whole or not at all, also by a power cut, and never through somebody's symbolic link.

The new content goes to a temporary file in the same folder; it is synced, renamed over the old file, and the folder is
synced. The folder is opened once, and all that follows happens relative to it. A link that another user made is not
followed: who may write in a folder cannot lead a command that root runs to another place.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from reedmesh.errors import DiskError

FOLDER_MODE = 0o700
_DRAFT = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


class _ThereError(Exception):
    """The file is there already, which only `make` minds."""


def write(path: Path, data: bytes, mode: int = 0o600, owner: tuple[int, int] = (-1, -1)) -> None:
    """Replace `path`, or make it, and its folder if need be.

    owner: user and group, -1: as the process has it. Raises DiskError, and then the old file is as it was.
    """
    with _told(path), _folder(path.parent) as folder:
        _replace(folder, path.name, _draft(folder, path.name, [data], mode, owner))


def copy(path: Path, chunks: Iterable[bytes], mode: int = 0o600) -> None:
    """Replace `path` as `write` does, by what does not fit in memory."""
    with _told(path), _folder(path.parent) as folder:
        _replace(folder, path.name, _draft(folder, path.name, chunks, mode, (-1, -1)))


def make(path: Path, data: bytes, mode: int = 0o600) -> None:
    """Make `path`, and its folder if need be; raises FileExistsError if there is one, and DiskError."""
    with _told(path), _folder(path.parent) as folder:
        draft = _draft(folder, path.name, [data], mode, (-1, -1))
        try:
            os.link(draft, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except FileExistsError as error:
            raise _ThereError from error
        finally:
            os.unlink(draft, dir_fd=folder)
        os.fsync(folder)


def read(path: Path, most: int) -> bytes:
    """The content of `path`, which is no link, at most `most` bytes; raises OSError."""
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        return file.read(min(most, os.fstat(file.fileno()).st_size))  # a buffer of what is there


def move(path: Path, name: str) -> None:
    """Rename `path` to `name` in the same folder, replacing what is there; raises DiskError."""
    with _told(path), _folder(path.parent) as folder:
        os.rename(path.name, name, src_dir_fd=folder, dst_dir_fd=folder)
        os.fsync(folder)


def remove(path: Path) -> None:
    """Have no file `path`; raises DiskError."""
    with _told(path), suppress(FileNotFoundError), _folder(path.parent) as folder:
        os.unlink(path.name, dir_fd=folder)
        os.fsync(folder)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    try:
        yield
    except _ThereError as error:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
    except OSError as error:
        raise DiskError(f"{path}: {error.strerror}; the file is as it was") from error


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _refuse_foreign_link(path)
        yield folder
    finally:
        os.close(folder)


def _replace(folder: int, name: str, draft: str) -> None:
    try:
        os.rename(draft, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        os.unlink(draft, dir_fd=folder)
        raise
    os.fsync(folder)


def _refuse_foreign_link(path: Path) -> None:
    """A link of root's or our own may lead elsewhere, as /var/lib/reedmesh does under systemd's DynamicUser."""
    found = path.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
        raise OSError(errno.ELOOP, f"is a link that user {found.st_uid} made")


def _draft(folder: int, name: str, chunks: Iterable[bytes], mode: int, owner: tuple[int, int]) -> str:
    """A synced file of that content in `folder`; its name."""
    draft = f".{name}.{secrets.token_hex(8)}"
    file = os.open(draft, _DRAFT, 0o600, dir_fd=folder)
    try:
        with os.fdopen(file, "wb") as out:
            for chunk in chunks:
                out.write(chunk)
            out.flush()
            os.fchown(file, *owner)
            os.fchmod(file, mode)
            os.fsync(file)
    except OSError:
        os.unlink(draft, dir_fd=folder)
        raise
    return draft
