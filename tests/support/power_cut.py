"""A disk that loses what was not synced: every write of SQLite and of `atomic_file` is recorded, and any cut replayed.

kill -9 keeps the page cache, so it proves nothing about a power cut. Here SQLite's own file layer (its VFS) is copied
with three functions replaced: writing, syncing and truncating are noted before they are done. `atomic_file` gets an
`os` that notes the same. `cuts` has the folder as a disk may have it after the power failed at any moment: what was
synced is there, of what was not, nothing, everything or some.
"""

import _sqlite3
import ctypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

from reedmesh import atomic_file

_library = ctypes.CDLL(_sqlite3.__file__)  # what this Python's sqlite3 calls, wherever it is linked
_library.sqlite3_vfs_find.restype = ctypes.c_void_p
_POINTER = ctypes.c_void_p
_OPEN = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, _POINTER, ctypes.c_int, _POINTER)
_WRITE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, _POINTER, ctypes.c_int, ctypes.c_int64)
_TRUNCATE = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int64)
_SYNC = ctypes.CFUNCTYPE(ctypes.c_int, _POINTER, ctypes.c_int)
# Both structures of sqlite3.h as words: of sqlite3_vfs, the name is the fourth and xOpen the sixth; of
# sqlite3_io_methods, xWrite, xTruncate and xSync are the fourth to sixth, behind the version, xClose and xRead.
_VFS_WORDS, _NAME, _XOPEN = 22, 3, 5
_METHODS_WORDS, _XWRITE, _XTRUNCATE, _XSYNC = 19, 3, 4, 5
_MAIN_OR_WAL = 0x100 | 0x80000  # SQLITE_OPEN_MAIN_DB, SQLITE_OPEN_WAL


@dataclass
class Disk:
    """What a folder holds durably, and what a power cut may take. Contents by file; a name leads to a file."""

    synced: dict[int, bytes] = field(default_factory=dict)
    pending: dict[int, list[tuple[int, bytes | None]]] = field(
        default_factory=dict
    )  # offset and bytes; None: cut there
    names: dict[str, int] = field(default_factory=dict)  # as they are
    synced_names: dict[str, int] = field(default_factory=dict)

    def write(self, file: int, at: int, data: bytes | None) -> None:
        self.pending.setdefault(file, []).append((at, data))

    def sync(self, file: int) -> None:
        self.synced[file] = _applied(self.synced.get(file, b""), self.pending.pop(file, []))

    def contents(self, dice: Random | None, lucky: bool) -> dict[str, bytes]:
        """What is there after a cut. lucky: renames survived unsynced; dice: which writes did, None: none."""
        found = {}
        for name, file in (self.names if lucky else self.synced_names).items():
            kept = [each for each in self.pending.get(file, []) if dice and dice.random() < 0.5]
            found[name] = _applied(self.synced.get(file, b""), kept)
        return found


def _applied(content: bytes, writes: list[tuple[int, bytes | None]]) -> bytes:
    made = bytearray(content)
    for at, data in writes:
        if data is None:
            del made[at:]
        else:
            made[len(made) : at] = bytes(max(0, at - len(made)))
            made[at : at + len(data)] = data
    return bytes(made)


