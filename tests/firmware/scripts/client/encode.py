"""Prints the hex of every packet a sensor sends, over edges of their fields, as one JSON list: for either Python."""

import json

from net import mqtt_greeting as greeting
from net import mqtt_packets as packets

WILL = ("a/b", b"\x00off", 1, True)


def publish(topic, size, *rest):
    into = bytearray(packets.MAX_HEAD)
    return bytes(into[: packets.publish(into, topic, size, *rest)])


SIZES = (0, 1, 120, 121, 16376, 16377, 2097144, 2097145, packets.MAX_REMAINING - 6)


encoded = [
    greeting.connect("sensor", 15),
    greeting.connect("sensor", 65535, WILL),
    greeting.connect("n", 0, WILL, "user", "päss"),
    greeting.connect("n" * 200, 1, None, "user"),
    greeting.subscribe(1, [("a/#", 0), ("ä/+", 1)]),
    packets.puback(0xABCD),
    packets.PINGREQ,
    packets.DISCONNECT,
    publish("t" * packets.MAX_TOPIC, 3, 1, True, 65535, True),
] + [publish("a/ä", size) for size in SIZES]
print(json.dumps([packet.hex() for packet in encoded]))
