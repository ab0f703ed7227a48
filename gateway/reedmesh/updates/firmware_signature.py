"""The signature of a firmware package: an Ed25519 key that is on no gateway vouches for what sensors will run. Pure.

Whoever breaks into a gateway has the sensors' keys, and could have them run anything. So the key of releases stays with
whoever makes them, and `[firmware] signer` of a gateway says whose packages it takes. The signature stands behind the
package in its file, and the gateway checks it before it offers anything:

    the package, then "reedmesh signed 1" [17], public key [32], signature [64]

What is signed is "reedmesh firmware", a zero and the SHA-256 of the package. A classic ESP32 has no room for a check of
its own: it relies on its gateway, whose offer it checks by HMAC (docs/security.md).
"""

from hashlib import sha256

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import Key

MARK = b"reedmesh signed 1"
PUBLIC, SIGNATURE = 32, 64
TRAILER = len(MARK) + PUBLIC + SIGNATURE  # bytes
_PURPOSE = b"reedmesh firmware\0"


def sign(data: bytes, key: Key) -> bytes:
    """The package in `data`, signed or not, with a signature of `key` behind it."""
    package, _ = split(data)
    return package + MARK + key.public + key.signature(_text(package))


def split(data: bytes) -> tuple[bytes, bytes]:
    """The package, and the key that signed it, b"" for none; raises WireError for a signature that does not hold."""
    trailer = data[-TRAILER:]
    if not trailer.startswith(MARK) or len(trailer) < TRAILER:
        return data, b""
    package, public = data[:-TRAILER], trailer[len(MARK) : len(MARK) + PUBLIC]
    if not is_signed(public, trailer[-SIGNATURE:], _text(package)):
        raise WireError(f"its signature with {public.hex()} does not hold: it was changed since")
    return package, public


def checked(data: bytes, signer: bytes) -> bytes:
    """The package, signed with `signer`, or with any key or none where that is b""; raises WireError."""
    package, public = split(data)
    if signer and public != signer:
        told = f"signed with {public.hex()}" if public else "not signed"
        raise WireError(f"{told}, and [firmware] signer is {signer.hex()}: `reedmesh release sign` with that key")
    return package


def _text(package: bytes) -> bytes:
    return _PURPOSE + sha256(package).digest()
