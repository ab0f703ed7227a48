"""HMAC (RFC 2104), as far as CPython's module of this name is needed here; MicroPython has none."""

import hashlib

BLOCK = 64  # bytes of SHA-256's


def digest(key: bytes, message, name: str) -> bytes:
    """HMAC-SHA256 of `message` (any buffer, not copied) under `key`; `name` can only be "sha256"."""
    if name != "sha256":
        raise ValueError("hmac: " + name)
    if len(key) > BLOCK:
        key = hashlib.sha256(key).digest()
    key += bytes(BLOCK - len(key))
    inner = hashlib.sha256(bytes(byte ^ 0x36 for byte in key))
    inner.update(message)
    outer = hashlib.sha256(bytes(byte ^ 0x5C for byte in key))
    outer.update(inner.digest())
    return outer.digest()
