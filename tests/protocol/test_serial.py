"""The serial line's codec: frames survive flipped bits and are found again after dropped bytes, and none lies."""

import random
import subprocess
import sys
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.protocol import serial_message, wire
from reedmesh.protocol.frame_ecc import PARITY, correct, parity
from reedmesh.protocol.serial_frame import LONGEST_BODY, Deframer, frame
from reedmesh.protocol.serial_message import LONGEST_MESSAGE, LONGEST_SHARD, Assembler, pieces
from reedmesh.protocol.shards import Shape, Shard
from reedmesh.protocol.wire import Window, WireError
from tests.support.micropython import run
from tests.support.paths import BOTH, VECTORS
from tests.support.timeouts import PATIENCE

SCRIPT = BOTH / "serial_vectors.py"
VECTORS = VECTORS / "serial.json"

bodies = st.binary(min_size=1, max_size=LONGEST_BODY)


def flipped(data: bytes, rate: float, chance: random.Random) -> bytes:
    """`data` with each bit wrong at this rate."""
    noise = sum(1 << bit for bit in range(8 * len(data)) if chance.random() < rate)
    return (int.from_bytes(data, "big") ^ noise).to_bytes(len(data), "big")


@given(st.lists(bodies, max_size=5), st.integers(1, 300))
def test_bodies_arrive_as_they_left_however_the_stream_is_cut(sent: list[bytes], step: int) -> None:
    stream = b"".join(map(frame, sent))
    assert stream.count(0) == 2 * len(sent)
    deframer = Deframer()
    assert [body for at in range(0, len(stream), step) for body in deframer.feed(stream[at : at + step])] == sent
    assert deframer.mended == deframer.lost == 0


@given(bodies, st.integers(0, 8), st.randoms(use_true_random=False))
def test_eight_wrong_bytes_are_mended_anywhere_behind_the_mask(body: bytes, count: int, chance: random.Random) -> None:
    sent = bytearray(frame(body))
    for place in chance.sample(range(4, len(sent) - 1), count):
        sent[place] = chance.choice([value for value in range(1, 256) if value != sent[place]])
    deframer = Deframer()
    assert deframer.feed(bytes(sent)) == [body]
    assert deframer.mended <= count, "what is wrong in the parity alone need not be mended"


@given(bodies, st.integers(1, 3), st.integers(1, 255))
def test_one_wrong_copy_of_the_mask_is_outvoted(body: bytes, place: int, noise: int) -> None:
    sent = bytearray(frame(body))
    sent[place] = sent[place] ^ noise or 255
    assert Deframer().feed(bytes(sent)) == [body]


@settings(max_examples=60)
@given(
    st.lists(bodies, min_size=1, max_size=8), st.floats(0, 0.02), st.floats(0, 0.02), st.randoms(use_true_random=False)
)
def test_noise_loses_frames_and_changes_none(
    sent: list[bytes], flips: float, drops: float, chance: random.Random
) -> None:
    stream = flipped(b"".join(map(frame, sent)), flips, chance)
    deframer = Deframer()
    received = deframer.feed(bytes(byte for byte in stream if chance.random() >= drops))
    left = iter(sent)
    assert all(body in left for body in received), "what arrives was sent, in this order"
    assert deframer.feed(b"\0" + frame(b"the next one"))[-1:] == [b"the next one"]


def test_at_a_thousandth_of_the_bits_wrong_nearly_all_arrives() -> None:
    chance = random.Random(4)
    sent = [chance.randbytes(200) for _ in range(300)]
    deframer = Deframer()
    received = deframer.feed(flipped(b"".join(map(frame, sent)), 1e-3, chance))
    assert len(received) >= 290
    assert deframer.mended > 300, "one frame in six would arrive unharmed"


def with_cobs(word: bytes) -> bytes:
    """The usual way to free a word of zeros: each becomes the distance to the next."""
    parts = word.split(b"\0")
    return b"".join(bytes([len(part) + 1]) + part for part in parts)


