"""Passwords as salted scrypt hashes: `scrypt$15$8$1$<salt>$<hash>`, base64. RFC 7914; strength as OWASP recommends.

A hash takes 32 MiB and about a tenth of a second, so that guessing is slow; callers see to it that it is not made often
at once.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode

LOG_N, R, P = 15, 8, 1
MEMORY = 64 * 2**20  # bytes, more than 128 * N * r
_BASE64 = r"((?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?)"
FORM = re.compile(rf"scrypt\$(1[0-9])\$([1-9]\d?)\$([1-9]\d?)\$(?=[^$]{{22,44}}\$){_BASE64}\$(?=.{{43,88}}$){_BASE64}")
SHORTEST = 10  # characters


def hashed(password: str) -> str:
    """A new hash, with a salt of its own."""
    salt = secrets.token_bytes(16)
    key = _key(password, salt, LOG_N, R, P)
    return f"scrypt${LOG_N}${R}${P}${b64encode(salt).decode()}${b64encode(key).decode()}"


def is_hash(text: str) -> bool:
    """Whether `text` is what `hashed` makes, of this strength or another that can be computed here."""
    found = FORM.fullmatch(text)
    return found is not None and 128 * 2 ** int(found[1]) * int(found[2]) < MEMORY


def fits(password: str, known: str) -> bool:
    """Whether `password` is the one `known` was made of; takes as long if not. known: is_hash holds."""
    found = FORM.fullmatch(known)
    assert found
    key = _key(password, b64decode(found[4]), *(int(found[i]) for i in (1, 2, 3)))
    return hmac.compare_digest(key, b64decode(found[5]))


def _key(password: str, salt: bytes, log_n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(password.encode("utf-8", "replace"), salt=salt, n=2**log_n, r=r, p=p, maxmem=MEMORY, dklen=32)
