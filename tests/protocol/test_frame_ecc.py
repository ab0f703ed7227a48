"""The short-frame code has reedsolo's bytes, mends what can be mended and claims nothing beyond."""

import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.protocol.frame_ecc import LONGEST, PARITY, correct, parity
from reedmesh.protocol.wire import WireError

ORACLE = reedsolo.RSCodec(PARITY)


@st.composite
def damaged(draw: st.DrawFn, fewest: int, most: int) -> tuple[bytes, bytearray, int]:
    """A word, the same with so many wrong bytes, and how many."""
    data = draw(st.binary(min_size=1, max_size=LONGEST - PARITY))
    word = data + parity(data)
    count = draw(st.integers(min(fewest, len(word)), min(most, len(word))))
    wrong = bytearray(word)
    for place in draw(st.permutations(range(len(word))))[:count]:
        wrong[place] ^= draw(st.integers(1, 255))
    return word, wrong, count


@given(st.binary(min_size=1, max_size=LONGEST - PARITY))
def test_parity_is_that_of_reedsolo(data: bytes) -> None:
    assert data + parity(data) == bytes(ORACLE.encode(data))


@settings(max_examples=200)
@given(damaged(0, PARITY // 2))
def test_wrong_bytes_are_mended(case: tuple[bytes, bytearray, int]) -> None:
    word, wrong, count = case
    assert correct(wrong) == count
    assert wrong == word


@settings(max_examples=100)
@given(damaged(PARITY // 2 + 1, 40))
def test_too_many_are_refused_or_make_another_word(case: tuple[bytes, bytearray, int]) -> None:
    """A word so wrong that it is near another cannot be told from that; the result then is reedsolo's."""
    _, wrong, _ = case
    seen = bytearray(wrong)
    try:
        correct(wrong)
    except WireError:
        with pytest.raises(reedsolo.ReedSolomonError):
            ORACLE.decode(seen)
    else:
        assert bytes(ORACLE.decode(seen)[1]) == bytes(wrong)


@pytest.mark.parametrize("size", [0, PARITY, LONGEST + 1])
def test_what_is_no_word_is_refused(size: int) -> None:
    with pytest.raises(WireError, match="word"):
        correct(bytearray(size))
