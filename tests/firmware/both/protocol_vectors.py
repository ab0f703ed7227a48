"""Reads and writes every frame of tests/vectors/frames.json: the same lines under CPython and under MicroPython.

Usage: protocol_vectors.py frames.json. Prints a line for each vector and fails where a frame is not what its fields
say, where it is not made of them again byte for byte, or where one that must be refused is taken.
"""

import json
import sys

try:
    import micropython
    from protocol import late_frame, offer_frame, shards, wire
except ImportError:
    from reedmesh.protocol import late_frame, offer_frame, shards, wire

    micropython = None


def window(vector):
    read = wire.unpack_window(vector["frame"])
    into = bytearray(len(vector["frame"]))
    wire.pack_window(read, into)
    return read.__dict__, into


def late(vector):
    age, read = late_frame.unpack_late(vector["frame"])
    into = bytearray(len(vector["frame"]) - late_frame.LATE_HEADER)
    wire.pack_window(read, into)
    return dict(read.__dict__, age=age), late_frame.pack_late(age, into)


def offer(vector):
    read = offer_frame.unpack_offer(vector["frame"])
    return read.__dict__, offer_frame.pack_offer(read)


def shard(vector):
    read = shards.unpack_shard(vector["frame"], vector["key"])
    shape = {"k": read.shape.k, "length": read.shape.length}
    fields = {"index": read.index, "block": read.block, "bundle": read.bundle, "data": bytes(read.data)}
    fields.update(shape)
    return fields, shards.pack_shard(read, vector["key"])


def manifest(vector):
    read = shards.unpack_manifest(vector["frame"])
    fields = dict(read.__dict__)
    for local in ("sealed", "signer"):  # known of a manifest, not in its frame
        fields.pop(local)
    fields.update(fields.pop("shape").__dict__)
    fields.pop("blocks")
    fields["bundle"] = read.bundle
    if read.seal_kind == shards.HMAC:
        assert shards.is_sealed_by(read, vector["key"])
        assert not shards.is_sealed_by(read, b"another key")
    assert read.sealed + read.seal == vector["frame"]
    return fields, shards.pack_manifest(read, read.seal)


def decoded(vector):
    """The vector with bytes for hex, where it has any."""
    out = {"name": vector["name"], "frame": bytes.fromhex(vector["frame"]), "key": None}
    if vector.get("key"):
        out["key"] = bytes.fromhex(vector["key"])
    return out


def expected(fields, read):
    """`fields` with bytes for hex where `read` has bytes; nothing is left out of either."""
    assert sorted(fields) == sorted(read), (sorted(fields), sorted(read))
    return {name: bytes.fromhex(fields[name]) if isinstance(read[name], bytes) else fields[name] for name in read}


def main(path):
    with open(path) as file:
        vectors = json.load(file)
    for kind, codec in (("window", window), ("late", late), ("offer", offer), ("shard", shard), ("manifest", manifest)):
        for vector in vectors["accepted"][kind]:
            read, again = codec(decoded(vector))
            assert read == expected(vector["fields"], read), (vector["name"], read)
            assert again == bytes.fromhex(vector["frame"]), vector["name"]
            print(kind, vector["name"])
        for vector in vectors["refused"][kind]:
            try:
                codec(decoded(vector))
            except wire.WireError as error:
                print(kind, vector["name"], "->", error)
            else:
                raise AssertionError("taken: " + vector["name"])


main(sys.argv[1])