def without_cobs(data: bytes) -> bytearray:
    """Its inverse; a wrong distance leads astray, but moves no byte."""
    word, place = bytearray(data[1:]), data[0] if data else 0
    while 0 < place <= len(word):
        step, word[place - 1] = word[place - 1], 0
        if not step:
            break
        place += step
    return word


def cobs_delivers(window: bytes, flips: float, chance: random.Random) -> bool:
    """Whether a window arrives that is protected as ours are, but framed by COBS."""
    word = window + zlib.crc32(window).to_bytes(4, "little")
    stream = flipped(b"\0" + with_cobs(word + parity(word)) + b"\0", flips, chance)
    for part in stream.split(b"\0"):
        received = without_cobs(part)
        with suppress(WireError):
            correct(received)
            if received[:-PARITY] == word:
                return True
    return False


def test_more_windows_arrive_than_with_cobs() -> None:
    """A window's header is full of zeros, so COBS's chain is long. docs/decisions/0005 quotes these figures."""
    chance = random.Random(1)
    window = bytearray(wire.WINDOW_HEADER + 69)
    wire.pack_window(Window(bytes(chance.choice((0, 1, 2, 255, 254, 250)) for _ in range(69)), 7, 1000), window)
    assert without_cobs(with_cobs(window)) == window
    for flips, ours, cobs in ((1e-3, 0.97, 0.85), (3e-3, 0.94, 0.6)):
        sent = frame(bytes(window))
        arrived = sum(Deframer().feed(flipped(sent, flips, chance)) == [window] for _ in range(400)) / 400
        with_pointers = sum(cobs_delivers(bytes(window), flips, chance) for _ in range(400)) / 400
        print(f"{flips}: {arrived:.1%} of the windows arrive, {with_pointers:.1%} with COBS")
        assert arrived >= ours
        assert with_pointers <= cobs


@given(st.binary(max_size=2000))
def test_junk_makes_no_body_and_takes_no_memory(junk: bytes) -> None:
    deframer = Deframer()
    assert deframer.feed(junk + b"\1" * 1000) == []
    assert len(deframer._part) <= 258


@given(bodies, st.integers(1, 2**32 - 1))
def test_a_frame_whose_parity_is_right_and_crc_is_not_is_lost(body: bytes, noise: int) -> None:
    """So does a frame look that was mended into another one."""
    word = body + (zlib.crc32(body) ^ noise).to_bytes(4, "little")
    word += parity(word)
    mask = next(value for value in range(1, 256) if value not in word)
    deframer = Deframer()
    assert deframer.feed(bytes([0, mask, mask, mask, *(byte ^ mask for byte in word), 0])) == []
    assert deframer.lost == 1


@pytest.mark.parametrize("size", [0, LONGEST_BODY + 1])
def test_a_body_that_fits_no_frame_is_refused(size: int) -> None:
    with pytest.raises(WireError, match="body"):
        frame(bytes(size))


@given(st.binary(min_size=1, max_size=LONGEST_MESSAGE), st.integers(0, 65535), st.randoms(use_true_random=False))
def test_a_message_is_put_together_from_its_pieces_in_any_order(
    message: bytes, number: int, chance: random.Random
) -> None:
    cut = pieces(number, message)
    assert all(len(piece) <= LONGEST_BODY for piece in cut)
    assembler, left = Assembler(), set(range(len(cut)))
    for i in chance.sample(sorted(left), len(cut)):
        left.discard(i)
        expected = number, sum(1 << piece for piece in left), b"" if left else message
        assert assembler.add(serial_message.asking(cut[i])) == expected


def test_two_messages_may_be_interleaved_and_a_third_displaces_the_oldest() -> None:
    first, second, third = (pieces(number, bytes([number]) * 500) for number in (1, 2, 3))
    assembler = Assembler()
    for piece in (first[0], second[0], first[1], second[1]):
        assembler.add(piece)
    assert assembler.add(second[2]) == (2, 0, b"\2" * 500)
    assert assembler.add(first[2]) == (1, 0, b"\1" * 500)
    for piece in (first[0], second[0], third[0]):
        assembler.add(piece)
    assert assembler.add(second[2])[1] == 0b010
    assert assembler.add(first[1])[1] == 0b101, "it has to start again"


