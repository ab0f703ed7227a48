"""Writes the test vectors beside it: frames put together here by hand from docs/protocol.md, shards by `reedsolo`.

Nothing of this project's own code is used, so the vectors check it, in both Pythons, and any other implementation.
Run it after a change of the protocol: python tests/vectors/make.py
"""

import hmac
import json
import zlib
from hashlib import sha256
from pathlib import Path
from typing import Any

import reedsolo
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HERE = Path(__file__).parent
KEY = bytes(range(100, 132))
Vector = dict[str, Any]


def sample(size: int, seed: int = 0) -> bytes:
    """Byte i is i * i + i // 7 + seed modulo 256."""
    return bytes((i * i + i // 7 + seed) & 255 for i in range(size))


def little(value: int, size: int) -> bytes:
    """An unsigned integer, least significant byte first."""
    return value.to_bytes(size, "little")


def code(k: int, length: int, indices: list[int]) -> Vector:
    """Shards of one block: column by column a codeword of reedsolo with 255 - k parity bytes."""
    data = sample(k * length, k)
    codec = reedsolo.RSCodec(255 - k, nsize=255)
    columns = [codec.encode(data[column::length]) for column in range(length)]
    shards = {str(i): bytes(column[i] for column in columns).hex() for i in indices}
    return {"k": k, "length": length, "data": data.hex(), "shards": shards}


def window(name: str, features: bytes, lost: int, score: int | None, model: bytes, clipped: int = 0) -> Vector:
    """A judged window."""
    flags = bytes([1, (score is not None) | (clipped > 0) << 1]) + little(len(features), 2)
    frame = flags + little(7, 4) + little(1000, 4) + little(lost, 4) + little(score or 0, 4) + model + features
    frame += little(clipped, 2) if clipped else b""
    fields = {
        "clipped": clipped,
        "features": features.hex(),
        "boot": 7,
        "number": 1000,
        "lost": lost,
        "score": score,
        "model": model.hex(),
    }
    return {"name": name, "fields": fields, "frame": frame.hex()}


def late(name: str, age: int, of: Vector) -> Vector:
    """A window that is sent after an outage."""
    frame = bytes([1, 0, 0, 0]) + little(age, 4) + bytes.fromhex(of["frame"])
    return {"name": name, "fields": {"age": age, **of["fields"]}, "frame": frame.hex()}


def offer(name: str, model: bytes, trial: bytes) -> Vector:
    """An offered model."""
    digest = sha256(model).digest()
    frame = bytes([1, 0]) + little(len(trial), 2) + little(3, 4) + little(len(model), 4) + little(4711, 4) + digest
    fields = {"sequence": 3, "model": model.hex(), "sha256": digest.hex(), "trial": trial.hex(), "trial_score": 4711}
    return {"name": name, "fields": fields, "frame": (frame + model + trial).hex()}


def shard(name: str, where: tuple[int, int, int, int], data: bytes, key: bytes | None) -> Vector:
    """A shard at k, index, block of a payload of so many bytes."""
    k, index, block, length = where
    bundle = sample(8, 50)
    head = bytes([1, key is not None, k, index]) + little(block, 2) + little(len(data), 2) + bundle + little(length, 4)
    check = hmac.digest(key, head + data, "sha256")[:8] if key else little(zlib.crc32(head + data), 4)
    fields = {"k": k, "index": index, "block": block, "length": length, "bundle": bundle.hex(), "data": data.hex()}
    return {"name": name, "key": key and key.hex(), "fields": fields, "frame": (head + data + check).hex()}


def manifest(name: str, cut: tuple[int, int, int], hashed: int, seal_kind: int) -> Vector:
    """A manifest of a payload of so many bytes in shards of L bytes, k a block."""
    k, shard_length, length = cut
    digest, family, sender = sha256(sample(length)).digest(), b"vibration", b"gw-1"
    subject = bytes([1, k]) + little(shard_length, 2) + little(length, 4) + little(9, 4) + little(8, 4)
    subject += digest + family.ljust(32, b"\0") + sender.ljust(32, b"\0")
    hashes = b"".join(sample(16, i) for i in range(hashed * -(-length // (k * shard_length))))
    body = subject + bytes([hashed, seal_kind, 0, 0]) + hashes
    stamp = little(1_790_000_000, 8)
    signed = Ed25519PrivateKey.from_private_bytes(KEY).sign(b"reedmesh manifest\0reedmesh\0" + body + stamp)
    seals = (b"", hmac.digest(KEY, body, "sha256"), stamp + signed)
    fields = {"k": k, "shard_length": shard_length, "length": length, "sequence": 9, "base": 8, "sha256": digest.hex()}
    fields |= {"family": "vibration", "sender": "gw-1", "hashed": hashed, "hashes": hashes.hex()}
    fields |= {"seal_kind": seal_kind, "seal": seals[seal_kind].hex(), "bundle": sha256(subject).hexdigest()[:16]}
    return {"name": name, "key": KEY.hex(), "fields": fields, "frame": (body + seals[seal_kind]).hex()}


def changed(vector: Vector, why: str, at: int, value: bytes) -> Vector:
    """A vector whose frame must be refused: `value` stands at byte `at`."""
    frame = bytearray.fromhex(vector["frame"])
    frame[at : at + len(value)] = value
    return {"name": f"{vector['name']}: {why}", "key": vector.get("key"), "frame": frame.hex()}


def cut(vector: Vector, size: int) -> Vector:
    """A vector whose frame must be refused: only its first `size` bytes."""
    return {"name": f"{vector['name']}: cut", "key": vector.get("key"), "frame": vector["frame"][: 2 * size]}


def changed_shard(vector: Vector, why: str, at: int, value: bytes) -> Vector:
    """`changed`, with the CRC made right again, so that the change itself is what must be refused."""
    body = bytes.fromhex(changed(vector, why, at, value)["frame"])[:-4]
    return {"name": f"{vector['name']}: {why}", "key": None, "frame": (body + little(zlib.crc32(body), 4)).hex()}


def on_wire(body: bytes) -> bytes:
    """A serial frame: CRC, parity, mask, and zero at both ends."""
    word = bytes(reedsolo.RSCodec(16).encode(body + little(zlib.crc32(body), 4)))
    mask = next(mask for mask in [*range(170, 256), *range(1, 170)] if mask not in word)
    return b"\0" + bytes([mask] * 3) + bytes(byte ^ mask for byte in word) + b"\0"


def stream(name: str, pieces: list[bytes], bodies: list[bytes], mended: int = 0, lost: int = 0) -> Vector:
    """What arrives on a line, and what a receiver makes of it."""
    found = {"bodies": [body.hex() for body in bodies], "mended": mended, "lost": lost}
    return {"name": name, "stream": b"".join(pieces).hex(), **found}


def wrong(frame: bytes, *places: int) -> bytes:
    """The frame with other bytes, none of them zero, at some places."""
    return bytes(byte ^ (1 if byte != 1 else 2) if i in places else byte for i, byte in enumerate(frame))


def streams() -> list[Vector]:
    """Frames whole, mended and lost."""
    short, long, zeros = b"\x02\x07\0" + bytes(8), sample(234), bytes(40)
    a, b, c = on_wire(short), on_wire(long), on_wire(zeros)
    every = [stream("short", [a], [short]), stream("longest", [b], [long]), stream("zeros", [c], [zeros])]
    every += [
        stream("one after another", [a, b, c], [short, long, zeros]),
        stream("noise first", [b"\x55" * 9, a], [short], lost=1),
    ]
    every += [
        stream("8 wrong", [wrong(b, *range(10, 90, 10))], [long], mended=8),
        stream("mask", [wrong(c, 2)], [zeros]),
    ]
    every += [stream("9 wrong", [wrong(b, *range(10, 100, 10)), a], [short], lost=1)]
    every += [
        stream("a byte missing", [b[:100] + b[101:], a], [short], lost=1),
        stream("end missing", [a[:-1], b], [short, long]),
    ]
    every += [
        stream("ends missing", [a[:-1], b[1:], c], [zeros], lost=1),
        stream("endless", [b"\1" * 2000, b], [long], lost=1),
    ]
    return [*every, stream("too short", [b"\0\1\0", a], [short], lost=1)]


def serial_bodies() -> dict[str, list[Vector]]:
    """What frames carry."""
    topic = b"reedmesh/gw-1/press-3/hello"
    message = bytes([3, len(topic)]) + topic + sample(300)
    cut = [message[at : at + 229] for at in range(0, len(message), 229)]
    bodies = [bytes([kind]) + little(515, 2) + bytes([i, 2]) + cut[i] for i, kind in enumerate((0, 1))]
    said = {"topic": topic.decode(), "payload": sample(300).hex(), "qos": 1, "retain": True, "number": 515}
    report = {"number": 515, "missing": 2, "body": (b"\2" + little(515, 2) + little(2, 8)).hex()}
    piece = {"bundle": sample(8, 50).hex(), "k": 30, "shard_length": 8, "length": 1000, "block": 3, "index": 254}
    shard = piece | {"data": sample(8).hex(), "body": (bytes([3, 50, 3, 254]) + sample(8)).hex()}
    address = zlib.crc32(b"reedmesh/gw-1/press-3")
    both = [
        {"topic": topic.decode(), "from_gateway": ours, "plain": body.hex(), "body": (bytes([kind]) + little(address, 4)
         + body[1:]).hex()}
        for ours, body, kind in ((False, bodies[1], 0x21), (True, bytes.fromhex(str(report["body"])), 0x32))
    ]  # fmt: skip
    return {
        "addressed": both,
        "message": [said | {"bodies": [body.hex() for body in bodies]}],
        "report": [report],
        "shard": [shard],
    }


def main() -> None:
    """Write code.json, frames.json and serial.json."""
    blocks = [
        (1, 4, [0, 1, 2, 254]),
        (2, 8, [0, 1, 2, 3, 128, 254]),
        (5, 12, list(range(11))),
        (32, 8, list(range(48))),
    ]
    codes = [code(*block) for block in blocks] + [code(k, 4, list(range(255))) for k in (100, 254)]
    windows = [
        window("unscored", b"\x80\x7f", 0, None, bytes(8)),
        window("scored", sample(69), 2, 123456, sample(8, 1)),
        window("clipped", sample(5), 0, 9, sample(8, 1), 600),
    ]
    offers = [offer("small", sample(32), b"\x01\xff"), offer("odd length", sample(77), sample(69))]
    shards = [shard("data", (2, 0, 0, 15), sample(8), None), shard("parity", (2, 254, 0, 16), sample(8), None)]
    shards += [shard("later block", (3, 4, 2, 30), sample(4), None), shard("tag", (2, 1, 0, 16), sample(8), KEY)]
    manifests = [manifest("bare", (32, 1024, 30000), 0, 0), manifest("HMAC", (64, 512, 32768), 0, 1)]
    manifests += [manifest("hashes, Ed25519", (2, 8, 40), 3, 2)]
    save("code", {"code": codes})
    lates = [late("a minute", 60, windows[1]), late("some time", 0xFFFFFFFF, windows[1])]
    frames = {"window": windows, "late": lates, "offer": offers, "shard": shards, "manifest": manifests}
    whole = [{"body": body.hex(), "frame": on_wire(body).hex()} for body in (b"\0", sample(100), sample(234))]
    save("serial", {"frames": whole, "streams": streams(), **serial_bodies()})
    save("frames", {"accepted": frames, "refused": refused(windows[1], lates[0], offers[0], shards, manifests[2])})


def refused(
    window: Vector, late: Vector, offer: Vector, shards: list[Vector], manifest: Vector
) -> dict[str, list[Vector]]:
    """What every receiver must refuse, and why."""
    whole, tagged = shards[0], shards[3]
    declared = [
        ("version 2", 0, b"\2"),
        ("check 1 with a CRC", 1, b"\1"),
        ("check 7", 1, b"\7"),
        ("k 0", 2, b"\0"),
        ("k 255", 2, b"\xff"),
        ("index 255", 3, b"\xff"),
    ]
    declared += [("block 1 of 1", 4, b"\1"), ("shard length 0", 6, b"\0\0"), ("shard length 9", 6, b"\x09")]
    declared += [
        ("shard length 65532", 6, b"\xfc\xff"),
        ("payload of 0", 16, b"\0"),
        ("4 GiB", 16, b"\xff\xff\xff\xff"),
    ]
    noise = [changed(whole, "bit in header", 8, b"\1"), changed(whole, "bit in data", 21, b"\xff"), cut(whole, 31)]
    noise += [changed(tagged, "data", 21, b"\xff"), changed(tagged, "tag", 28, b"\0\0"), cut(tagged, 35)]
    noise += [tagged | {"name": "tag: not expected", "key": None}, whole | {"name": "tag expected", "key": KEY.hex()}]
    wrong = [
        ("version 2", 0, b"\2"),
        ("k 0", 1, b"\0"),
        ("shard length 6", 2, b"\6"),
        ("4 GiB", 4, b"\xff\xff\xff\xff"),
    ]
    wrong += [("family with a space", 48, b"a b"), ("family empty", 48, bytes(32)), ("sender not UTF-8", 80, b"\xff")]
    wrong += [
        ("fewer hashed than k", 112, b"\1"),
        ("255 hashed", 112, b"\xff"),
        ("seal 3", 113, b"\3"),
        ("spare", 114, b"\1"),
    ]
    return {
        "late": [changed(late, "flags", 1, b"\1"), changed(late, "spare", 3, b"\1"), cut(late, 7), cut(late, 50)],
        "window": [changed(window, "flags", 1, b"\3"), changed(window, "features", 2, b"\xff"), cut(window, 20)],
        "offer": [
            changed(offer, "huge model", 8, b"\xff\xff\xff\xff"),
            changed(offer, "trial", 2, b"\0"),
            cut(offer, 47),
        ],
        "shard": [changed_shard(whole, *change) for change in declared] + [without_fields(vector) for vector in noise],
        "manifest": [changed(manifest, *change) for change in wrong] + [cut(manifest, 115), cut(manifest, 200)],
    }


def without_fields(vector: Vector) -> Vector:
    """Name, key and frame."""
    return {name: vector[name] for name in ("name", "key", "frame")}


def save(name: str, vectors: Vector) -> None:
    """Write `name`.json beside this file."""
    (HERE / f"{name}.json").write_text(json.dumps(vectors, indent=1) + "\n")


if __name__ == "__main__":
    main()
