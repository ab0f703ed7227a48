"""Readers of data from neighbours: all parts of updates, and requests."""

import json
import zlib
from contextlib import suppress
from functools import cache
from struct import pack

import numpy as np

from reedmesh.coding import repair
from reedmesh.coding.bundle import Bundle
from reedmesh.coding.collector import Collector
from reedmesh.coding.reassembly import Reassembly
from reedmesh.exchange.federation import Federation, Sealed
from reedmesh.identity import envelope, succession
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.succession import Succession
from reedmesh.json_object import read_json
from reedmesh.learning import delta, sums, told
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.verify import verify
from reedmesh.links.message import Message
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest, Shape
from reedmesh.protocol.wire import WireError
from tools.check.fuzz_targets.target import FEATURES, KEY, TENSORS, WIRE, Target, real_family


def _manifest(length: int = 300, hashed: int = 0) -> Manifest:
    made = Manifest(Shape(4, 32, length), bytes(32), "vibration", "hall2", 5, 5)
    made.hashed, made.hashes = hashed, bytes(16 * hashed * made.shape.blocks)
    return made


def take_manifest(data: bytes) -> None:
    """As a malicious neighbour can sign it: what comes after the signature was checked."""
    manifest = shards.unpack_manifest(data)
    collector = Collector({("hall2", "vibration"): 4})
    collector.announce(manifest, 0.0)
    assert collector.size <= 64 << 20
    collector.requests(10.0)


def manifests() -> list[bytes]:
    """With and without hashes, and one that continues another."""
    plain = [shards.pack_manifest(each) for each in (_manifest(), _manifest(100_000), _manifest(200, 9))]
    return [*plain, KEY.sign(_manifest())]


def take_shards(data: bytes) -> None:
    """A stream of shards of one bundle until it is whole: index, block and 32 bytes each; their CRC is put right."""
    manifest = _manifest()
    generation = Reassembly(manifest)
    for at in range(0, len(data), 34):
        place, rest = data[at : at + 2], data[at + 2 : at + 34]
        if len(rest) < 32 or generation.complete:
            break
        body = pack("<BBBBHH8sI", 1, 0, 4, place[0], place[1], 32, manifest.bundle, 300) + rest
        generation.add(shards.unpack_shard(body + pack("<I", zlib.crc32(body))))
    if generation.complete:
        generation.payload()
    generation.need().table()


def shard_streams() -> list[bytes]:
    """In order, and with parity."""
    whole = Bundle(bytes(range(256)) + bytes(44), "vibration", "hall2", 5, 5, Shape(4, 32, 300))
    frames = [shards.unpack_shard(each) for each in whole.wave({0: 6, 1: 6, 2: 6})]
    return [b"".join(bytes([each.index, each.block]) + bytes(each.data) for each in frames), bytes(34)]


def deltas() -> list[bytes]:
    """Of every profile and a snapshot, as they travel."""
    step, squares = np.linspace(-1, 1, sum(TENSORS), dtype=np.float32), np.ones(FEATURES, np.float32)
    made = [(delta.Delta(step, 9, 2.0), each) for each in delta.PROFILES.values()]
    made.append((delta.Delta(step, 9, 2.0, squares), delta.PROFILES["full"]))
    return [delta.pack(news, TENSORS, profile)[0] for news, profile in made]


def news_of_sums() -> list[bytes]:
    """Of two machines, and from one to the other."""
    windows = [np.random.default_rng(seed).integers(-99, 99, (30, FEATURES)).astype(np.int8) for seed in (1, 2)]
    one, other = (told.Told(Scatter(sums.of(each).scatter, 29), {300: 20, 310: 10}) for each in windows)
    return [told.pack(one, told.nothing(FEATURES)), told.pack(other, one)]


def take_sums(data: bytes) -> None:
    """What is new in sums, twice: the second continues what was believed of the first."""
    told.unpack(data, told.unpack(data, told.nothing(FEATURES)))


def inflated_deltas() -> list[bytes]:
    """The same, before they are deflated."""
    return [each[:2] + zlib.decompress(each[2:]) for each in deltas()]


