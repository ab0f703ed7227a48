"""The frame of a part comes back, and bytes that are none are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.protocol import part as frames
from reedmesh.protocol.part import Part
from reedmesh.protocol.wire import WireError

words = st.integers(0, 2**32 - 1)


def packed(part: Part) -> bytes:
    into = bytearray(frames.SIZE)
    frames.pack(part, into)
    return bytes(into)


@given(st.sampled_from([0, 1, 2, 255]), st.integers(0, 255), words, words, words, st.binary(max_size=24))
def test_a_part_comes_back(verdict: int, fault: int, boot: int, number: int, latency: int, name: bytes) -> None:
    part = Part(boot, number)
    part.verdict, part.fault, part.latency_us, part.name = verdict, fault, latency, name
    assert vars(frames.unpack(packed(part))) == vars(part)


@given(st.binary(max_size=60) | st.binary(min_size=frames.SIZE, max_size=frames.SIZE))
def test_junk_is_refused_or_read(junk: bytes) -> None:
    try:
        part = frames.unpack(junk)
    except WireError:
        return
    assert packed(part) == junk


@pytest.mark.parametrize(("at", "value"), [(0, 2), (1, 3), (3, 25), (frames.SIZE - 1, 1)])
def test_a_field_that_cannot_be_is_named(at: int, value: int) -> None:
    frame = bytearray(packed(Part(1, 2)))
    frame[at] = value
    with pytest.raises(WireError, match="part: "):
        frames.unpack(bytes(frame))
