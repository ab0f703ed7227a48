"""Frames and topics survive the trip, and nothing malformed gets through."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.protocol import late_frame, offer_frame, wire
from reedmesh.protocol.offer_frame import Offer
from reedmesh.protocol.wire import Window, WireError

u32 = st.integers(0, 2**32 - 1)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)


@st.composite
def windows(draw: st.DrawFn) -> Window:
    window = Window(draw(st.binary(min_size=1, max_size=512)), draw(u32), draw(u32))
    window.lost = draw(u32)
    window.clipped = draw(st.integers(0, 65535))
    window.score = draw(st.none() | u32)
    window.model = draw(st.binary(min_size=8, max_size=8))
    return window


def frame_of(window: Window) -> bytes:
    into = bytearray(wire.WINDOW_HEADER + len(window.features) + (wire.WINDOW_CLIPPED if window.clipped else 0))
    assert wire.pack_window(window, into) == len(into)
    return bytes(into)


@given(windows())
def test_a_window_arrives_as_it_left(window: Window) -> None:
    assert vars(wire.unpack_window(frame_of(window))) == vars(window)


@given(windows(), st.data())
def test_a_window_of_another_length_is_refused(window: Window, data: st.DataObject) -> None:
    frame = frame_of(window)
    cut = data.draw(st.integers(0, len(frame) - 1))
    with pytest.raises(WireError):
        wire.unpack_window(frame[:cut])
    with pytest.raises(WireError):
        wire.unpack_window(frame + b"x")


@given(windows(), u32)
def test_a_late_window_arrives_with_its_age(window: Window, age: int) -> None:
    read, arrived = late_frame.unpack_late(late_frame.pack_late(age, frame_of(window)))
    assert read == age and vars(arrived) == vars(window)


@given(st.binary(max_size=700))
def test_junk_is_a_wire_error_or_a_late_window(junk: bytes) -> None:
    with suppress(WireError):
        age, window = late_frame.unpack_late(junk)
        assert late_frame.pack_late(age, frame_of(window)) == junk


@given(st.binary(max_size=700))
def test_junk_is_a_wire_error_or_a_window(junk: bytes) -> None:
    with suppress(WireError):
        assert frame_of(wire.unpack_window(junk)) == junk


@pytest.mark.parametrize(("at", "value"), [(0, 2), (1, 2), (1, 0x80), (2, 0)])
def test_unknown_versions_flags_and_counts_are_refused(at: int, value: int) -> None:
    frame = bytearray(frame_of(Window(b"f", 1, 1)))
    frame[at] = value
    with pytest.raises(WireError):
        wire.unpack_window(bytes(frame))


@given(
    u32,
    st.binary(min_size=1, max_size=2000),
    st.binary(min_size=32, max_size=32),
    st.binary(min_size=1, max_size=512),
    u32,
)
def test_an_offer_arrives_as_it_left(sequence: int, model: bytes, sha256: bytes, trial: bytes, score: int) -> None:
    offer = Offer(sequence, model, sha256, trial, score)
    frame = offer_frame.pack_offer(offer)
    assert vars(offer_frame.unpack_offer(frame)) == vars(offer)
    with pytest.raises(WireError):
        offer_frame.unpack_offer(frame[:-1])


def test_a_model_starts_where_a_sensor_can_run_it() -> None:
    """Weights are read as 32-bit words in the very buffer the offer arrived in."""
    assert offer_frame.OFFER_HEADER % 16 == 0


@given(st.binary(max_size=200))
def test_junk_is_no_offer(junk: bytes) -> None:
    with suppress(WireError):
        offer_frame.unpack_offer(junk)


def test_a_huge_declared_model_is_refused_before_anything_is_taken() -> None:
    frame = bytearray(offer_frame.pack_offer(Offer(1, b"m", bytes(32), b"t", 0)))
    frame[8:12] = (0xFFFFFFFF).to_bytes(4, "little")
    with pytest.raises(WireError, match="4294967295 model bytes"):
        offer_frame.unpack_offer(bytes(frame))


@given(names, st.lists(names, min_size=1, max_size=6))
def test_topics_are_read_as_they_were_made(gateway: str, parts: list[str]) -> None:
    assert wire.split_topic(wire.topic(gateway, *parts)) == [gateway, *parts]


@pytest.mark.parametrize("name", ["", "a" * 33, "A", "a.b", "a b", "a/b", "+", "#", "é"])
def test_names_that_a_broker_may_not_carry_are_refused(name: str) -> None:
    with pytest.raises(WireError, match="no name"):
        wire.topic("gw", name)
    with pytest.raises(WireError, match="topic"):
        wire.split_topic(f"reedmesh/gw/{name.replace('/', '//')}")


@pytest.mark.parametrize("topic", ["reedmesh/gw", "other/gw/s/window", "reedmesh//s", "reedmesh/" + "a/" * 9 + "a"])
def test_other_topics_are_not_ours(topic: str) -> None:
    with pytest.raises(WireError):
        wire.split_topic(topic)
