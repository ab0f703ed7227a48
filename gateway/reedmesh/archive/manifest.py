"""The manifest of an archived object: whose it is, how it is coded, and the SHA-256 of every shard. Pure.

    u8 version, u8 k, u8 n, u8 kind, u32 shard length, u32 length, u32 made (s since 1970), u32 until (day since 1970,
    0: kept without end), u8 quorum, u8 number of keys, u8 length of owner, u8 length of label, SHA-256 of the content
    [32], owner, label, the keys [32 each], SHA-256 of shards 0..n-1 of each block in turn [32 each], signature [64]

The owner signs a purpose, the federation's name, a zero byte and all before the signature. The id of an object is the
first 16 bytes of the SHA-256 of what is signed of it, so two manifests that disagree are two objects. An object is
deleted on its day `until`, or when `quorum` of the keys have signed that.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct

from reedmesh.archive.placement import MOST_SHARDS, code_for
from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key
from reedmesh.protocol.shards import MAX_SHARD, Shape
from reedmesh.protocol.wire import is_name

VERSION = 1
KINDS = ("backup", "model", "head", "recording", "file")  # a number is its place here
SEALED = ("backup", "file")  # kinds whose content only a recovery key or its owner opens
HASH, SIGNATURE, ID = 32, 64, 16
MOST_KEYS = 8
LONGEST_LABEL = 64
DAY = 86_400
_HEAD = Struct("<BBBBIIIIBBBB32s")
LARGEST = 32_768  # bytes of a manifest: 16 MiB as three copies need 25 kB
_PURPOSE = b"reedmesh archive manifest\0"


@dataclass(frozen=True)
class Manifest:
    """As above. hashes: of all shards, block after block. frame: all of it, once it is signed or was received."""

    owner: str
    label: str
    kind: str
    n: int
    shape: Shape
    made: int
    until: int
    sha256: bytes
    hashes: tuple[bytes, ...]
    quorum: int = 0
    keys: tuple[bytes, ...] = ()
    frame: bytes = field(default=b"", repr=False)

    @property
    def id(self) -> bytes:
        """16 bytes that name the object."""
        return sha256(self.body()).digest()[:ID]

    @property
    def coded(self) -> int:
        """Bytes of all its shards together."""
        return self.n * self.shape.blocks * self.shape.shard_length

    @property
    def share(self) -> int:
        """Bytes of one holder's shards."""
        return self.shape.blocks * self.shape.shard_length

    def hash_of(self, block: int, index: int) -> bytes:
        """The SHA-256 of a shard; raises WireError where there is none."""
        if not 0 <= block < self.shape.blocks or not 0 <= index < self.n:
            raise WireError(f"shard {index} of block {block}: there are {self.n} of {self.shape.blocks} blocks")
        return self.hashes[block * self.n + index]

    def is_over(self, now: float) -> bool:
        """Whether its day has come, at `now`, s since 1970."""
        return bool(self.until) and now >= self.until * DAY

    def body(self) -> bytes:
        """The bytes that are signed, but for the purpose."""
        owner, label, shape = self.owner.encode(), self.label.encode(), self.shape
        counts = self.quorum, len(self.keys), len(owner), len(label)
        kind = KINDS.index(self.kind)
        times = self.made, self.until
        head = _HEAD.pack(
            VERSION, shape.k, self.n, kind, shape.shard_length, shape.length, *times, *counts, self.sha256
        )
        return b"".join((head, owner, label, *self.keys, *self.hashes))


def shape_for(length: int, k: int) -> Shape:
    """How an object of `length` bytes is cut into k data shards a block; raises WireError for 0 or too many bytes."""
    blocks = max(1, -(-length // (k * MAX_SHARD)))
    each = -(-length // (k * blocks))
    return Shape(k, max(4, -(-each // 4) * 4), length)


def pack(it: Manifest, key: Key, federation: str) -> bytes:
    """The signed frame."""
    body = it.body()
    return body + key.signature(_signed(body, federation))


def unpack(frame: bytes) -> Manifest:
    """The manifest in `frame`, whose signature is not looked at yet; raises WireError, before it reserves memory."""
    if not _HEAD.size < len(frame) <= LARGEST or frame[0] != VERSION:
        raise WireError(f"archive: manifest of {len(frame)} bytes, version {frame[:1].hex()}")
    _, k, n, kind, shard_length, length, made, until, quorum, m, own, lab, digest = _HEAD.unpack_from(frame)
    shape = Shape(k, shard_length, length)
    _check(k, n, kind, quorum, m, own, lab)
    at, size = _HEAD.size, own + lab + 32 * m + HASH * n * shape.blocks + SIGNATURE
    if len(frame) != at + size or not _is_tight(shape):
        raise WireError(f"archive: manifest of {len(frame)} bytes, {at + size} are declared; {length} bytes in {n}")
    owner, label = _text(frame[at : at + own]), _text(frame[at + own : at + own + lab])
    if not is_name(owner) or not label.isprintable():
        raise WireError("archive: owner or label is none")
    keys = _pieces(frame, at + own + lab, m)
    hashes = _pieces(frame, at + own + lab + 32 * m, n * shape.blocks)
    return Manifest(owner, label, KINDS[kind], n, shape, made, until, digest, hashes, quorum, keys, frame)


def is_by(it: Manifest, keys: Iterable[bytes], federation: str) -> bool:
    """Whether one of `keys`, 32 bytes each, signed the manifest that was received."""
    text, signature = _signed(it.frame[:-SIGNATURE], federation), it.frame[-SIGNATURE:]
    return any(is_signed(key, signature, text) for key in keys)


def _check(k: int, n: int, kind: int, quorum: int, keys: int, owner: int, label: int) -> None:
    if not 0 < n <= MOST_SHARDS or code_for(n) != (k, n) or kind >= len(KINDS):
        raise WireError(f"archive: manifest of {k} of {n} shards, kind {kind}")
    if not quorum <= keys <= MOST_KEYS or (keys and not quorum) or not 0 < owner <= 32 or not label <= LONGEST_LABEL:
        raise WireError(f"archive: manifest with {quorum} of {keys} keys, names of {owner} and {label} bytes")


def _is_tight(shape: Shape) -> bool:
    """Whether its shards are as `shape_for` cuts them: nobody is paid in padding."""
    return shape.same(shape_for(shape.length, shape.k))


def _pieces(frame: bytes, at: int, count: int) -> tuple[bytes, ...]:
    return tuple(frame[at + 32 * i : at + 32 * (i + 1)] for i in range(count))


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeError as fault:
        raise WireError("archive: owner or label is no UTF-8") from fault


def _signed(body: bytes, federation: str) -> bytes:
    return _PURPOSE + federation.encode() + b"\0" + body
