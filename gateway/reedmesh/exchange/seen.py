"""A gateway's view of its neighbours, as it publishes it: newest checkpoints, and the updates it holds. Pure.

u8 version, u8 heads, heads x checkpoint without its tail, then of each update: name [32], u32 sequence, SHA-256 [32]
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from struct import Struct

from reedmesh.errors import WireError
from reedmesh.protocol.wire import is_name
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint

VERSION = 1
MOST = 100  # neighbours that are told of
_HELD = Struct("<32sI32s")


@dataclass(frozen=True)
class Held:
    """The newest update that is held of a gateway. digest: SHA-256 of its payload, in hex."""

    sequence: int
    digest: str


def pack(heads: Iterable[Checkpoint], held: Mapping[str, Held]) -> bytes:
    """The frame, of MOST neighbours at most; an update without a digest is left out."""
    bare = [replace(each, before=each.hash, tail=()) for each in sorted(heads, key=lambda each: each.name)[:MOST]]
    updates = [(name, each) for name, each in sorted(held.items())[:MOST] if len(each.digest) == 64]
    packed = [_HELD.pack(name.encode(), each.sequence, bytes.fromhex(each.digest)) for name, each in updates]
    return bytes([VERSION, len(bare)]) + b"".join([*map(ledger.pack_checkpoint, bare), *packed])


def unpack(frame: bytes) -> tuple[list[bytes], dict[str, Held]]:
    """The frames of the heads, whose signatures are still to be checked, and the updates; raises WireError."""
    if len(frame) < 2 or frame[0] != VERSION or frame[1] > MOST:
        raise WireError(f"seen: {len(frame)} bytes, version {frame[:1].hex()}")
    size = ledger.CHECKPOINT
    end = 2 + frame[1] * size
    if len(frame) < end or (len(frame) - end) % _HELD.size or len(frame) - end > MOST * _HELD.size:
        raise WireError(f"seen: {len(frame)} bytes do not hold {frame[1]} heads")
    held = {}
    for name, sequence, digest in _HELD.iter_unpack(frame[end:]):
        text = name.rstrip(b"\0").decode("ascii", "replace")
        if not is_name(text):
            raise WireError("seen: no name")
        held[text] = Held(sequence, digest.hex())
    return [frame[at : at + size] for at in range(2, end, size)], held