class Recorder:
    """Takes part in every write below `folder`; after each operation `cuts` has the states a cut may leave."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.folder = folder
        self.disk = Disk()
        self.cuts: list[tuple[int, dict[str, bytes]]] = []  # promises that were made by then, and the folder
        self.promises: list[Any] = []
        self.writes = 0
        self._dice = Random(seed)

    def promise(self, what: Any) -> None:
        """From now on this must survive: somebody was told so."""
        self.promises.append(what)
        self.cut()

    def cut(self) -> None:
        """Note what a cut at this moment may leave."""
        for dice, lucky in ((None, False), (None, True), (self._dice, False), (self._dice, True)):
            state = len(self.promises), self.disk.contents(dice, lucky)
            if not self.cuts or self.cuts[-1] != state:
                self.cuts.append(state)

    def wrote(self, file: int, at: int, data: bytes | None) -> None:
        self.disk.write(file, at, data)
        self.writes += 1

    def opened(self, path: str) -> int:
        """A number for the file of that path, which SQLite opens: its name is there at once, SQLite syncs folders."""
        name = str(Path(path).relative_to(self.folder))
        file = self.disk.names.setdefault(name, _number())
        self.disk.synced_names[name] = file
        return file


def restore(contents: dict[str, bytes], folder: Path) -> None:
    """Make `folder` as it was found after the cut."""
    for name, data in contents.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        path.chmod(0o600)


_numbers = iter(range(1, 1 << 30))


def _number() -> int:
    return next(_numbers)


@contextmanager
def recording(folder: Path, monkeypatch: pytest.MonkeyPatch, seed: int = 1) -> Iterator[Recorder]:
    """Record all that SQLite and `atomic_file` write below `folder`."""
    it = Recorder(folder, seed)
    with monkeypatch.context() as patch, _recorded_sqlite(it):
        patch.setattr(atomic_file, "os", RecordedOs(it))
        yield it


class RecordedOs:
    """The module `os` as `atomic_file` uses it; folders are known by their descriptors."""

    def __init__(self, it: Recorder) -> None:
        self._it = it
        self._files: dict[int, int] = {}  # by inode

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def _path(self, name: str, folder: int) -> str:
        return str(Path(f"/proc/self/fd/{folder}").readlink().joinpath(name).relative_to(self._it.folder))

    def open(self, path: Any, flags: int, mode: int = 0o777, *, dir_fd: int | None = None) -> int:
        made = os.open(path, flags, mode, dir_fd=dir_fd)
        if flags & os.O_CREAT and dir_fd is not None:
            self._files[os.fstat(made).st_ino] = self._it.disk.names[self._path(path, dir_fd)] = _number()
        return made

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)
        disk, found = self._it.disk, os.fstat(descriptor)
        if stat.S_ISDIR(found.st_mode):
            disk.synced_names = dict(disk.names)
        else:
            file = self._files[found.st_ino]
            self._note(file, f"/proc/self/fd/{descriptor}")
            disk.sync(file)
        self._it.cut()

    def _note(self, file: int, path: str) -> None:
        if file not in self._it.disk.synced:
            self._it.wrote(file, 0, Path(path).read_bytes())

    def rename(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        self._it.cut()
        os.rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        names = self._it.disk.names
        names[self._path(new, dst_dir_fd)] = names.pop(self._path(old, src_dir_fd))
        self._it.cut()

    def link(self, old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        os.link(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)
        names = self._it.disk.names
        names[self._path(new, dst_dir_fd)] = names[self._path(old, src_dir_fd)]
        self._it.cut()

    def unlink(self, name: str, *, dir_fd: int) -> None:
        os.unlink(name, dir_fd=dir_fd)
        self._it.disk.names.pop(self._path(name, dir_fd), None)
        self._it.cut()


@contextmanager
def _recorded_sqlite(it: Recorder) -> Iterator[None]:
    """Connections that are opened meanwhile tell `it` what they write."""
    there = _library.sqlite3_vfs_find(None)
    words = (_POINTER * _VFS_WORDS).from_buffer_copy(ctypes.string_at(there, 8 * _VFS_WORDS))
    name = ctypes.create_string_buffer(b"recording")
    methods: list[Any] = [name]  # kept alive; files stay open for as long as their connections
    files: dict[int, int] = {}
    really_open = _OPEN(words[_XOPEN])

    @_OPEN
    def opens(_: int, path: int, file: int, flags: int, out: int) -> int:
        code = really_open(there, path, file, flags, out)
        if code == 0 and flags & _MAIN_OR_WAL and path:
            files[file] = it.opened(ctypes.string_at(path).decode())
            methods.append(_recorded_methods(it, files, file))
        return code

    words[_NAME], words[_XOPEN] = ctypes.addressof(name), ctypes.cast(opens, _POINTER).value
    _library.sqlite3_vfs_register(ctypes.byref(words), 1)
    try:
        yield
    finally:
        _library.sqlite3_vfs_register(ctypes.c_void_p(there), 1)
        _library.sqlite3_vfs_unregister(ctypes.byref(words))
        KEPT.append((words, methods, opens))


KEPT: list[Any] = []  # a connection that outlives its test must not call what is gone


def _recorded_methods(it: Recorder, files: dict[int, int], file: int) -> Any:
    """Give an open file a copy of its methods, with three of them replaced."""
    place = ctypes.cast(file, ctypes.POINTER(_POINTER))
    made = (_POINTER * _METHODS_WORDS).from_buffer_copy(ctypes.string_at(place[0], 8 * _METHODS_WORDS))
    write, truncate, sync = _WRITE(made[_XWRITE]), _TRUNCATE(made[_XTRUNCATE]), _SYNC(made[_XSYNC])

    @_WRITE
    def writes(which: int, data: int, count: int, at: int) -> int:
        it.wrote(files[which], at, ctypes.string_at(data, count))
        return write(which, data, count, at)

    @_TRUNCATE
    def truncates(which: int, size: int) -> int:
        it.wrote(files[which], size, None)
        return truncate(which, size)

    @_SYNC
    def syncs(which: int, flags: int) -> int:
        it.cut()
        it.disk.sync(files[which])
        it.cut()
        return sync(which, flags)

    for at, function in ((_XWRITE, writes), (_XTRUNCATE, truncates), (_XSYNC, syncs)):
        made[at] = ctypes.cast(function, _POINTER).value
    place[0] = ctypes.addressof(made)
    return made, writes, truncates, syncs, write, truncate, sync
