"""Frames of the pool: what is packed is read again, and nothing else is believed."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.jobs import frames
from reedmesh.jobs.frames import Award, Begun, Bid, Chunk, Frame, Need, Offer, Receipt, Result, Taken, Words
from tools.simulate.pool import key_of

JOB, DIGEST = "0123456789abcdef", "ab" * 32
SAID: tuple[Words, ...] = (
    Offer(JOB, "search", 1.5, 1000, "c0de"),
    Bid(JOB, 2.5),
    Award(JOB, "search", '{"rules": [[7, 16, 30]]}', DIGEST, 1000),
    Begun(JOB),
    Begun(JOB, "it is learning"),
    Need(JOB, DIGEST, 32768),
    Chunk(JOB, DIGEST, 0),
    Result(JOB, 1500),
    Receipt(JOB, "search", 1500, 4500, 3, True, DIGEST),
    Taken(4500),
)
KEYS = [key_of("hall1").public]


def packed(words: Words = SAID[0], data: bytes = b"", sender: str = "hall1", federation: str = "reedmesh") -> bytes:
    return frames.pack(Frame(words, 1e9, "hall2", data), sender, federation, key_of(sender))


@pytest.mark.parametrize("words", SAID, ids=lambda words: type(words).__name__)
def test_what_is_packed_is_read_again(words: Words) -> None:
    assert frames.unpack(packed(words, b"data"), "hall1", "reedmesh", KEYS) == Frame(words, 1e9, "hall2", b"data")


@given(st.integers(0, 400), st.integers(1, 255), st.sampled_from(SAID))
def test_a_frame_with_any_other_byte_is_refused(place: int, change: int, words: Words) -> None:
    frame = bytearray(packed(words, b"data"))
    frame[place % len(frame)] ^= change
    with pytest.raises(WireError):
        frames.unpack(bytes(frame), "hall1", "reedmesh", KEYS)


@given(st.binary(max_size=300))
def test_bytes_that_are_none_are_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        frames.unpack(frame, "hall1", "reedmesh", KEYS)


def test_a_frame_counts_for_its_sender_and_federation_only() -> None:
    for frame in (packed(sender="hall3"), packed(federation="other")):
        with pytest.raises(WireError, match="not signed"):
            frames.unpack(frame, "hall1", "reedmesh", KEYS)


WRONG = (
    {"is": "run", "job": JOB},
    {"is": "bid", "job": JOB, "seconds": 1e9},
    {"is": "bid", "job": "../../etc", "seconds": 1.0},
    {"is": "bid", "job": JOB, "seconds": 1.0, "shell": "rm"},
    {"is": "need", "job": JOB, "data": "../passwd", "offset": 0},
    {"is": "need", "job": JOB, "data": DIGEST, "offset": -1},
    {"is": "award", "job": JOB, "kind": "search", "arguments": [], "data": DIGEST, "size": 1},
    {"is": "award", "job": JOB, "kind": "search", "arguments": {}, "data": DIGEST, "size": 1 << 40},
    {"is": "taken", "total": 1 << 60},
    {"is": "taken", "total": 1, "to": "no name"},
)


@pytest.mark.parametrize("words", WRONG, ids=json.dumps)
def test_signed_words_that_make_no_sense_are_refused(words: dict[str, object]) -> None:
    text = json.dumps({"at": 1e9, "to": "", **words}).encode()
    frame = _signed(text)
    with pytest.raises(WireError):
        frames.unpack(frame, "hall1", "reedmesh", KEYS)


def test_words_and_data_are_bounded() -> None:
    with pytest.raises(ValueError, match="words"):
        packed(Award(JOB, "search", "y" * frames.MOST_WORDS, "", 0))
    with pytest.raises(WireError):
        frames.unpack(packed(data=bytes(frames.CHUNK + 1)), "hall1", "reedmesh", KEYS)


def _signed(text: bytes) -> bytes:
    signature = key_of("hall1").signature(frames._signed("hall1", "reedmesh", text, b""))
    return frames._HEAD.pack(frames.VERSION, signature, len(text)) + text
