"""Signed envelopes: a payload, its type, and an Ed25519 signature of both (DSSE v1, JSON). Pure.

https://github.com/secure-systems-lab/dsse: any tool that knows DSSE can check one. What is signed is the payload's
bytes as they are, so nothing depends on how JSON is written, and a payload is parsed only when its signature holds.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Protocol

from reedmesh.errors import WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.json_object import read_json

MOST = 65536  # bytes of an envelope
MOST_SIGNATURES = 4


class Signer(Protocol):
    """A private key that signs bytes."""

    public: bytes

    def signature(self, text: bytes) -> bytes:
        """Of `text`, 64 bytes."""
        ...


def pae(kind: str, payload: bytes) -> bytes:
    """The bytes that are signed: the pre-authentication encoding of the DSSE specification.

    >>> pae("text", b"hi")
    b'DSSEv1 4 text 2 hi'
    """
    return b"DSSEv1 %d %b %d %b" % (len(kind.encode()), kind.encode(), len(payload), payload)


def seal(kind: str, payload: bytes, key: Signer, keyid: str) -> bytes:
    """The envelope of `payload`, of type `kind`, as UTF-8 JSON. keyid: names the key for people; no check uses it."""
    signature = {"keyid": keyid, "sig": _text(key.signature(pae(kind, payload)))}
    table = {"payload": _text(payload), "payloadType": kind, "signatures": [signature]}
    return json.dumps(table, separators=(",", ":")).encode()


def unseal(envelope: bytes, kind: str, keys: Iterable[bytes]) -> tuple[bytes, bytes]:
    """The payload of an envelope of type `kind`, and which of `keys`, 32 bytes each, it is signed with.

    Raises WireError when it is none, of another type, or not signed with any of them.
    """
    table, payload = _opened(envelope, kind)
    text = table.get("signatures")
    if not isinstance(text, list) or not 0 < len(text) <= MOST_SIGNATURES:
        raise WireError(f"envelope: not 1 to {MOST_SIGNATURES} signatures")
    signatures = [_bytes(each.get("sig") if isinstance(each, dict) else None, "signature") for each in text]
    signed = pae(kind, payload)
    for key in keys:
        if any(is_signed(key, signature, signed) for signature in signatures):
            return payload, key
    raise WireError("envelope: not signed with a key that counts")


def payload(envelope: bytes, kind: str) -> bytes:
    """The payload, in bytes, of an envelope of type `kind`, whoever signed it; raises WireError for another type."""
    return _opened(envelope, kind)[1]


def _opened(envelope: bytes, kind: str) -> tuple[dict[str, Any], bytes]:
    table = read_json(envelope, MOST)
    if table.get("payloadType") != kind:
        raise WireError(f"envelope: of type {table.get('payloadType')!r:.80}, not {kind}")
    return table, _bytes(table.get("payload"), "payload")


def _text(data: bytes) -> str:
    return b64encode(data).decode()


def _bytes(text: object, what: str) -> bytes:
    if isinstance(text, str):
        with suppress(ValueError):
            return b64decode(text, validate=True)
    raise WireError(f"envelope: its {what} is not base64")
