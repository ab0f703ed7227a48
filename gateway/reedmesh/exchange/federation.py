"""The rules of a federation: names and wrapping of updates on the way, and the keys that open them.

A `Federation` has a name, for which manifests are signed, and speaks openly: topics and manifests say who made what,
and whoever may read a broker can read an update. A `Sealed` one also has a secret, 32 bytes all its gateways know:

- what an update says is in an envelope (`envelope.py`) that only those can open whom its sender trusts;
- topics carry pseudonyms, which follow from the secret and the day; they change once a day, each gateway's at a moment
  of its own in the first hour (UTC);
- everything that is said there is in a box: u8 version, nonce [12], ChaCha20-Poly1305 of what an open federation would
  say, under a key that follows from the secret, the day and who speaks, filled up to one of a few sizes. So a bystander
  sees neither a name nor a sequence number nor whose signature it is, which would link one day to the next; nor does a
  size tell how long a ledger is or how many neighbours there are.

The secret opens no update. Who has it and no trusted key can tell who speaks, and nothing more.
"""

import hmac
import logging
import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from struct import pack
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reedmesh.config.settings import FEDERATION
from reedmesh.errors import WireError
from reedmesh.identity import envelope
from reedmesh.identity.ed25519 import twin
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.protocol.shards import Manifest

log = logging.getLogger(__name__)

DAY = 86400
REQUEST = "request/"
LEAVES = {
    "manifest": 1,
    "shard": 0,
    "key": 1,
    "head": 1,
    "seen": 1,
    "owed": 1,
    "credential": 1,
    "revoked": 1,
    "cell/norms": 1,
    "cell/set": 1,
    "cell/answer": 1,
    "proof": 1,
    "request/need": 1,
    "request/snapshot": 1,
}  # with their QoS
JOBS = "jobs"  # stands for the family where gateways lend each other computing
JOB_LEAVES = {"job": 1, f"{REQUEST}job": 1}  # to all neighbours, and to one
SPREAD = 3600  # seconds of a day in which gateways change their names
SEALED = "sealed"  # stands for the family in a topic
VERSION = 1
NONCE = 12
GRAIN = 64  # bytes that a box of shards grows by: an envelope has few sizes, so its shards have
SIZES = (1024, 4096, 16_384)  # bytes that every other box is filled up to
HEAD = 8448  # bytes of a box with the head of a ledger, however long that is
MOST_KEPT = 2  # envelopes of a family: the newest update, and a snapshot


def leaves(family: str) -> dict[str, int]:
    """The leaves of a family's topics, with their QoS."""
    return JOB_LEAVES if family == JOBS else LEAVES


class Heard(NamedTuple):
    """The content of a message, its sender and its leaf."""

    gateway: str
    family: str
    leaf: str
    payload: bytes


def addressed(leaf: str, to: str) -> str:
    """Return the leaf of a request to `to`: "request/need" becomes "request/hall1/need". Other leaves stay.

    >>> addressed("request/need", "hall1"), addressed("manifest", "hall1")
    ('request/hall1/need', 'manifest')
    """
    return leaf.replace(REQUEST, f"{REQUEST}{to}/", 1) if to and leaf.startswith(REQUEST) else leaf


def _split(parts: Sequence[str]) -> tuple[str, str]:
    """Return the leaf in the last parts of a topic, and to whom a request is addressed, "" if that is not there."""
    if len(parts) == 3 and parts[0] == "request":
        return f"{REQUEST}{parts[2]}", parts[1]
    return "/".join(parts), ""


