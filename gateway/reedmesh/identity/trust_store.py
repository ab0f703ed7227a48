"""The keys that this gateway trusts: those in its config, those trusted since, without those revoked.

Kept as `trust.json` in the state directory, beside the keys, and read again as soon as it changes: what an operator
revokes at the command line counts for a gateway that is running, and after every restart. A revoked key takes along the
keys that it appointed its successors.

Successions are a chain: a key appoints one successor and no second one, few keys of a name count at a time, and the old
key counts for a day at least. So who steals a key can neither fill a neighbour with keys nor end its owner's at once.
"""

import json
import time
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import asdict, dataclass, field
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.identity import revocation
from reedmesh.identity.authority import Term

FILE = "trust.json"
MOST_KEYS = 3  # of one name that count at a time
MOST_KEPT = 32  # of one name, also those that ended: what was said then is still checked with them
LARGEST = 1 << 20  # bytes of the file
DAY = 86400.0
LEAST_OVERLAP, MOST_OVERLAP = DAY, 90 * DAY  # s that a key counts beside its successor


@dataclass
class Known:
    """The content of the file. Keys are written as 64 hexadecimal digits.

    trusted: gateway -> its keys, the newest last. revoked: keys that nobody is believed with. until: keys that have a
    successor, and the time (s since 1970) until which they still count. appointed: successor -> who appointed it.
    terms: keys that an authority gave -> name, first and last day since 1970. signed: keys that an authority took
    back -> the frame that says so.
    """

    trusted: dict[str, list[str]] = field(default_factory=dict)
    revoked: list[str] = field(default_factory=list)
    until: dict[str, float] = field(default_factory=dict)
    appointed: dict[str, str] = field(default_factory=dict)
    terms: dict[str, tuple[str, int, int]] = field(default_factory=dict)
    signed: dict[str, str] = field(default_factory=dict)


