"""Sessions of the page: roles, lifetimes, and a limit on wrong passwords. Pure."""

import hashlib
import secrets
from collections import OrderedDict
from dataclasses import dataclass

VIEWER, OPERATOR = "viewer", "operator"
ROLES = (VIEWER, OPERATOR)

MOST_SESSIONS = 1000  # the one used longest ago makes room
MOST_TRIES = 5  # wrong passwords from one address ...
TRY_SECONDS = 300.0  # ... in so long; after that none is even looked at
MOST_GUESSERS = 10_000


@dataclass(frozen=True)
class User:
    """Somebody with a page open. name: "" for one who is not logged in."""

    name: str
    role: str = VIEWER

    @property
    def acts(self) -> bool:
        """Whether they may change anything."""
        return self.role == OPERATOR


@dataclass
class _Session:
    user: User
    ends: float
    used: float


class Sessions:
    """Those who are logged in. Only hashes of what browsers keep are kept here. Times are seconds."""

    def __init__(self, longest: float, idle: float) -> None:
        self._longest = longest
        self._idle = idle
        self._open: OrderedDict[bytes, _Session] = OrderedDict()

    def open(self, user: User, now: float) -> str:
        """A new session; returns the secret its browser keeps."""
        while len(self._open) >= MOST_SESSIONS:
            self._open.popitem(last=False)
        token = secrets.token_urlsafe(32)
        self._open[_digest(token)] = _Session(user, now + self._longest, now)
        return token

    def user(self, token: str, now: float) -> User | None:
        """Whose session it is, which is thereby used; None if it is none or is over."""
        key = _digest(token)
        session = self._open.get(key)
        if session is None:
            return None
        if now >= session.ends or now - session.used > self._idle:
            del self._open[key]
            return None
        session.used = now
        self._open.move_to_end(key)
        return session.user

    def close(self, token: str) -> None:
        """Log out."""
        self._open.pop(_digest(token), None)


class Tries:
    """Wrong passwords of late, by address: a name must not be a thing that others can lock out."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def wait(self, address: str, now: float) -> float:
        """Seconds until another try from there is looked at; 0: now."""
        recent = self._recent(address, now)
        return recent[0] + TRY_SECONDS - now if len(recent) >= MOST_TRIES else 0.0

    def failed(self, address: str, now: float) -> None:
        """Note a try, before it is known to be right: several at once are several."""
        self._failed[address] = [*self._recent(address, now), now][-MOST_TRIES:]
        self._failed.move_to_end(address)
        while len(self._failed) > MOST_GUESSERS:
            self._failed.popitem(last=False)

    def right(self, address: str) -> None:
        """Forget the wrong ones: it was them."""
        self._failed.pop(address, None)

    def _recent(self, address: str, now: float) -> list[float]:
        return [at for at in self._failed.get(address, []) if now - at < TRY_SECONDS]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
