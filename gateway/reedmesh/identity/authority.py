"""Keys that a site's authority certifies implicitly: whoever pins the authority needs no list of keys. Pure.

The Schnorr form of implicit certificates (SIMPL: Barreto et al. 2019, ePrint 2019/157; ECQV: SEC 4) on Ed25519. A
gateway draws x and asks with X = xG. The authority, whose key is P = aG, draws r and answers

    V = X + rG,    s = r + H(P, name, first day, last day, V) a        (modulo the group's order)

The gateway's private key is y = x + s. Anybody computes its public key from V: V + H(...) P. The authority never knows
y, so it can read nothing; it can issue another V for the same name, which shows as two credentials of one name. Keys
are ordinary Ed25519 keys (RFC 8032), so everything that checks or opens with one goes on as before.
"""

import secrets
from dataclasses import dataclass
from hashlib import sha512
from struct import pack
from types import ModuleType

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from reedmesh.errors import ConfigError, WireError
from reedmesh.identity.keys import Key

ORDER = 2**252 + 27742317777372353535851937790883648493  # of the group, RFC 8032
POINT = SCALAR = 32  # bytes
_PURPOSE = b"reedmesh authority\0"


@dataclass(frozen=True)
class Term:
    """Whose credential, and from which day to which, days since 1970, both included."""

    name: str
    first: int
    last: int

    def overlaps(self, other: "Term") -> bool:
        """Whether some day belongs to both."""
        return self.first <= other.last and other.first <= self.last


class ScalarKey(Key):
    """A private key that is a scalar, 32 bytes, and not made of a seed. Signs as RFC 8032 verifies.

    The nonce is hedged: it follows from the key, the text and fresh random bytes, so neither a bad random source nor a
    fault that repeats a signature tells the key.
    """

    def __init__(self, scalar: bytes) -> None:
        self.scalar = scalar
        self._prefix = sha512(_PURPOSE + b"nonce\0" + scalar).digest()
        self.public = _nacl().crypto_scalarmult_ed25519_base_noclamp(scalar)
        self.opens = X25519PrivateKey.from_private_bytes(_clamped(scalar))

    def signature(self, text: bytes) -> bytes:
        """As in Key."""
        nacl = _nacl()
        nonce = nacl.crypto_core_ed25519_scalar_reduce(
            sha512(self._prefix + secrets.token_bytes(SCALAR) + text).digest()
        )
        point = nacl.crypto_scalarmult_ed25519_base_noclamp(nonce)
        challenge = nacl.crypto_core_ed25519_scalar_reduce(sha512(point + self.public + text).digest())
        product = nacl.crypto_core_ed25519_scalar_mul(challenge, self.scalar)
        return bytes(point + nacl.crypto_core_ed25519_scalar_add(nonce, product))


def scalar() -> bytes:
    """A random scalar."""
    return bytes(_nacl().crypto_core_ed25519_scalar_reduce(secrets.token_bytes(64)))


def point(secret: bytes) -> bytes:
    """The public point of a scalar; raises ConfigError for zero."""
    try:
        return bytes(_nacl().crypto_scalarmult_ed25519_base_noclamp(secret))
    except RuntimeError as error:
        raise ConfigError("a secret of zeros is none") from error


def issue(secret: bytes, term: Term, asked: bytes) -> tuple[bytes, bytes]:
    """The authority's answer (V, s) to a gateway that asked with the point `asked`; raises WireError for no point."""
    check_point(asked)
    nacl, drawn = _nacl(), scalar()
    given = nacl.crypto_core_ed25519_add(asked, point(drawn))
    product = nacl.crypto_core_ed25519_scalar_mul(_hash(point(secret), term, given), secret)
    return bytes(given), bytes(nacl.crypto_core_ed25519_scalar_add(drawn, product))


def accepted(authority: bytes, term: Term, drawn: bytes, given: bytes, answer: bytes) -> ScalarKey:
    """The gateway's key after the authority's answer to its request; raises WireError when that does not fit.

    drawn: the scalar x it asked with. given, answer: V and s.
    """
    if len(answer) != SCALAR or int.from_bytes(answer, "little") >= ORDER:
        raise WireError("credential: its second part is no scalar")
    key = ScalarKey(bytes(_nacl().crypto_core_ed25519_scalar_add(drawn, answer)))
    if key.public != extracted(authority, term, given):
        raise WireError(f"credential: not of this authority, or not the answer to the last request of {term.name}")
    return key


def extracted(authority: bytes, term: Term, given: bytes) -> bytes:
    """The public key of whom the authority gave `given` for that term; raises WireError for no point."""
    check_point(given)
    check_point(authority)
    nacl = _nacl()
    product = nacl.crypto_scalarmult_ed25519_noclamp(_hash(authority, term, given), authority)
    return bytes(nacl.crypto_core_ed25519_add(given, product))


def check_point(it: bytes) -> None:
    """Raises WireError unless it is a canonical point of the group of prime order (RFC 8032, 5.1.3)."""
    if len(it) != POINT or not _nacl().crypto_core_ed25519_is_valid_point(it):
        raise WireError("credential: not a point of the group")


def _hash(authority: bytes, term: Term, given: bytes) -> bytes:
    """H(...), a scalar: of parts whose lengths are fixed or said."""
    name = term.name.encode()
    parts = _PURPOSE + authority + pack("<B", len(name)) + name + pack("<II", term.first, term.last) + given
    return bytes(_nacl().crypto_core_ed25519_scalar_reduce(sha512(parts).digest()))


def _clamped(it: bytes) -> bytes:
    """The scalar, or its negative, plus a multiple of the order, as X25519 takes it (RFC 7748): the same u-coordinates.

    A multiple of 8 with bit 254 set: one exists for all but 2**-127 of the scalars.
    """
    value, inverse = int.from_bytes(it, "little"), pow(ORDER, -1, 8)
    for each in (value, ORDER - value):
        for times in range(-each * inverse % 8, 16, 8):
            found = each + times * ORDER
            if 2**254 <= found < 2**255:
                return found.to_bytes(SCALAR, "little")
    raise ConfigError("this key has no twin to open with: ask for another")


def _nacl() -> ModuleType:
    """libsodium's group operations; raises ConfigError where they are not installed."""
    try:
        from nacl import bindings
    except ImportError as error:
        raise ConfigError("authority mode needs PyNaCl: pip install reedmesh[authority]") from error
    return bindings
