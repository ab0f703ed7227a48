"""Data of jobs: whole or not at all, of the right content, bounded on disk."""

import os
from hashlib import sha256
from pathlib import Path

import pytest

from reedmesh.errors import DiskError, WireError
from reedmesh.jobs.data import Incoming, JobData


def test_parts_in_order_become_the_data() -> None:
    data = bytes(range(256)) * 10
    coming = Incoming(sha256(data).hexdigest(), len(data))
    assert not coming.add(100, data[100:200]) and not coming.add(0, b"")
    for at in range(0, len(data), 1000):
        assert coming.whole() is None and coming.add(at, data[at : at + 1000])
        assert not coming.add(at, data[at : at + 1000]), "twice the same"
    assert coming.whole() == data


def test_more_or_other_data_than_were_named_are_refused() -> None:
    coming = Incoming(sha256(b"right").hexdigest(), 5)
    with pytest.raises(WireError, match="more than"):
        coming.add(0, b"too many bytes")
    coming.add(0, b"wrong")
    with pytest.raises(WireError, match="are not"):
        coming.whole()


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    it = JobData(tmp_path / "jobs", 1000)
    first, second = it.keep(bytes(400)), it.keep(b"2" * 400)
    os.utime(it.path(first), (1, 1))
    os.utime(it.path(second), (2, 2))
    assert it.has(first)  # that is a use
    third = it.keep(b"3" * 400)
    assert it.has(first) and it.has(third) and not it.has(second)
    assert sum(each.stat().st_size for each in it.folder.iterdir()) <= 1000
    with pytest.raises(DiskError, match="megabytes"):
        it.keep(bytes(1001))


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    it = JobData(tmp_path / "jobs", 1000)
    assert not it.has("ab" * 32)
    for ask in (lambda: it.size("ab" * 32), lambda: it.read("ab" * 32, 0, 1)):
        with pytest.raises(WireError, match="no data"):
            ask()
    digest = it.keep(b"0123456789")
    assert it.size(digest) == 10 and it.read(digest, 3, 4) == b"3456"
