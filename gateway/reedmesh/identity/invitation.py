"""An invitation as one string: who invites, where its broker is, and a secret that lets one gateway join once. Pure.

    "rm1." + base64url( version u8, flags u8, port u16, until u32 (s since 1970), id 8, secret 16, public key 32,
                        SHA-256 of the broker's certificate 32 (zeros: no TLS), name, host (each a length u8 and
                        UTF-8), CRC-32 of all before )

What the two gateways then tell each other is sealed with keys derived from the secret (ChaCha20-Poly1305, RFC 8439), so
that neither the broker nor who holds another login of it reads or changes it.
"""

import base64
import hmac
import json
import os
import struct
import zlib
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reedmesh.errors import ConfigError
from reedmesh.json_object import read_json
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError

MARK, LONGEST = "rm1.", 600  # characters of a token
_HEAD = "<BBHI8s16s32s32s"
_VERSION, _PLAIN = 1, 1
NONCE = 12
MOST_SEALED = 2800  # bytes of what is sealed: a request has 4096, and base64 takes a third more
DAMAGED = "it is damaged: copy it whole, from rm1. to its end"
USER = "invite"  # role of the login at the inviting broker


@dataclass(frozen=True)
class Invitation:
    """What a token says. fingerprint: SHA-256 of the certificate that the broker shows; None where it has no TLS."""

    name: str
    host: str
    port: int
    until: int
    id: bytes
    secret: bytes
    key: bytes
    fingerprint: bytes | None

    @property
    def user(self) -> str:
        """The login that asks to join."""
        return f"{USER}.{self.id.hex()}"

    @property
    def password(self) -> str:
        """Of that login: 64 hexadecimal digits."""
        return hmac.digest(self.secret, b"reedmesh invitation login", "sha256").hex()

    def seal(self, purpose: str, told: dict[str, Any]) -> str:
        """JSON that only who has the token reads; purpose: "request" or "answer"."""
        nonce = os.urandom(NONCE)
        sealed = self._cipher(purpose).encrypt(nonce, json.dumps(told).encode(), self.id)
        return base64.b64encode(nonce + sealed).decode()

    def opened(self, purpose: str, sealed: str) -> dict[str, Any]:
        """What `seal` sealed; raises WireError for anything else."""
        try:
            raw = base64.b64decode(sealed, validate=True)
            text = self._cipher(purpose).decrypt(raw[:NONCE], raw[NONCE:], self.id)
        except (ValueError, InvalidTag) as error:
            raise WireError("sealed by who does not have the token") from error
        return read_json(text, MOST_SEALED)

    def _cipher(self, purpose: str) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(hmac.digest(self.secret, f"reedmesh join {purpose}".encode(), "sha256"))


def token(made: Invitation) -> str:
    """The string that is handed over."""
    flags = 0 if made.fingerprint else _PLAIN
    head = struct.pack(
        _HEAD, _VERSION, flags, made.port, made.until, made.id, made.secret, made.key, made.fingerprint or bytes(32)
    )
    texts = b"".join(bytes([len(each)]) + each for each in (made.name.encode(), made.host.encode()))
    body = head + texts
    return MARK + base64.urlsafe_b64encode(body + struct.pack("<I", zlib.crc32(body))).decode().rstrip("=")


def read(text: str) -> Invitation:
    """What a token says; raises ConfigError for one that is none, damaged, or too long."""
    text = "".join(text.split())  # a mail program may have broken it
    if len(text) > LONGEST or not text.startswith(MARK):
        raise ConfigError("this is no invitation: `reedmesh invite` on the other gateway prints one, rm1. ...")
    try:
        raw = base64.urlsafe_b64decode(text[len(MARK) :] + "=" * (-len(text[len(MARK) :]) % 4))
        body, (checksum,) = raw[:-4], struct.unpack("<I", raw[-4:])
        version, flags, port, until, number, secret, key, fingerprint = struct.unpack_from(_HEAD, body)
        name, host = _texts(body[struct.calcsize(_HEAD) :])
    except (ValueError, struct.error, IndexError) as error:
        raise ConfigError(DAMAGED) from error
    if checksum != zlib.crc32(body):
        raise ConfigError(DAMAGED)
    if version != _VERSION:
        raise ConfigError(f"an invitation of version {version}: upgrade reedmesh here")
    if not wire.is_name(name) or not host or not port:
        raise ConfigError(DAMAGED)
    return Invitation(name, host, port, until, number, secret, key, None if flags & _PLAIN else fingerprint)


def _texts(rest: bytes) -> tuple[str, str]:
    """Two texts that fill `rest`; raises ValueError or IndexError."""
    first = rest[1 : 1 + rest[0]]
    second = rest[1 + len(first) :]
    if len(first) != rest[0] or len(second) != 1 + second[0]:
        raise ValueError("lengths")
    return first.decode("ascii"), second[1:].decode("ascii")


def sealed_by(password: str, text: str) -> str:
    """A token for who has the password of a login, such as the dashboard: other logins of the broker read answers."""
    nonce = os.urandom(NONCE)
    return base64.b64encode(nonce + _for(password).encrypt(nonce, text.encode(), None)).decode()


def opened_by(password: str, sealed: str) -> str:
    """What `sealed_by` sealed; raises WireError."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        return _for(password).decrypt(raw[:NONCE], raw[NONCE:], None).decode()
    except (ValueError, InvalidTag) as error:
        raise WireError("sealed for another login") from error


def _for(password: str) -> ChaCha20Poly1305:
    return ChaCha20Poly1305(hmac.digest(password.encode(), b"reedmesh invitation shown", "sha256"))
