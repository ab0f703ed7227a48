"""The recovery code: what is printed on paper, and with it alone a dead gateway's replacement begins. Pure.

    "rr1-" + base32 (RFC 4648, lower case, groups of five) of: version u8, secret [16], name, u8 neighbours, then for
    each: name, host, port u16, password [32], SHA-256 of the certificate its broker shows [32] (zeros: no TLS);
    CRC-32 of all before. A name and a host are a length u8 and UTF-8

From the secret follow an X25519 key, which opens what is sealed for it, and a key that authenticates what was sealed.
The gateway keeps the public half and the second key; the secret stands on the paper alone.
"""

import base64
import hmac
import re
import struct
import textwrap
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from reedmesh.errors import ConfigError
from reedmesh.protocol.wire import is_name

MARK, LONGEST = "rr1-", 2000  # characters of a code
SECRET = 16
MOST_PLACES = 3
DAMAGED = "the code is damaged: type or scan it whole, from rr1- to its end"
_VERSION = 1
_PLACE = struct.Struct("<H32s32s")


@dataclass(frozen=True)
class Place:
    """A neighbour's broker. password: of our login there, 64 hexadecimal digits, "" for none. certificate: SHA-256."""

    name: str
    host: str
    port: int
    password: str
    certificate: bytes | None


@dataclass(frozen=True)
class Paper:
    """What a code says: of the gateway `name`."""

    name: str
    secret: bytes
    places: Sequence[Place]

    @property
    def opens(self) -> X25519PrivateKey:
        """The key that opens what is sealed for this paper."""
        return X25519PrivateKey.from_private_bytes(hmac.digest(self.secret, b"reedmesh recovery opens", "sha256"))

    @property
    def public(self) -> bytes:
        """Its public half, 32 bytes, which the gateway keeps."""
        return self.opens.public_key().public_bytes_raw()

    @property
    def proof(self) -> bytes:
        """The key, 32 bytes, that authenticates what the gateway sealed; it keeps that, too."""
        return hmac.digest(self.secret, b"reedmesh recovery proof", "sha256")


def code(it: Paper) -> str:
    """The text for the paper."""
    body = bytes([_VERSION]) + it.secret + _text(it.name) + bytes([len(it.places)])
    body += b"".join(_packed(each) for each in it.places)
    raw = body + struct.pack("<I", zlib.crc32(body))
    return MARK + "-".join(textwrap.wrap(base64.b32encode(raw).decode().rstrip("=").lower(), 5))


def read(text: str) -> Paper:
    """What a code says; raises ConfigError for one that is none or damaged."""
    letters = re.sub(r"[\s-]", "", text.lower())
    if len(text) > LONGEST or not letters.startswith("rr1"):
        raise ConfigError("this is no recovery code: `reedmesh archive paper` on the gateway prints one, rr1- ...")
    try:
        digits = letters[3:].upper().replace("0", "O").replace("1", "I").replace("8", "B")  # as they are misread
        raw = base64.b32decode(digits + "=" * (-len(digits) % 8))
        body, (checksum,) = raw[:-4], struct.unpack("<I", raw[-4:])
        if checksum != zlib.crc32(body) or base64.b32encode(raw).decode().rstrip("=") != digits:
            raise ConfigError(DAMAGED)
        if body[0] != _VERSION:
            raise ConfigError(f"a recovery code of version {body[0]}: upgrade reedmesh here")
        return _paper(body)
    except (ValueError, struct.error, IndexError) as error:
        raise ConfigError(DAMAGED) from error


def _paper(body: bytes) -> Paper:
    secret, at = body[1 : 1 + SECRET], 1 + SECRET
    name, at = _read_text(body, at)
    count, places = body[at], []
    at += 1
    for _ in range(min(count, MOST_PLACES)):
        whose, at = _read_text(body, at)
        host, at = _read_text(body, at)
        port, password, certificate = _PLACE.unpack_from(body, at)
        at += _PLACE.size
        places.append(Place(whose, host, port, password.hex() if any(password) else "", _or_none(certificate)))
    if at != len(body) or not all(is_name(each) for each in (name, *(it.name for it in places))):
        raise ValueError("lengths or names")
    return Paper(name, secret, tuple(places))


def _or_none(certificate: bytes) -> bytes | None:
    return certificate if any(certificate) else None


def _packed(it: Place) -> bytes:
    password = bytes.fromhex(it.password) if re.fullmatch("[0-9a-f]{64}", it.password) else bytes(32)
    return _text(it.name) + _text(it.host) + _PLACE.pack(it.port, password, it.certificate or bytes(32))


def _text(text: str) -> bytes:
    return bytes([len(text.encode())]) + text.encode()


def _read_text(body: bytes, at: int) -> tuple[str, int]:
    length = body[at]
    raw = body[at + 1 : at + 1 + length]
    if len(raw) != length:
        raise ValueError("lengths")
    return raw.decode("ascii"), at + 1 + length
