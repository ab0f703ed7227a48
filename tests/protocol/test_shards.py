"""Shards and manifests survive the trip in both Pythons, and nothing malformed, forged or oversized gets through."""

import hmac
import subprocess
import sys
import tracemalloc
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.protocol import shards, wire
from reedmesh.protocol.shards import Manifest, Shape, Shard
from reedmesh.protocol.wire import WireError
from tests.support.micropython import run
from tests.support.paths import BOTH, ROOT, VECTORS
from tests.support.timeouts import PATIENCE

SCRIPT = BOTH / "protocol_vectors.py"
FRAMES = VECTORS / "frames.json"

u32 = st.integers(0, 2**32 - 1)
names = st.text("abcdefghijklmnopqrstuvwxyz0123456789_-", min_size=1, max_size=32)
keys = st.none() | st.binary(min_size=1, max_size=80)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    k, shard_length = draw(st.integers(1, 254)), 4 * draw(st.integers(1, 16383))
    return Shape(k, shard_length, draw(st.integers(1, min(shards.MAX_LENGTH, k * shard_length * shards.MAX_BLOCKS))))


@st.composite
def coded(draw: st.DrawFn) -> Shard:
    shape = Shape(draw(st.integers(1, 254)), 4 * draw(st.integers(1, 40)), draw(st.integers(1, 10000)))
    block, index = draw(st.integers(0, shape.blocks - 1)), draw(st.integers(0, 254))
    size = shape.shard_length
    return Shard(
        draw(st.binary(min_size=8, max_size=8)), shape, block, index, draw(st.binary(min_size=size, max_size=size))
    )


@st.composite
def manifests(draw: st.DrawFn) -> Manifest:
    k = draw(st.integers(1, 254))
    shape = Shape(k, 4 * draw(st.integers(1, 16383)), draw(st.integers(1, 10000)))
    digest = draw(st.binary(min_size=32, max_size=32))
    manifest = Manifest(shape, digest, draw(names), draw(names), draw(u32), draw(u32))
    if shape.blocks < 30:
        manifest.hashed = draw(st.just(0) | st.integers(k, 255))
    manifest.hashes = bytes(i % 251 for i in range(16 * manifest.hashed * shape.blocks))
    return manifest


def fields(thing: Shard | Manifest) -> dict[str, object]:
    return {**vars(thing), "shape": vars(thing.shape)}


@given(coded(), keys)
def test_a_shard_arrives_as_it_left(shard: Shard, key: bytes | None) -> None:
    frame = shards.pack_shard(shard, key)
    assert fields(shards.unpack_shard(frame, key)) == fields(shard)
    assert fields(shards.unpack_shard(memoryview(bytearray(frame)), key)) == fields(shard)


