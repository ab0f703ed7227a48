import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.archive import frames
from reedmesh.archive.frames import Frame
from reedmesh.errors import WireError
from tests.support.archives import FEDERATION, key_of

KEY = key_of("g0")


def heard(raw: bytes, gateway: str = "g0", receiver: str = "g1", key: str = "g0") -> Frame:
    return frames.unpack(raw, gateway, receiver, [key_of(key).public], FEDERATION)


@given(st.sampled_from(frames.QUESTIONS + frames.ANSWERS), st.integers(0, 2**64 - 1), st.binary(max_size=300))
def test_what_is_packed_is_unpacked(kind: int, time: int, body: bytes) -> None:
    it = Frame(kind, "g0", "g1", time, b"n" * 16, body)
    assert heard(frames.pack(it, KEY, FEDERATION)) == it


def test_nobody_speaks_for_another_or_to_another_or_in_another_federation() -> None:
    raw = frames.pack(Frame(frames.LIST, "g0", "g1", 1, bytes(16), b""), KEY, FEDERATION)
    for wrong in ({"gateway": "g2"}, {"receiver": "g2"}, {"key": "g1"}):
        with pytest.raises(WireError):
            heard(raw, **wrong)
    with pytest.raises(WireError):
        heard(frames.pack(Frame(frames.LIST, "g0", "g1", 1, bytes(16), b""), KEY, "another"))


def test_every_changed_byte_is_refused() -> None:
    raw = frames.pack(Frame(frames.PUT, "g0", "g1", 1, bytes(16), b"body"), KEY, FEDERATION)
    for at in range(len(raw)):
        with pytest.raises(WireError):
            heard(raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :])


@settings(max_examples=200)
@given(st.binary(max_size=400))
def test_noise_is_refused(noise: bytes) -> None:
    for read in (frames.offer, frames.place, frames.object_id, frames.put, frames.listed):
        try:
            read(noise)
        except WireError:
            continue
    with pytest.raises(WireError):
        heard(noise)


def test_a_list_of_all_objects_fits_in_a_message() -> None:
    from reedmesh.archive.shelf import MOST_OBJECTS

    held = {i.to_bytes(16, "big"): i % 256 for i in range(MOST_OBJECTS)}
    body = frames.pack_list(held.items())
    assert len(body) <= frames.MOST_BODY
    assert frames.listed(body) == held


def test_the_largest_put_fits_in_a_message() -> None:
    from reedmesh.archive.manifest import LARGEST
    from reedmesh.protocol.shards import MAX_SHARD

    body = frames.pack_put(bytes(LARGEST), 300, 7, bytes(MAX_SHARD))
    assert len(body) <= frames.MOST_BODY
    assert frames.put(body) == (bytes(LARGEST), 300, 7, bytes(MAX_SHARD))


def test_a_reason_holds_no_terminal_codes() -> None:
    assert frames.reason(b"no\x1b[2J\xff space") == "no?[2J\ufffd space"
