"""The frames of coded payloads, in one file that CPython (gateway) and MicroPython (sensor) both run.

A payload (a model offer, an update) is cut into blocks of k shards of L bytes, the last block filled with zeros, and
each block is coded on its own: shards 0..k-1 are its data, k..254 its parity, any k of them are enough. A bundle is all
of that: one manifest, which says what the payload is and can be checked, and shards, each of which stands alone.

Frames are little-endian and start with their version; docs/protocol.md has them byte by byte. Every declared size is
bounded and checked before anything is made of it; a frame that does not fit raises WireError with the reason.
"""

from binascii import crc32
from hashlib import sha256
from hmac import digest
from struct import calcsize, pack, unpack_from

from .wire import MAX_PAYLOAD, WireError, is_name

VERSION = 1  # and with it the code: GF(256) 0x11d, generator 2, first root 2**0, mother code (255, k), punctured
MAX_K = 254
INDICES = 255  # of a block's shards: data 0..k-1, parity k..254
MAX_LENGTH = 16 << 20  # bytes of a payload
MAX_SHARD = 65532  # bytes of a shard; always a multiple of 4, so that words can be added at once
MAX_BLOCKS = 65536

# version, check, k, index, block, shard length, bundle, payload length
_SHARD = "<BBBBHH8sI"
SHARD_HEADER = calcsize(_SHARD)
CRC, TAG = 0, 1  # what follows a shard: CRC-32 against noise, or a truncated HMAC-SHA256 against forgery
CHECK_LENGTH = (4, 8)

# version, k, shard length, payload length, sequence, base, payload's SHA-256, family, sender
_SUBJECT = "<BBHIII32s32s32s"
SUBJECT = calcsize(_SUBJECT)
# then: hashed shards of a block, seal, spare; the hashes; the seal
_TAIL = "<BBH"
MANIFEST_HEADER = SUBJECT + calcsize(_TAIL)
HASH = 16  # bytes of a shard's SHA-256
NONE, HMAC, ED25519 = 0, 1, 2  # seals; the last one is a time and a signature, see keys.py
SEAL_LENGTH = (0, 32, 72)