def take_inflated_delta(data: bytes) -> None:
    """Deltas behind zlib's checksum, which a fuzzer would hardly find."""
    delta.unpack(data[:2] + zlib.compress(data[2:], 1), TENSORS, FEATURES)


def take_update(data: bytes) -> None:
    """A neighbour's update as the next of what is known of it: which it continues, then its payload, inflated."""
    known = Peer(np.zeros(sum(real_family().tensors), np.float32), 9, 2.0, 4)
    verify(real_family(), known, 5, data[0] if data else 5, data[1:3] + zlib.compress(data[3:], 1))


def updates() -> list[bytes]:
    """A delta and a snapshot of a real family."""
    tensors, length = real_family().tensors, real_family().recipe.length
    step = np.linspace(-1, 1, sum(tensors), dtype=np.float32)
    news = [(4, delta.Delta(step, 9, 2.0)), (5, delta.Delta(step, 9, 2.0, np.ones(length, np.float32)))]
    packed = [(base, delta.pack(each, tensors, delta.PROFILES["narrow10"])[0]) for base, each in news[:1]]
    packed += [(base, delta.pack(each, tensors, delta.PROFILES["full"])[0]) for base, each in news[1:]]
    return [bytes([base]) + each[:2] + zlib.decompress(each[2:]) for base, each in packed]


def _succession() -> bytes:
    said = Succession("hall2", 1_800_000_000, KEY.public, KEY.public)
    return succession.pack(said, KEY.signature(said.text()), KEY.signature(said.text()))


@cache
def _sealed() -> Sealed:
    ring = Keyring({"hall2": KEY.public})
    return Sealed("plant", bytes(32), "hall1", ["vibration"], [KEY], ring, lambda: 1_800_000_000.0)


def take_message(data: bytes) -> None:
    """A topic's length, the topic, and what is said there: in an open federation and in a sealed one."""
    size = data[0] if data else 0
    topic, said = data[1 : 1 + size].decode("latin-1"), data[1 + size :]
    for federation in (Federation(), _sealed()):
        with suppress(WireError):
            heard = federation.hear(Message(topic, said))
            if heard.leaf.startswith("request/"):
                repair.read(heard.leaf[8:], heard.family, read_json(heard.payload, 4096))


def messages() -> list[bytes]:
    """Messages of neighbours about updates."""
    need = repair.RepairRequest("hall1", "vibration", bytes(8), {0: 3, 1: 2}, 10, 1).table()
    told = [("manifest", manifests()[0]), ("request/need", json.dumps(need).encode()), ("key", _succession())]
    said = [each.message("hall2", "vibration", leaf, what) for each in (Federation(), _sealed()) for leaf, what in told]
    return [bytes([len(each.topic)]) + each.topic.encode() + bytes(each.payload) for each in said]


def take_envelope(data: bytes) -> None:
    """Envelopes that are sealed for us."""
    envelope.unseal(data, [KEY.opens], b"context")


TARGETS = {
    "manifest": Target(take_manifest, WIRE, manifests),
    "shard": Target(
        shards.unpack_shard,
        WIRE,
        lambda: [shards.pack_shard(shards.Shard(bytes(8), Shape(1, 32, 20), 0, 0, bytes(32)))],
    ),
    "bundle": Target(take_shards, WIRE, shard_streams, weight=3),
    "delta": Target(lambda data: delta.unpack(data, TENSORS, FEATURES), WIRE, deltas),
    "delta inflated": Target(take_inflated_delta, WIRE, inflated_deltas),
    "sums": Target(take_sums, WIRE, news_of_sums),
    "update": Target(take_update, WIRE, updates, longest=8192, weight=3),
    "succession": Target(succession.unpack, WIRE, lambda: [_succession()]),
    "federation": Target(take_message, WIRE, messages, weight=5),
    "envelope": Target(
        take_envelope, WIRE, lambda: [envelope.seal(b"payload", [KEY.opens.public_key()], b"context")], weight=1
    ),
}