class Federation:
    """One that speaks openly. clock: s since 1970."""

    def __init__(self, name: str = FEDERATION, clock: Callable[[], float] = time.time) -> None:
        self.name = name
        self.mark = name  # what a gateway's status says of it: neighbours compare
        self._clock = clock

    def now(self) -> float:
        """The time, s since 1970."""
        return self._clock()

    def day(self, gateway: str = "") -> int:
        """The day, since 1970, by whose names `gateway` speaks now; of nobody in particular: today."""
        return int(self._clock() // DAY)

    def worn_out(self, gateway: str) -> int | None:
        """The day whose names nobody listens to for news any more, so that what is retained there can go."""
        return None

    def topic(self, gateway: str, family: str, leaf: str, day: int | None = None) -> str:
        """Where `gateway` says it, on that day or now."""
        return wire.topic(gateway, "update", family, *leaf.split("/"))

    def topics(self, gateway: str, family: str, to: str = "+") -> dict[str, int]:
        """All that the neighbour `to` subscribes to, with its QoS; of requests only those to it. "+": of anybody."""
        base = wire.topic(gateway, "update", family)
        return {f"{base}/{addressed(leaf, to)}": qos for leaf, qos in leaves(family).items()}

    def message(
        self, gateway: str, family: str, leaf: str, payload: bytes, retain: bool = False, to: str = ""
    ) -> Message:
        """The message by which `gateway` publishes a payload now; to: the addressee of a request."""
        return Message(self.topic(gateway, family, addressed(leaf, to)), payload, leaves(family)[leaf], retain)

    def hear(self, message: Message) -> Heard:
        """The content of a neighbour's message; raises WireError."""
        gateway, *parts = wire.split_topic(message.topic)
        leaf = _split(parts[2:])[0]
        if parts[0] != "update" or leaf not in leaves("".join(parts[1:2])):
            raise WireError(f"nothing is expected on {message.topic}")
        return Heard(gateway, parts[1], leaf, message.payload)

    def close(self, payload: bytes, family: str, sender: str, sequence: int, base: int) -> bytes:
        """A payload as it travels; takes its time, and may run in a thread. Raises WireError for one too large."""
        return payload

    def repeats(self, payload: bytes, family: str, sender: str, sequence: int, base: int) -> bool:
        """Whether `close` gives the bytes that it gave before under that number, also before a restart.

        Other bytes under one number are proof of two updates (`proofs.py`), so they need a number of their own.
        """
        return True

    def open(self, manifest: Manifest, data: bytes) -> bytes:
        """The payload in what travelled under `manifest`; may run in a thread. Raises WireError."""
        return data


OPEN = Federation()  # of gateways that were told nothing


class Sealed(Federation):
    """One whose updates its gateways alone can read. Our name, the families we take, our keys, and whom we trust."""

    def __init__(
        self,
        name: str,
        secret: bytes,
        gateway: str,
        families: Sequence[str],
        own: Sequence[Key],
        keyring: Keyring,
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, clock)
        self._secret = hmac.digest(secret, b"reedmesh federation\0" + name.encode(), "sha256")
        self.mark = self._derive("mark")[:8].hex()
        self._gateway = gateway
        self._families = families
        self._own = [key.opens for key in own]
        self._keyring = keyring
        self._known: dict[str, tuple[str, str, int]] = {}  # pseudonym -> gateway, family and day
        self._known_for: object = None
        self._closed: dict[bytes, bytes] = {}  # by what is in it, for whom: so that it stays the same bundle

    def day(self, gateway: str = "") -> int:
        """As in Federation; a gateway's day begins up to an hour late."""
        today, second = divmod(self._clock(), DAY)
        return int(today) - (bool(gateway) and second < self._moment("begins", gateway, int(today)))

    def worn_out(self, gateway: str) -> int | None:
        """Yesterday, from an afternoon hour on that has nothing to do with when the day began."""
        today, second = divmod(self._clock(), DAY)
        return int(today) - 1 if second >= DAY / 2 + self._moment("ends", gateway, int(today)) else None

    def topic(self, gateway: str, family: str, leaf: str, day: int | None = None) -> str:
        """As in Federation."""
        return wire.topic(self._pseudonym(gateway, family, self._at(gateway, day)), "update", SEALED, *leaf.split("/"))

    def topics(self, gateway: str, family: str, to: str = "+") -> dict[str, int]:
        """Those of three days, so that midnight and a clock that is wrong lose nothing."""
        found: dict[str, int] = {}
        for day in range(self.day() - 1, self.day() + 2):
            base = wire.topic(self._pseudonym(gateway, family, day), "update", SEALED)
            mine = to if to == "+" else self._pseudonym(to, family, day)
            found |= {f"{base}/{addressed(leaf, mine)}": qos for leaf, qos in leaves(family).items()}
        return found

    def message(
        self, gateway: str, family: str, leaf: str, payload: bytes, retain: bool = False, to: str = ""
    ) -> Message:
        """The message, sealed in a box."""
        day = self.day(gateway)
        place = addressed(leaf, self._pseudonym(to, family, day) if to else "")
        topic = self.topic(gateway, family, place, day)
        nonce, filled = secrets.token_bytes(NONCE), payload + b"\x80"  # ISO/IEC 7816-4 padding
        filled = filled.ljust(_size(leaf, len(filled)), b"\0")
        box = self._box(gateway, family, day).encrypt(nonce, filled, topic.encode())
        return Message(topic, bytes([VERSION]) + nonce + box, leaves(family)[leaf], retain)

    def hear(self, message: Message) -> Heard:
        """The message out of its box; raises WireError for a box that does not open."""
        pseudonym, *parts = wire.split_topic(message.topic)
        leaf, _ = _split(parts[2:])
        place = self._names().get(pseudonym)
        if not place or parts[:2] != ["update", SEALED] or leaf not in leaves(place[1]):
            raise WireError(f"nothing is expected on {message.topic}")
        gateway, family, day = place
        if not message.payload:
            return Heard(gateway, family, leaf, b"")  # taken back
        nonce, box = message.payload[1 : 1 + NONCE], message.payload[1 + NONCE :]
        try:
            if message.payload[:1] != bytes([VERSION]) or len(nonce) < NONCE:
                raise InvalidTag
            filled = self._box(gateway, family, day).decrypt(nonce, box, message.topic.encode())
        except InvalidTag as fault:
            raise WireError(f"{gateway}: not in a box of this federation") from fault
        return Heard(gateway, family, leaf, filled.rstrip(b"\0")[:-1])

    def close(self, payload: bytes, family: str, sender: str, sequence: int, base: int) -> bytes:
        """In an envelope for all whom we trust now."""
        context = self._context(family, sender, sequence, base)
        readers = self._readers()
        what = _fingerprint(payload, context, readers)
        if what not in self._closed:
            made = envelope.seal(payload, [*readers.values()], context)
            self._closed = dict([*self._closed.items(), (what, made)][-MOST_KEPT * max(1, len(self._families)) :])
        return self._closed[what]

    def repeats(self, payload: bytes, family: str, sender: str, sequence: int, base: int) -> bool:
        """Not after a restart, and not once others are trusted: each envelope has keys of its own."""
        context = self._context(family, sender, sequence, base)
        return _fingerprint(payload, context, self._readers()) in self._closed

    def open(self, manifest: Manifest, data: bytes) -> bytes:
        """Out of its envelope."""
        context = self._context(manifest.family, manifest.sender, manifest.sequence, manifest.base)
        return envelope.unseal(data, self._own, context)

    def _context(self, family: str, sender: str, sequence: int, base: int) -> bytes:
        names = "\0".join((self.name, family, sender, ""))
        return b"reedmesh sealed\0" + names.encode() + pack("<II", sequence, base)

    def _readers(self) -> dict[bytes, X25519PublicKey]:
        """Every key that counts now, of everyone we trust: one that was revoked is not among them.

        Where they are more than fit, the newest key of each neighbour comes before the one it replaces.
        """
        ranked = [
            (rank, name, key) for name in self._keyring.names() for rank, key in enumerate(self._keyring.of(name))
        ]
        found: dict[bytes, X25519PublicKey] = {}
        for _, name, key in sorted(ranked):
            if len(found) == envelope.MOST_READERS:
                log.error("an update is sealed for %d of %d keys: so many fit", len(found), len(ranked))
                break
            try:
                found[key] = twin(key)
            except ValueError:
                log.error("nothing can be sealed for %s: %s is no key", name, key.hex())
        return found

    def _names(self) -> dict[str, tuple[str, str, int]]:
        """Whom each pseudonym means, of the days around this one."""
        now = self.day(), (*self._keyring.names(), self._gateway), tuple(self._families)
        if now != self._known_for:
            days, gateways = range(now[0] - 1, now[0] + 2), now[1]
            whose = [(gateway, family, day) for gateway in gateways for family in self._families for day in days]
            self._known = {self._pseudonym(*each): each for each in whose}
            self._known_for = now
        return self._known

    def _at(self, gateway: str, day: int | None) -> int:
        return self.day(gateway) if day is None else day

    def _pseudonym(self, gateway: str, family: str, day: int) -> str:
        return self._derive("name", gateway, family, str(day))[:16].hex()

    def _box(self, gateway: str, family: str, day: int) -> ChaCha20Poly1305:
        return ChaCha20Poly1305(self._derive("box", gateway, family, str(day)))

    def _moment(self, what: str, gateway: str, day: int) -> int:
        return int.from_bytes(self._derive(what, gateway, str(day))[:4]) % SPREAD

    def _derive(self, *what: str) -> bytes:
        return hmac.digest(self._secret, "\0".join(what).encode(), "sha256")


def _fingerprint(payload: bytes, context: bytes, readers: Iterable[bytes]) -> bytes:
    """Of what is in an envelope, and for whom."""
    return sha256(context + sha256(payload).digest() + b"".join(sorted(readers))).digest()


def _size(leaf: str, length: int) -> int:
    """Bytes that a box with `length` of a leaf is filled up to."""
    if leaf == "head" and length <= HEAD:
        return HEAD
    sizes = () if leaf == "shard" else SIZES
    return next((each for each in sizes if length <= each), -(-length // GRAIN) * GRAIN)