class Shape:
    """How a payload of `length` bytes is cut: blocks of `k` shards of `shard_length` bytes each.

    k: 1..254. shard_length: 4..65532, a multiple of 4. length: 1..2**24. blocks: follows from these, 1..65536. Raises
    WireError for anything else.
    """

    def __init__(self, k: int, shard_length: int, length: int) -> None:
        if not 0 < k <= MAX_K or not 0 < shard_length <= MAX_SHARD or shard_length % 4 or not 0 < length <= MAX_LENGTH:
            raise WireError("shape: {} bytes as {} shards of {}".format(length, k, shard_length))
        self.k = k
        self.shard_length = shard_length
        self.length = length
        self.blocks = -(-length // (k * shard_length))
        if self.blocks > MAX_BLOCKS:
            raise WireError("shape: {} blocks, {} are the most".format(self.blocks, MAX_BLOCKS))

    def same(self, other: "Shape") -> bool:
        """Whether the other shape has the same length, blocks and shards."""
        return (self.k, self.shard_length, self.length) == (other.k, other.shard_length, other.length)


class Shard:
    """One coded piece. bundle: 8 bytes, its manifest's `bundle`. block, index: where it belongs. data: L bytes."""

    def __init__(self, bundle: bytes, shape: Shape, block: int, index: int, data: "bytes | memoryview[int]") -> None:
        self.bundle = bundle
        self.shape = shape
        self.block = block
        self.index = index
        self.data = data


def pack_shard(shard: Shard, key: "bytes | None" = None) -> bytes:
    """The frame of `shard`, closed by a tag of 16 bytes under `key`, or by a CRC-32 when there is none."""
    shape, check = shard.shape, CRC if key is None else TAG
    where = shape.k, shard.index, shard.block, shape.shard_length, shard.bundle, shape.length
    body = pack(_SHARD, VERSION, check, *where) + bytes(shard.data)
    return body + _check_of(body, key)


def unpack_shard(frame: "bytes | memoryview[int]", key: "bytes | None" = None) -> Shard:
    """The shard in `frame`, `data` being a view of it; raises WireError, also for a wrong CRC or tag.

    key: when given, only a shard with a tag under this key is taken; when not, only one with a CRC-32. Nothing is
    copied and nothing of a declared size is allocated.
    """
    view = memoryview(frame)
    check = CRC if key is None else TAG
    _check_frame("shard", view, SHARD_HEADER + CHECK_LENGTH[check])
    _, kind, k, index, block, shard_length, bundle, length = unpack_from(_SHARD, view, 0)
    if kind != check:
        raise WireError("shard: check {}, expected {}".format(kind, check))
    shape = Shape(k, shard_length, length)
    end = SHARD_HEADER + shard_length
    if index >= INDICES or block >= shape.blocks or len(view) != end + CHECK_LENGTH[check]:
        raise WireError("shard: index {}, block {}, {} bytes do not fit".format(index, block, len(view)))
    if not _equal(view[end:], _check_of(view[:end], key)):
        raise WireError("shard: wrong " + ("CRC" if key is None else "tag"))
    return Shard(bundle, shape, block, index, view[SHARD_HEADER:end])


class Manifest:
    """The description of a bundle, with hashes by which each shard and the payload can be checked.

    sha256: of the payload. family: of models it belongs to; sender: the gateway that made it; sequence: grows with
    every payload of that sender. base: sequence of the payload this one is applied to; its own for one that stands
    alone. hashes: 16 bytes a shard, block after block, for the shards 0..hashed-1 of each; more may be offered later,
    and the bundle stays the same. sealed, seal: once unpacked, the bytes the seal speaks for, and the seal. signer:
    the public key that made it, once somebody has checked that.
    """

    def __init__(self, shape: Shape, sha256: bytes, family: str, sender: str, sequence: int, base: int) -> None:
        self.shape = shape
        self.sha256 = sha256
        self.family = family
        self.sender = sender
        self.sequence = sequence
        self.base = base
        self.hashed = 0
        self.hashes = b""
        self.seal_kind = NONE
        self.sealed = b""
        self.seal = b""
        self.signer = b""

    @property
    def bundle(self) -> bytes:
        """8 bytes that name the bundle and bind all that is said of its payload."""
        return sha256(self._subject()).digest()[:8]

    def hash_of(self, block: int, index: int) -> "bytes | None":
        """The listed hash of a shard, 16 bytes; None when it is not listed."""
        if index >= self.hashed or block >= self.shape.blocks:
            return None
        at = HASH * (block * self.hashed + index)
        return self.hashes[at : at + HASH]

    def body(self) -> bytes:
        """The bytes of the frame without its seal: the seal is made of them."""
        return self._subject() + pack(_TAIL, self.hashed, self.seal_kind, 0) + self.hashes

    def _subject(self) -> bytes:
        shape = self.shape
        numbers = shape.k, shape.shard_length, shape.length, self.sequence, self.base
        return pack(_SUBJECT, VERSION, *numbers, self.sha256, self.family.encode(), self.sender.encode())


def shard_hash(data: "bytes | memoryview[int]") -> bytes:
    """The hash of a shard's bytes as a manifest lists it: the first 16 bytes of SHA-256."""
    return sha256(data).digest()[:HASH]


def pack_manifest(manifest: Manifest, seal: bytes = b"") -> bytes:
    """The frame of `manifest`, closed by a `seal` of its `body()`, whose length follows from `seal_kind`.

    Raises WireError for a seal of another length, or a frame that is too long.
    """
    body = manifest.body()
    if len(seal) != SEAL_LENGTH[manifest.seal_kind] or len(body) + len(seal) > MAX_PAYLOAD:
        raise WireError("manifest: {} bytes with a seal of {}".format(len(body), len(seal)))
    return body + seal


def sealed(manifest: Manifest, key: bytes) -> bytes:
    """The frame of `manifest` with the HMAC-SHA256 seal of `key`, 32 bytes."""
    manifest.seal_kind = HMAC
    return pack_manifest(manifest, digest(key, manifest.body(), "sha256"))


def unpack_manifest(frame: bytes) -> Manifest:
    """The manifest in `frame`; raises WireError for a wrong length, version, name or shape. The seal is not checked."""
    _check_frame("manifest", frame, MANIFEST_HEADER)
    _, k, shard_length, length, sequence, base, digest_, family, sender = unpack_from(_SUBJECT, frame, 0)
    hashed, kind, spare = unpack_from(_TAIL, frame, SUBJECT)
    shape = Shape(k, shard_length, length)
    if kind > ED25519 or spare or (hashed and hashed < k):
        raise WireError("manifest: seal {}, {} hashed shards, spare {}".format(kind, hashed, spare))
    end = MANIFEST_HEADER + HASH * hashed * shape.blocks
    if len(frame) != end + SEAL_LENGTH[kind]:
        raise WireError("manifest: {} bytes, its header says {}".format(len(frame), end + SEAL_LENGTH[kind]))
    manifest = Manifest(shape, digest_, _name(family), _name(sender), sequence, base)
    manifest.hashed, manifest.seal_kind = hashed, kind
    manifest.hashes = bytes(frame[MANIFEST_HEADER:end])
    manifest.sealed, manifest.seal = bytes(frame[:end]), bytes(frame[end:])
    return manifest


def is_sealed_by(manifest: Manifest, key: bytes) -> bool:
    """Whether an unpacked manifest has the HMAC-SHA256 seal of `key`, 32 bytes."""
    return manifest.seal_kind == HMAC and _equal(manifest.seal, digest(key, manifest.sealed, "sha256"))


def _check_of(body: "bytes | memoryview[int]", key: "bytes | None") -> bytes:
    return pack("<I", crc32(body)) if key is None else digest(key, body, "sha256")[: CHECK_LENGTH[TAG]]


def _equal(a: "bytes | memoryview[int]", b: bytes) -> bool:
    """Comparison whose time does not tell how many bytes are right."""
    different = len(a) ^ len(b)
    for x, y in zip(a, b):
        different |= x ^ y
    return not different


def _name(padded: bytes) -> str:
    try:
        name = padded.rstrip(b"\0").decode()
    except UnicodeError:
        name = ""
    if not is_name(name):
        raise WireError("manifest: {!r} is no name".format(bytes(padded)))
    return name


def _check_frame(what: str, frame: "bytes | memoryview[int]", size: int) -> None:
    if not size <= len(frame) <= MAX_PAYLOAD:
        raise WireError("{}: {} bytes, at least {} were expected".format(what, len(frame), size))
    if frame[0] != VERSION:
        raise WireError("{}: version {}, this program speaks {}".format(what, frame[0], VERSION))
