"""A root commits to every window, its number and its order; a proof shows one window and no other."""

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.provenance import merkle

SECRET = bytes(range(merkle.SECRET))
windows = st.lists(st.binary(min_size=1, max_size=8), min_size=1, max_size=40)


def rfc_root(hashes: list[bytes]) -> bytes:
    """The recursive definition of RFC 9162, section 2.1.1."""
    if len(hashes) == 1:
        return hashes[0]
    k = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\1" + rfc_root(hashes[:k]) + rfc_root(hashes[k:])).digest()


@given(windows)
def test_the_root_is_that_of_the_rfc(each: list[bytes]) -> None:
    hashes = merkle.leaves(SECRET, "press", each)
    assert merkle.root(hashes) == rfc_root(hashes)


@given(windows, st.data())
def test_a_proof_leads_to_the_root_and_only_from_its_own_leaf(each: list[bytes], data: st.DataObject) -> None:
    hashes = merkle.leaves(SECRET, "press", each)
    committed, index = merkle.root(hashes), data.draw(st.integers(0, len(each) - 1))
    siblings = merkle.proof(hashes, index)
    assert merkle.holds(committed, len(each), index, hashes[index], siblings)
    wrong = merkle.leaf(merkle.salt(SECRET, index), "press", index, each[index] + b"x")
    assert not merkle.holds(committed, len(each), index, wrong, siblings)
    assert not merkle.holds(committed, len(each), index, hashes[index], [*siblings, bytes(32)])
    assert not merkle.holds(committed, len(each), len(each), hashes[index], siblings)


@given(windows, st.data())
def test_every_change_of_the_windows_changes_the_root(each: list[bytes], data: st.DataObject) -> None:
    committed = merkle.root(merkle.leaves(SECRET, "press", each))
    at = data.draw(st.integers(0, len(each) - 1))
    flipped = [*each[:at], bytes([each[at][0] ^ 1]) + each[at][1:], *each[at + 1 :]]
    changed = [flipped, [*each, b"more"]] + ([[*each[:at], *each[at + 1 :]]] if len(each) > 1 else [])
    assert all(merkle.root(merkle.leaves(SECRET, "press", other)) != committed for other in changed)
    assert merkle.root(merkle.leaves(SECRET, "saw", each)) != committed
    assert merkle.root(merkle.leaves(bytes(32), "press", each)) != committed


def test_a_proof_of_a_thousand_windows_is_short() -> None:
    hashes = merkle.leaves(SECRET, "press", [bytes([i % 251]) for i in range(1000)])
    assert max(len(merkle.proof(hashes, i)) for i in range(1000)) * merkle.DIGEST + merkle.SALT <= 600


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_proof_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(ValueError, match="leaf"):
        merkle.proof(merkle.leaves(SECRET, "press", [b"a", b"b", b"c"]), index)


def test_a_tree_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="0 leaves"):
        merkle.root([])
