"""mqtt_packets: what is encoded decodes to the same, nonsense is refused, and both Pythons make the same bytes."""

import json
import os
import random
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware.net import mqtt_greeting as greeting
from firmware.net import mqtt_packets as packets
from tests.support import brokers
from tests.support.micropython import run_json
from tests.support.paths import ROOT, SCRIPTS
from tests.support.timeouts import PATIENCE

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=80).filter(
    lambda topic: len(topic.encode()) <= packets.MAX_TOPIC
)
IDS = st.integers(1, 65535)


def feed(stream: bytes, packet: packets.Incoming) -> int:
    """Let `packet` take its parts from `stream`; returns how many bytes it took."""
    at = 0
    for view in packet.parts():
        assert at + len(view) <= len(stream), "wants more than the packet has"
        view[:] = stream[at : at + len(view)]
        at += len(view)
    return at


def incoming(size: int = 64) -> packets.Incoming:
    small = memoryview(bytearray(size))
    return packets.Incoming(small, lambda topic: small)


@given(TOPICS, st.binary(max_size=300), st.sampled_from([0, 1]), st.booleans(), IDS, st.booleans())
def test_published_head_is_the_standards(topic, payload, qos, retain, packet_id, again):
    into = bytearray(packets.MAX_HEAD)
    head = packets.publish(into, topic, len(payload), qos, retain, packet_id, again)
    assert bytes(into[:head]) + payload == brokers.publish(topic, payload, qos, packet_id, again << 3 | retain)


@pytest.mark.parametrize("remaining", [127, 128, 16383, 16384, 2097151, 2097152])
def test_remaining_length_where_it_grows_by_a_byte(remaining):
    into, size = bytearray(packets.MAX_HEAD), remaining - 3
    head = packets.publish(into, "a", size)
    message = brokers.publish("a", bytes(size))
    assert bytes(into[:head]) + bytes(size) == message
    assert feed(message, incoming(size)) == len(message)


@given(TOPICS, st.binary(max_size=300), st.sampled_from([0, 1]), st.booleans(), IDS, st.binary(max_size=9))
def test_received_message_is_the_one_sent_or_read_over(topic, payload, qos, retain, packet_id, after):
    stream, packet = brokers.publish(topic, payload, qos, packet_id, int(retain)), incoming(200)
    assert feed(stream + after, packet) == len(stream)
    assert (packet.kind, packet.topic, packet.qos, packet.retained) == (packets.PUBLISH, topic, qos, retain)
    assert packet.payload == (payload if len(payload) <= 200 else None)
    assert not qos or packet.id == packet_id


@given(st.integers(packets.MAX_TOPIC + 1, 65535), st.sampled_from([0, 1]))
def test_longer_topic_is_read_over_with_its_message(length, qos):
    stream, packet = brokers.publish("t" * length, b"payload", qos, 7), incoming()
    assert feed(stream, packet) == len(stream)
    assert packet.payload is None
    assert not qos or packet.id == 7


@given(st.binary(min_size=1, max_size=80))
def test_any_bytes_end_in_a_packet_or_mqtt_error(stream):
    packet = incoming(16)
    at = 0
    try:
        for view in packet.parts():
            view[:] = stream[at : at + len(view)].ljust(len(view), b"\xff")
            at += len(view)
            if at > len(stream):
                return
    except packets.MqttError:
        return
    assert packet.kind in (packets.CONNACK, packets.PUBLISH, packets.PUBACK, packets.SUBACK, packets.PINGRESP)


@pytest.mark.parametrize(
    "stream",
    [
        b"\x30\xff\xff\xff\xff\x7f",  # remaining length of five bytes
        b"\x30\x02\x00\x05",  # no topic
        b"\x30\x05\x00\x05abc",  # topic longer than the packet
        b"\x32\x04\x00\x01a\x00",  # no room for the id
        b"\x30\x02\x00\x00",  # empty topic
        b"\x34\x07\x00\x01a\x00\x01hi",  # QoS 2
        b"\x30\x04\x00\x02\xc3\x28",  # topic is not UTF-8
        b"\x10\x00",  # CONNECT, from a broker
        b"\xf0\x00",  # reserved type
        b"\x41\x02\x00\x01",  # flags on a PUBACK
        b"\x40\x03\x00\x01\x00",  # PUBACK too long
        b"\x90\x02\x00\x01",  # SUBACK without a code
        b"\xd0\x01\x00",  # PINGRESP with a body
    ],
)
def test_nonsense_is_refused(stream):
    with pytest.raises(packets.MqttError):
        feed(stream, incoming())


