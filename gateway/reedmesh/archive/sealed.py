"""What is put into the archive for its owner alone: compressed, authenticated, and sealed in an envelope. Pure.

The envelope opens for the owner's keys and for the recovery code. An envelope does not say who made it, so a backup
also has an HMAC-SHA256 under the proof key of the code: nobody else can make one that a replacement would believe.

    backup: HMAC [32] of all that follows, zlib of: u32 length of the configuration, the configuration, the backup file
"""

import hmac
import zlib
from collections.abc import Sequence
from struct import Struct

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from reedmesh.errors import WireError
from reedmesh.identity import envelope

LARGEST = 512 << 20  # bytes of a backup once it is unpacked
_LENGTH = Struct("<I")
_PROOF = 32


def seal(content: bytes, owner: str, kind: str, readers: Sequence[X25519PublicKey]) -> bytes:
    """`content` for its owner; raises WireError for more than 16 MiB."""
    return envelope.seal(content, readers, _context(owner, kind))


def unseal(sealed: bytes, owner: str, kind: str, own: Sequence[X25519PrivateKey]) -> bytes:
    """What `seal` sealed, for who has one of the keys `own`; raises WireError."""
    return envelope.unseal(sealed, own, _context(owner, kind))


def pack_backup(config: bytes, file: bytes, proof: bytes) -> bytes:
    """The content of a backup: the text of the configuration, and the file that `reedmesh backup` makes."""
    packed = zlib.compress(_LENGTH.pack(len(config)) + config + file, 6)
    return hmac.digest(proof, packed, "sha256") + packed


def unpack_backup(content: bytes, proof: bytes) -> tuple[bytes, bytes]:
    """Configuration and backup file; raises WireError for what was not made with `proof`."""
    told, packed = content[:_PROOF], content[_PROOF:]
    if not hmac.compare_digest(told, hmac.digest(proof, packed, "sha256")):
        raise WireError("backup: not made by the gateway that the code is of")
    try:
        opener = zlib.decompressobj()
        raw = opener.decompress(packed, LARGEST)
    except zlib.error as error:
        raise WireError(f"backup: {error}") from error
    if not opener.eof or len(raw) < _LENGTH.size:
        raise WireError(f"backup: cut short, or more than {LARGEST} bytes")
    (length,) = _LENGTH.unpack_from(raw)
    return raw[_LENGTH.size : _LENGTH.size + length], raw[_LENGTH.size + length :]


def _context(owner: str, kind: str) -> bytes:
    return b"reedmesh archive sealed\0" + owner.encode() + b"\0" + kind.encode() + b"\0"
