"""A file is replaced whole or not at all, in the order that a power cut asks for, and through nobody's link."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from reedmesh import atomic_file
from reedmesh.errors import DiskError


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_made_with_its_folder_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    atomic_file.write(path, b"old")
    atomic_file.write(path, b"new", 0o640)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert names(path.parent) == ["file"]


def test_make_replaces_nothing(tmp_path: Path) -> None:
    atomic_file.make(tmp_path / "file", b"first")
    with pytest.raises(FileExistsError):
        atomic_file.make(tmp_path / "file", b"second")
    assert (tmp_path / "file").read_bytes() == b"first"
    assert names(tmp_path) == ["file"]


def test_content_is_on_disk_before_the_name_and_the_name_before_anybody_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def noting(name: str, kind: Callable[[int], str] = lambda _: "") -> None:
        really = getattr(os, name)

        def note(first: Any, *more: Any, **named: Any) -> Any:
            done.append(f"{name} {kind(first)}".strip())
            return really(first, *more, **named)

        monkeypatch.setattr(os, name, note)

    noting("fsync", lambda file: "folder" if Path(f"/proc/self/fd/{file}").is_dir() else "file")
    noting("rename")
    atomic_file.write(tmp_path / "file", b"data")
    assert done == ["fsync file", "rename", "fsync folder"]


@pytest.mark.parametrize("at", ["fsync", "rename", "open"])
def test_a_full_disk_leaves_the_old_file_and_no_draft(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str) -> None:
    path = tmp_path / "file"
    atomic_file.write(path, b"old")

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch, pytest.raises(DiskError, match="file: No space left"):
        patch.setattr(os, at, full)
        atomic_file.write(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_link_in_place_of_the_file_is_replaced_and_what_it_leads_to_is_not_touched(tmp_path: Path) -> None:
    victim, path = tmp_path / "victim", tmp_path / "file"
    victim.write_bytes(b"root's")
    path.symlink_to(victim)
    with pytest.raises(OSError, match="symbolic links"):
        atomic_file.read(path, 10)
    atomic_file.write(path, b"ours")
    assert victim.read_bytes() == b"root's"
    assert not path.is_symlink()


@pytest.mark.parametrize("owner", [1000, 0])
def test_a_folder_that_is_another_users_link_is_refused_and_one_of_roots_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int
) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    really = Path.lstat

    def told(path: Path) -> os.stat_result:
        found = list(really(path))
        found[4] = owner
        return os.stat_result(found)

    monkeypatch.setattr(Path, "lstat", told)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    if owner:
        with pytest.raises(DiskError, match="a link that user 1000 made"):
            atomic_file.write(tmp_path / "link" / "file", b"data")
    else:
        atomic_file.write(tmp_path / "link" / "file", b"data")
    assert names(tmp_path / "there") == ([] if owner else ["file"])


def test_a_file_that_is_not_there_is_removed(tmp_path: Path) -> None:
    atomic_file.remove(tmp_path / "file")
    atomic_file.write(tmp_path / "file", b"data")
    atomic_file.remove(tmp_path / "file")
    assert not (tmp_path / "file").exists()
