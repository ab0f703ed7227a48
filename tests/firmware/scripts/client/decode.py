"""Decodes streams of broker packets, one in hex a line of stdin, and prints the outcome as JSON: for either Python."""

import json
import sys
from io import BytesIO

from net import mqtt_packets as packets

BUFFER = memoryview(bytearray(64))
SMALL = memoryview(bytearray(32))


def buffer_for(topic):
    return {"small": SMALL, "big": BUFFER}.get(topic)


def decode(stream):
    """All packets of `stream` as lists, then how it ended: "end", "cut" within a packet, or the MqttError's text."""
    source, packet, seen = BytesIO(stream), packets.Incoming(SMALL, buffer_for), []
    try:
        while source.tell() < len(stream):
            for view in packet.parts():
                if source.readinto(view) < len(view):
                    raise EOFError("cut")
            seen.append(_facts(packet))
        seen.append("end")
    except (EOFError, packets.MqttError) as error:
        seen.append(str(error))
    return seen


def _facts(packet):
    if packet.kind != packets.PUBLISH:
        return [packet.kind, list(packet.codes)]
    payload = None if packet.payload is None else list(packet.payload)
    return [packet.kind, packet.topic, packet.qos, packet.id if packet.qos else 0, packet.retained, payload]


if __name__ == "__main__":
    print(json.dumps([decode(bytes.fromhex(line.strip())) for line in sys.stdin]))
