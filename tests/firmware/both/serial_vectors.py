"""Reads and writes what tests/vectors/serial.json says goes over a serial line: the same under both Pythons.

Usage: serial_vectors.py serial.json. Prints a line for each vector and fails where it is not met.
"""

import json
import sys

try:
    import micropython
    from protocol import serial_frame, serial_message
    from protocol.shards import Shape
except ImportError:
    from reedmesh.protocol import serial_frame, serial_message
    from reedmesh.protocol.shards import Shape

    micropython = None

unhex = bytes.fromhex


def check_frame(vector):
    assert serial_frame.frame(unhex(vector["body"])) == unhex(vector["frame"])
    print("frame", len(vector["body"]))


def check_stream(vector):
    """However the stream is cut, the same frames are found."""
    received, bodies = unhex(vector["stream"]), [unhex(body) for body in vector["bodies"]]
    for step in (1, 2, 7, 100, len(received)):
        deframer = serial_frame.Deframer()
        found = [body for at in range(0, len(received), step) for body in deframer.feed(received[at : at + step])]
        assert found == bodies, vector["name"]
        assert (deframer.mended, deframer.lost) == (vector["mended"], vector["lost"]), vector["name"]
    print("stream", vector["name"])


def check_message(vector):
    topic, payload, bodies = vector["topic"], unhex(vector["payload"]), [unhex(body) for body in vector["bodies"]]
    message = serial_message.pack_message(topic, payload, vector["qos"], vector["retain"])
    cut = serial_message.pieces(vector["number"], message)
    assert [cut[0], serial_message.asking(cut[1])] == bodies
    assembler = serial_message.Assembler()
    assert assembler.add(bodies[1]) == (vector["number"], 1, b"")
    assert assembler.add(bodies[0]) == (vector["number"], 0, message)
    assert serial_message.unpack_message(message) == (topic, payload, vector["qos"], vector["retain"])
    print("message", topic)


def check_addressed(vector):
    plain, body, whose = unhex(vector["plain"]), unhex(vector["body"]), serial_message.address(vector["topic"])
    assert serial_message.addressed(plain, whose, vector["from_gateway"]) == body
    assert serial_message.unaddressed(body) == (whose, vector["from_gateway"], plain)
    assert serial_message.unaddressed(plain) == (None, False, plain)
    print("addressed", whose)


def check_report(vector):
    body = unhex(vector["body"])
    assert serial_message.pack_report(vector["number"], vector["missing"]) == body
    assert serial_message.unpack_report(body) == (vector["number"], vector["missing"])
    print("report", vector["number"])


def check_shard(vector):
    body, bundle = unhex(vector["body"]), unhex(vector["bundle"])
    shape = Shape(vector["k"], vector["shard_length"], vector["length"])
    shard = serial_message.unpack_shard(body, bundle, shape)
    assert (shard.block, shard.index, bytes(shard.data)) == (vector["block"], vector["index"], unhex(vector["data"]))
    assert serial_message.pack_shard(shard) == body
    print("shard", shard.index)


def main(path):
    with open(path) as file:
        vectors = json.load(file)
    for name, check in (
        ("frames", check_frame),
        ("streams", check_stream),
        ("message", check_message),
        ("addressed", check_addressed),
        ("report", check_report),
        ("shard", check_shard),
    ):
        for vector in vectors[name]:
            check(vector)


main(sys.argv[1])