class Trust:
    """The keys of other gateways, from `pinned` (name -> 32 bytes) and the file in `folder`."""

    def __init__(self, folder: Path, pinned: Mapping[str, bytes], clock: Callable[[], float] = time.time) -> None:
        self._path = folder / FILE
        self._pinned = pinned
        self._clock = clock
        self._stamp: tuple[int, int, int] | None = None
        self._known = Known()

    def of(self, name: str) -> list[bytes]:
        """The keys that the gateway `name` may use now, the newest first; none for one that is not trusted."""
        known, now = self.known(), self._clock()
        pinned = [self._pinned[name]] if name in self._pinned else []
        keys = dict.fromkeys([*pinned, *map(bytes.fromhex, known.trusted.get(name, ()))])
        return [each for each in keys if not self._is_over(each.hex(), known, now)][::-1]

    def ever(self, name: str) -> list[bytes]:
        """All keys that `name` was ever trusted with, also those that count no longer: for what it said then."""
        pinned = [self._pinned[name]] if name in self._pinned else []
        return [*pinned, *map(bytes.fromhex, self.known().trusted.get(name, ()))]

    def revocations(self, name: str) -> int:
        """How many keys of `name` were revoked: what was agreed with it before must not count after."""
        revoked = self.known().revoked
        return sum(each.hex() in revoked for each in dict.fromkeys(self.ever(name)))

    def names(self) -> list[str]:
        """Gateways that have a key, now or before it was revoked."""
        return sorted({*self._pinned, *self.known().trusted})

    def trust(self, name: str, key: bytes) -> None:
        """Believe what is signed with `key` to be of `name`.

        Raises ConfigError for a key that was revoked, and when too many of `name` count already.
        """
        known = deepcopy(self.known())
        if self._add(known, name, key):
            self._save(known)

    def succeed(self, name: str, old: bytes, new: bytes, until: float) -> None:
        """`old`, a key of `name`, appoints `new`, and itself ends at `until`, but a day from now at the earliest.

        Raises ConfigError as `trust` does, and when `old` has appointed another already.
        """
        known, now = deepcopy(self.known()), self._clock()
        if other := next((key for key, by in known.appointed.items() if by == old.hex() and key != new.hex()), None):
            remedy = f"find out which is true and revoke the other: one of them may be a thief's. {name} said both"
            raise ConfigError(f"{old.hex()} has appointed {other} already, and now {new.hex()}: {remedy}")
        self._add(known, name, new)
        known.until.setdefault(old.hex(), min(max(until, now + LEAST_OVERLAP), now + MOST_OVERLAP))
        known.appointed.setdefault(new.hex(), old.hex())
        self._save(known)

    def enrol(self, key: bytes, term: Term) -> bool:
        """Believe what is signed with `key`, which an authority gave for that term, on its days; whether it is new.

        Raises ConfigError as `trust` does, and when another key that was not revoked has a day of the term.
        """
        known = deepcopy(self.known())
        for other, (name, first, last) in known.terms.items():
            if other != key.hex() and other not in known.revoked and term.overlaps(Term(name, first, last)):
                if name != term.name:
                    continue
                remedy = "ask the authority which is true, and revoke the other (`reedmesh keys revoke`)"
                raise ConfigError(f"{name} has two credentials for the same day, {other} and {key.hex()}: {remedy}")
        if not self._add(known, term.name, key):
            return False
        known.terms[key.hex()] = term.name, term.first, term.last
        known.until[key.hex()] = (term.last + 1) * DAY
        self._save(known)
        return True

    def revoke(self, key: bytes) -> list[bytes]:
        """Believe nobody with `key`, nor with keys it appointed, ever again; returns all that were revoked."""
        known, gone = self.known(), [key.hex()]
        for each in gone:  # grows while it is walked
            gone += [new for new, old in known.appointed.items() if old == each and new not in gone]
        known = deepcopy(known)
        known.revoked = list(dict.fromkeys([*known.revoked, *gone]))
        self._save(known)
        return [bytes.fromhex(each) for each in gone]

    def take_back(self, key: bytes, frame: bytes) -> bool:
        """Revoke a key that the authority took back, and keep the frame to pass it on; whether it is news.

        Raises ConfigError beyond MOST frames.
        """
        if key.hex() in self.known().signed:
            return False
        if len(self.known().signed) >= revocation.MOST:
            raise ConfigError(f"{revocation.MOST} keys were taken back already: begin with another authority")
        self.revoke(key)
        known = deepcopy(self.known())
        known.signed[key.hex()] = frame.hex()
        self._save(known)
        return True

    def taken_back(self) -> bytes:
        """The frames of all keys that the authority took back, to pass on."""
        return b"".join(bytes.fromhex(frame) for _, frame in sorted(self.known().signed.items()))

    def _add(self, known: Known, name: str, key: bytes) -> bool:
        """Whether `key` is new among the keys of `name`, and now one of them."""
        if key.hex() in known.revoked:
            raise ConfigError(f"{key.hex()} was revoked and stays so: have {name} make a new one (keys rotate)")
        keys = known.trusted.setdefault(name, [])
        if key.hex() in keys:
            return False
        if len(self.of(name)) >= MOST_KEYS:
            raise ConfigError(f"{MOST_KEYS} keys of {name} count already: revoke one, or wait until one ends")
        over = [each for each in keys if self._is_over(each, known, self._clock()) and each not in known.revoked]
        for each in over[: max(0, len(keys) + 1 - MOST_KEPT)]:
            keys.remove(each)
        keys.append(key.hex())
        return True

    def known(self) -> Known:
        """The present content of the file; raises ConfigError when it is damaged."""
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._stamp, self._known = None, Known()
            return self._known
        stamp = found.st_mtime_ns, found.st_ino, found.st_size
        if stamp != self._stamp:
            self._known, self._stamp = _read(self._path), stamp
        return self._known

    @staticmethod
    def _is_over(key: str, known: Known, now: float) -> bool:
        begins = known.terms[key][1] * DAY if key in known.terms else now
        return key in known.revoked or now >= known.until.get(key, now + 1) or now < begins

    def _save(self, known: Known) -> None:
        """Whole or not at all, on disk before anyone is told; raises DiskError."""
        atomic_file.write(self._path, json.dumps(asdict(known), indent=1).encode())


def _read(path: Path) -> Known:
    """The file's content. A damaged one stops the gateway: believing all that was revoked would be worse."""
    try:
        known = Known(**json.loads(atomic_file.read(path, LARGEST)))
        keys = [
            *known.revoked,
            *known.until,
            *known.appointed,
            *known.terms,
            *(each for keys in known.trusted.values() for each in keys),
        ]
        if not all(len(bytes.fromhex(key)) == 32 for key in keys):
            raise ValueError("a key has 64 hexadecimal digits")
        until = {key: float(at) for key, at in known.until.items()}
        terms = {key: (str(name), int(first), int(last)) for key, (name, first, last) in known.terms.items()}
        signed = {key: bytes.fromhex(frame).hex() for key, frame in known.signed.items()}
        return Known(known.trusted, known.revoked, until, known.appointed, terms, signed)
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(f"{path}: {error}: restore it, or delete it and revoke again what was revoked") from error