@pytest.mark.parametrize(
    "body", [b"", b"\0\1\0\0\1", b"\0\1\0\1\1x", b"\0\1\0\0\0x", b"\0\1\0\0\2x", b"\0\1\0\0\x41" + bytes(229)]
)
def test_a_piece_that_does_not_fit_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="piece"):
        Assembler().add(body)


def test_a_receiver_with_little_memory_refuses_long_messages() -> None:
    with pytest.raises(WireError, match="piece"):
        Assembler(longest=500).add(pieces(1, bytes(1000))[0])


@given(st.text(max_size=60), st.binary(max_size=300), st.integers(0, 1), st.booleans())
def test_mqtt_messages_survive(topic: str, payload: bytes, qos: int, retain: bool) -> None:
    message = serial_message.pack_message(topic, payload, qos, retain)
    assert serial_message.unpack_message(message) == (topic, payload, qos, retain)


@pytest.mark.parametrize("message", [b"", b"\0", b"\4\0", b"\0\2a", b"\0\1\xff"])
def test_a_message_that_does_not_fit_is_refused(message: bytes) -> None:
    with pytest.raises(WireError, match="message"):
        serial_message.unpack_message(message)


def test_a_message_or_shard_that_fits_no_line_is_not_made() -> None:
    shape = Shape(1, LONGEST_SHARD + 4, 4)
    for make in (
        lambda: serial_message.pack_message("a" * 256, b"", 0, False),
        lambda: serial_message.pack_message("a", bytes(LONGEST_MESSAGE), 0, False),
        lambda: pieces(1, b""),
        lambda: serial_message.pack_shard(Shard(bytes(8), shape, 0, 0, bytes(LONGEST_SHARD + 4))),
        lambda: serial_message.pack_shard(Shard(bytes(8), Shape(1, 4, 2000), 256, 0, bytes(4))),
        lambda: serial_message.unpack_report(b"\2\0\0"),
    ):
        with pytest.raises(WireError):
            make()


@pytest.mark.parametrize(
    "body", [b"\3\x07\0\0", b"\3\x08\0\0abcd", b"\3\7\1\0abcd", b"\3\7\0\xffabcd", b"\3\7\0\0abcde"]
)
def test_a_shard_of_another_bundle_is_refused(body: bytes) -> None:
    with pytest.raises(WireError, match="shard"):
        serial_message.unpack_shard(body, b"\7" + bytes(7), Shape(2, 4, 8))


def test_both_pythons_agree_with_the_vectors() -> None:
    here = subprocess.run([sys.executable, SCRIPT, VECTORS], capture_output=True, text=True, timeout=PATIENCE)
    assert here.returncode == 0, here.stderr
    assert run(SCRIPT, VECTORS) == here.stdout
    assert len(here.stdout.splitlines()) > 14


@given(st.binary(max_size=300), st.sampled_from((0, 1)), st.booleans())
def test_a_tag_is_of_its_key_and_of_every_byte(payload: bytes, qos: int, retain: bool) -> None:
    key, other = b"key of press", b"key of fan"
    message = serial_message.pack_message("reedmesh/gw/press/window", payload, qos, retain, key)
    assert serial_message.unpack_message(message) == ("reedmesh/gw/press/window", payload, qos, retain)
    assert serial_message.is_tagged(message) and serial_message.is_tagged_by(message, key)
    assert not serial_message.is_tagged_by(message, other)
    for at in (0, 1, 5, len(message) // 2, len(message) - 1):
        bent = bytearray(message)
        bent[at] ^= 64
        assert not serial_message.is_tagged_by(bytes(bent), key)
    assert not serial_message.is_tagged(serial_message.pack_message("a", payload, qos, retain))