def test_refusals_are_words():
    packet = incoming()
    feed(b"\x20\x02\x00\x05", packet)
    with pytest.raises(packets.MqttError, match="not authorised"):
        greeting.check_accepted(packet)
    feed(b"\xd0\x00", packet)
    with pytest.raises(packets.MqttError, match="before the CONNACK"):
        greeting.check_accepted(packet)


@pytest.mark.parametrize("topic", ["", "t" * 257, "ä" * 129])
def test_topic_that_cannot_be_published(topic):
    with pytest.raises(ValueError, match="topic of"):
        packets.publish(bytearray(packets.MAX_HEAD), topic, 0)


def test_payload_that_cannot_be_published():
    with pytest.raises(ValueError, match="268435455"):
        packets.publish(bytearray(packets.MAX_HEAD), "a", packets.MAX_REMAINING)


@pytest.mark.parametrize(
    ("pattern", "topic", "expected"),
    [
        ("a/b", "a/b", True), ("a/b", "a/c", False), ("a/b", "a/b/c", False), ("a/b", "a", False),
        ("a/+", "a/b", True), ("a/+", "a/b/c", False), ("a/+", "a", False), ("+/b", "a/b", True), ("+", "", True),
        ("a/#", "a/b/c", True), ("a/#", "a", True), ("a/#", "b", False), ("#", "a/b", True), ("a/+/#", "a", False),
    ],
)  # fmt: skip
def test_matches(pattern, topic, expected):
    assert packets.matches(pattern, topic) is expected


def test_connect_and_subscribe_are_the_standards():
    will = ("w", b"off", 1, True)
    assert greeting.connect("id", 15) == b"\x10\x0e\0\4MQTT\4\x02\0\x0f\0\2id"
    assert greeting.connect("id", 258, will, "me", "pw") == (
        b"\x10\x1e\0\4MQTT\4\xee\1\2\0\2id" + b"\0\1w\0\3off" + b"\0\2me\0\2pw"
    )
    assert greeting.subscribe(258, [("a/+", 1), ("b", 0)]) == b"\x82\x0c\1\2\0\3a/+\1\0\1b\0"


def test_both_pythons_encode_the_same():
    assert run_json(SCRIPTS / "client/encode.py") == json.loads(under_cpython("client/encode.py"))


def test_both_pythons_decode_the_same():
    lines = "".join(stream.hex() + "\n" for stream in streams(seed=1, count=300))
    ours = json.loads(under_cpython("client/decode.py", lines))
    assert run_json(SCRIPTS / "client/decode.py", stdin=lines) == ours
    endings = {packets_and_end[-1] for packets_and_end in ours}
    assert {"end", "cut"} < endings, "the streams do not reach every ending"


def streams(seed: int, count: int) -> list[bytes]:
    """Streams of valid packets, of which two in three are cut short or have bytes changed."""
    dice = random.Random(seed)
    return [spoilt(dice, b"".join(some_packet(dice) for _ in range(dice.randrange(1, 6)))) for _ in range(count)]


def some_packet(dice: random.Random) -> bytes:
    topic, qos = dice.choice(["small", "big", "nobody's", "ä" * 200]), dice.randrange(2)
    payload = dice.randbytes(dice.choice([0, 1, 32, 33, 64, 65, 200]))
    message = brokers.publish(topic, payload, qos, dice.randrange(1, 65536))
    answers = [b"\x20\x02\x00\x00", b"\x40\x02\x01\x02", b"\x90\x04\x00\x01\x80\x01", b"\xd0\x00"]
    return dice.choice([message, message, *answers])


def spoilt(dice: random.Random, stream: bytes) -> bytes:
    damaged = bytearray(stream)
    damaged[dice.randrange(len(damaged))] ^= dice.randrange(1, 256)
    return dice.choice([stream, stream[: dice.randrange(1, len(stream) + 1)], bytes(damaged)])


def under_cpython(script: str, stdin: str = "") -> str:
    command = [sys.executable, "-B", str(SCRIPTS / script)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "firmware")}
    return subprocess.run(
        command, input=stdin, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE
    ).stdout
