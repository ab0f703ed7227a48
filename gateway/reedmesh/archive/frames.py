"""The messages of the archive between gateways: each signed by who says it, for one receiver or for all. Pure.

    u8 version, u8 kind, u16 0, sender [32], receiver [32] (zeros: all), u64 time (ms since 1970), nonce [16], body,
    signature [64] of a purpose, the federation's name, a zero byte and all before

An answer has the nonce of its question. docs/protocol.md has the bodies.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from struct import Struct

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key
from reedmesh.protocol import wire
from reedmesh.protocol.wire import MAX_PAYLOAD, is_name

VERSION = 1
OFFER, LIST, LISTED, WANT_MANIFEST, MANIFEST, WANT_SHARD, SHARD, PUT, KEPT, REFUSED, FORGET = range(1, 12)
QUESTIONS = (LIST, WANT_MANIFEST, WANT_SHARD, PUT, FORGET)
ANSWERS = (LISTED, MANIFEST, SHARD, KEPT, REFUSED)
SIGNATURE, ID, NONCE = 64, 16, 16
_HEAD = Struct("<BBH32s32sQ16s")
MOST_BODY = MAX_PAYLOAD - _HEAD.size - SIGNATURE
_PURPOSE = b"reedmesh archive message\0"

_OFFER = Struct("<QQI32s")  # bytes offered, bytes used, objects known, digest of the list
_PLACE = Struct("<16sHB")  # object, block, index
_ENTRY = Struct("<16sB")  # object, shards held as bits
_PUT = Struct("<HBH")  # block, index, length of the manifest
MOST_LISTED = MOST_BODY // _ENTRY.size
LONGEST_REASON = 200  # bytes


@dataclass(frozen=True)
class Frame:
    """A message. receiver: "" for all. time: ms since 1970, by the sender's clock."""

    kind: int
    sender: str
    receiver: str
    time: int
    nonce: bytes
    body: bytes


@dataclass(frozen=True)
class Offer:
    """What a gateway says of its archive. capacity, used: bytes. objects: known. digest: SHA-256 of its list."""

    capacity: int
    used: int
    objects: int
    digest: bytes

    def pack(self) -> bytes:
        """The body of its message."""
        return _OFFER.pack(self.capacity, self.used, self.objects, self.digest)


def topic(gateway: str, receiver: str) -> str:
    """Where `gateway` says what is meant for `receiver`, "" for all."""
    return wire.topic(gateway, "archive", *([receiver, "frame"] if receiver else ["offer"]))


def subscriptions(neighbour: str, receiver: str, qos: int = 1) -> dict[str, int]:
    """The topics on which `receiver` hears a neighbour, with their QoS."""
    return {topic(neighbour, ""): qos, topic(neighbour, receiver): qos}


def is_ours(text: str) -> bool:
    """Whether a topic is the archive's; quick, for it is asked of every message."""
    parts = text.split("/", 3)
    return len(parts) == 4 and parts[2] == "archive"


def pack(it: Frame, key: Key, federation: str) -> bytes:
    """The signed bytes of a message."""
    names = it.sender.encode(), it.receiver.encode()
    said = _HEAD.pack(VERSION, it.kind, 0, *names, it.time, it.nonce) + it.body
    return said + key.signature(_signed(said, federation))


def unpack(raw: bytes, gateway: str, receiver: str, keys: Iterable[bytes], federation: str) -> Frame:
    """The message in `raw`, by `gateway` to `receiver` or to all, signed with one of `keys`; raises WireError."""
    if not _HEAD.size + SIGNATURE <= len(raw) <= MAX_PAYLOAD or raw[0] != VERSION:
        raise WireError(f"archive: message of {len(raw)} bytes, version {raw[:1].hex()}")
    _, kind, spare, sender, to, time, nonce = _HEAD.unpack_from(raw)
    it = Frame(kind, _name(sender), _name(to), time, nonce, raw[_HEAD.size : -SIGNATURE])
    if spare or kind not in (OFFER, *QUESTIONS, *ANSWERS):
        raise WireError(f"archive: message of kind {kind}")
    if it.sender != gateway or it.receiver != ("" if kind == OFFER else receiver):
        raise WireError(f"archive: a message of {it.sender!r} for {it.receiver!r}, heard from {gateway} by {receiver}")
    text = _signed(raw[:-SIGNATURE], federation)
    if not any(is_signed(key, raw[-SIGNATURE:], text) for key in keys):
        raise WireError(f"archive: a message that {gateway} did not sign, or for another federation")
    return it


def offer(body: bytes) -> Offer:
    """The body of an OFFER; raises WireError."""
    _sized(body, _OFFER.size, "an offer")
    return Offer(*_OFFER.unpack(body))


def listed(body: bytes) -> dict[bytes, int]:
    """The objects of a LISTED, with their shards as bits; raises WireError."""
    if len(body) % _ENTRY.size:
        raise WireError(f"archive: a list of {len(body)} bytes")
    return dict(_ENTRY.iter_unpack(body))


def pack_list(held: Iterable[tuple[bytes, int]]) -> bytes:
    """The body of a LISTED, of at most MOST_LISTED objects; its SHA-256 is the digest of an offer."""
    return b"".join(_ENTRY.pack(*each) for each in sorted(held)[:MOST_LISTED])


def pack_place(object_id: bytes, block: int, index: int) -> bytes:
    """The body of a WANT_SHARD."""
    return _PLACE.pack(object_id, block, index)


def place(body: bytes) -> tuple[bytes, int, int]:
    """Object, block and index of a WANT_SHARD; raises WireError."""
    _sized(body, _PLACE.size, "a place")
    object_id, block, index = _PLACE.unpack(body)
    return object_id, block, index


def object_id(body: bytes) -> bytes:
    """The object of a WANT_MANIFEST; raises WireError."""
    _sized(body, ID, "an object")
    return body


def pack_put(manifest: bytes, block: int, index: int, shard: bytes | memoryview) -> bytes:
    """The body of a PUT: a manifest's frame and one shard of it."""
    return b"".join((_PUT.pack(block, index, len(manifest)), manifest, shard))


def put(body: bytes) -> tuple[bytes, int, int, bytes]:
    """Manifest, block, index and shard of a PUT; raises WireError."""
    if len(body) <= _PUT.size:
        raise WireError(f"archive: a shard in {len(body)} bytes")
    block, index, length = _PUT.unpack_from(body)
    end = _PUT.size + length
    return body[_PUT.size : end], block, index, body[end:]


def reason(body: bytes) -> str:
    """The text of a REFUSED, that of nobody's terminal codes."""
    text = body[:LONGEST_REASON].decode("utf-8", "replace")
    return "".join(each if each.isprintable() else "?" for each in text)


def _sized(body: bytes, size: int, what: str) -> None:
    if len(body) != size:
        raise WireError(f"archive: {what} of {len(body)} bytes, {size} are right")


def _name(raw: bytes) -> str:
    text = raw.rstrip(b"\0").decode("ascii", "replace")
    return text if not text or is_name(text) else "?"


def _signed(said: bytes, federation: str) -> bytes:
    return _PURPOSE + federation.encode() + b"\0" + said