@given(coded(), keys, st.data())
def test_a_shard_with_any_bit_changed_or_cut_is_refused(shard: Shard, key: bytes | None, data: st.DataObject) -> None:
    frame = bytearray(shards.pack_shard(shard, key))
    cut = data.draw(st.integers(0, len(frame) - 1))
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    for wrong in (frame[:cut], frame + b"x"):
        with pytest.raises(WireError):
            shards.unpack_shard(bytes(wrong), key)
    frame[bit // 8] ^= 1 << bit % 8
    with pytest.raises(WireError):
        shards.unpack_shard(bytes(frame), key)


@given(coded(), st.binary(min_size=1, max_size=40), st.binary(min_size=1, max_size=40))
def test_a_tag_under_another_key_is_refused(shard: Shard, key: bytes, other: bytes) -> None:
    if key.rstrip(b"\0") != other.rstrip(b"\0"):  # HMAC fills short keys with zeros
        with pytest.raises(WireError, match="tag"):
            shards.unpack_shard(shards.pack_shard(shard, key), other)


@given(shapes())
def test_a_shape_has_room_for_its_payload_and_none_to_spare(shape: Shape) -> None:
    size = shape.k * shape.shard_length
    assert (shape.blocks - 1) * size < shape.length <= shape.blocks * size
    assert shape.same(Shape(shape.k, shape.shard_length, shape.length))


@pytest.mark.parametrize(
    ("k", "shard_length", "length"),
    [(0, 4, 1), (255, 4, 1), (1, 0, 1), (1, 2, 1), (1, 65536, 1), (1, 4, 0), (1, 4, 2**24 + 1), (1, 4, 4 * 65536 + 1)],
)
def test_a_shape_outside_the_bounds_is_refused(k: int, shard_length: int, length: int) -> None:
    with pytest.raises(WireError, match="shape"):
        Shape(k, shard_length, length)


@given(manifests())
def test_a_manifest_arrives_as_it_left(manifest: Manifest) -> None:
    read = shards.unpack_manifest(shards.pack_manifest(manifest))
    assert read.sealed == manifest.body()
    assert fields(read) == fields(manifest) | {"sealed": read.sealed}
    assert read.bundle == manifest.bundle


@given(manifests(), st.binary(min_size=1, max_size=40), st.data())
def test_a_seal_speaks_for_every_bit(manifest: Manifest, key: bytes, data: st.DataObject) -> None:
    manifest.seal_kind = shards.HMAC
    frame = bytearray(shards.pack_manifest(manifest, hmac.digest(key, manifest.body(), "sha256")))
    assert shards.is_sealed_by(shards.unpack_manifest(bytes(frame)), key)
    bit = data.draw(st.integers(0, 8 * len(frame) - 1))
    frame[bit // 8] ^= 1 << bit % 8
    with suppress(WireError):
        assert not shards.is_sealed_by(shards.unpack_manifest(bytes(frame)), key)


def test_a_gateways_signature_can_be_verified() -> None:
    manifest = Manifest(Shape(4, 8, 30), bytes(32), "vibration", "gw-1", 2, 1)
    manifest.seal_kind = shards.ED25519
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    read = shards.unpack_manifest(shards.pack_manifest(manifest, bytes(8) + key.sign(manifest.body())))
    key.public_key().verify(read.seal[8:], read.sealed)


def test_the_bundle_names_the_payload_and_not_how_many_hashes_are_listed() -> None:
    shape = Shape(2, 8, 30)
    first = Manifest(shape, bytes(32), "vibration", "gw-1", 2, 1)
    more = Manifest(shape, bytes(32), "vibration", "gw-1", 2, 1)
    more.hashed, more.hashes = 3, bytes(range(16 * 3 * 2))
    assert first.bundle == more.bundle
    others = [Manifest(Shape(2, 12, 30), bytes(32), "vibration", "gw-1", 2, 1)]
    others += [
        Manifest(shape, bytes(31) + b"x", "vibration", "gw-1", 2, 1),
        Manifest(shape, bytes(32), "a", "gw-1", 2, 1),
    ]
    others += [
        Manifest(shape, bytes(32), "vibration", *rest) for rest in (("gw", 2, 1), ("gw-1", 3, 1), ("gw-1", 2, 2))
    ]
    assert len({first.bundle, *(other.bundle for other in others)}) == 7


def test_each_shards_hash_is_found() -> None:
    manifest = Manifest(Shape(2, 8, 30), bytes(32), "vibration", "gw-1", 2, 1)
    manifest.hashed, manifest.hashes = 3, b"".join(shards.shard_hash(bytes([i])) for i in range(6))
    read = shards.unpack_manifest(shards.pack_manifest(manifest))
    assert read.hash_of(1, 2) == shards.shard_hash(b"\5")
    assert read.hash_of(0, 3) is None
    assert read.hash_of(2, 0) is None


@given(st.binary(max_size=200))
def test_junk_is_no_frame(junk: bytes) -> None:
    for head in (b"", b"\1", b"\1\0", b"\1\1"):
        for read in (shards.unpack_manifest, shards.unpack_shard):
            with pytest.raises(WireError):
                read(head + junk)


def test_a_huge_declared_size_is_refused_before_anything_is_taken() -> None:
    shard = bytearray(shards.pack_shard(Shard(bytes(8), Shape(1, 4, 4), 0, 0, bytes(4))))
    shard[6:8] = b"\xfc\xff"
    manifest = bytearray(shards.pack_manifest(Manifest(Shape(1, 4, 4), bytes(32), "v", "g", 1, 1)))
    manifest[4:8], manifest[112] = (4 * 65536).to_bytes(4, "little"), 255
    for read, frame in ((shards.unpack_shard, shard), (shards.unpack_manifest, manifest)):
        tracemalloc.start()
        with pytest.raises(WireError):
            read(bytes(frame))
        assert tracemalloc.get_traced_memory()[1] < 5000
        tracemalloc.stop()


def test_a_manifest_too_long_for_a_broker_is_not_made() -> None:
    manifest = Manifest(Shape(1, 4, 160), bytes(32), "vibration", "gw-1", 2, 1)
    manifest.hashed, manifest.hashes = 255, bytes(16 * 255 * 40)
    with pytest.raises(WireError, match=str(wire.MAX_PAYLOAD) + "|bytes with a seal"):
        shards.pack_manifest(manifest)


def test_both_pythons_read_and_write_the_vectors_alike() -> None:
    here = subprocess.run([sys.executable, SCRIPT, FRAMES], capture_output=True, text=True, timeout=PATIENCE)
    assert here.returncode == 0, here.stderr
    assert run(SCRIPT, FRAMES) == here.stdout
    assert len(here.stdout.splitlines()) > 40


def test_the_vectors_are_what_make_writes(tmp_path: Path) -> None:
    """make.py shares no code with the project: it is the protocol written a second time."""
    (tmp_path / "make.py").write_text((FRAMES.parent / "make.py").read_text())
    subprocess.run([sys.executable, tmp_path / "make.py"], check=True, cwd=ROOT, timeout=PATIENCE)
    for vectors in ("code.json", "frames.json", "serial.json"):
        assert (tmp_path / vectors).read_text() == (FRAMES.parent / vectors).read_text()
