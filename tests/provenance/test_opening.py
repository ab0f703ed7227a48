"""Openings show what was committed to; a window that was changed or kept back is found, and nobody chooses which."""

import json
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.provenance import merkle, opening

SECRET, HEAD = bytes(range(32)), sha256(b"a later checkpoint").digest()
WINDOWS = [bytes([i, i // 2]) for i in range(100)]
ROOT = merkle.root(merkle.leaves(SECRET, "press", WINDOWS))


def opened(windows: list[bytes] = WINDOWS, count: int = 10) -> bytes:
    return json.dumps(opening.make("press", SECRET, windows, HEAD, count)).encode()


def test_what_was_committed_to_can_be_shown() -> None:
    assert opening.check(opened(), ROOT, 100, HEAD, 10) == []


@given(st.integers(1, 50), st.integers(1, 300), st.binary(min_size=32, max_size=32))
def test_those_that_are_asked_for_are_different_and_follow_from_the_hashes(n: int, k: int, head: bytes) -> None:
    found = opening.chosen(ROOT, head, n, k)
    assert len(found) == len(set(found)) == min(n, k) and all(0 <= each < n for each in found)
    assert found == opening.chosen(ROOT, head, n, k)


def test_windows_invented_afterwards_are_found() -> None:
    invented = [*WINDOWS[:-1], b"xx"]
    assert opening.check(opened(invented, 100), ROOT, 100, HEAD, 100)


def test_a_window_kept_back_is_found() -> None:
    table = json.loads(opened())
    kept_back = table["leaves"].pop()["index"]
    (fault,) = opening.check(json.dumps(table).encode(), ROOT, 100, HEAD, 10)
    assert fault == f"window {kept_back} was asked for and is not shown"


def test_an_opening_is_small() -> None:
    (leaf,) = json.loads(opened(count=1))["leaves"]
    assert sum(len(each) // 2 for each in (leaf["salt"], leaf["features"], *leaf["siblings"])) <= 600


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"leaves": 5}', b'{"sensor": "a", "leaves": [{"index": "x"}]}'])
def test_nonsense_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="opening"):
        opening.check(data, ROOT, 100, HEAD, 1)
