"""What a model says of itself travels in its metadata, and odd metadata ends nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.inference import learnt
from reedmesh.inference.learnt import Learnt


@given(st.integers(0, 65535), st.integers(0, 65535), st.lists(st.integers(0, learnt.MOST)), st.integers(0, learnt.MOST))
def test_what_is_packed_is_read(windows: int, over: int, lifts: list[int], middle: int) -> None:
    it = Learnt(windows, min(over, windows), tuple(lifts), middle, windows << 16, over, middle, windows << 8)
    assert learnt.unpack(it.pack()) == it


@given(st.binary(max_size=12))
def test_any_bytes_are_read(said: bytes) -> None:
    it = learnt.unpack(said)
    assert it and it.over <= it.windows


def test_a_model_without_it_says_nothing_and_former_versions_what_they_know() -> None:
    assert learnt.unpack(None) is None
    second = bytes([2, 5]) + (240).to_bytes(2, "little") + bytes(12) + bytes([7, 8])
    assert learnt.unpack(second) == Learnt(240, 0, (7, 8), 5)
    assert learnt.unpack(bytes([1, 10])) == Learnt(middle=10)


def test_few_windows_promise_little() -> None:
    few, many = Learnt(24), Learnt(240)
    assert few.promise == pytest.approx(0.101, abs=1e-3) and many.promise == pytest.approx(0.011, abs=1e-3)
    assert Learnt().promise is None and Learnt(middle=12).sensitivity == 4.5
