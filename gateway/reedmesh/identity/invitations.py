"""Invitations of this gateway that nobody has taken yet: files in its state directory, one each, for an hour.

Whoever joins must prove the token's secret. A few wrong proofs end the invitation, so does the first right one, and so
does its time.
"""

import json
import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.identity.invitation import Invitation, read, token

FOLDER = "invitations"
LIFETIME = 3600  # seconds
MOST_OPEN, MOST_TRIES, LARGEST = 8, 5, 4096


class Invitations:
    """Those in the state directory `state`. clock: seconds since 1970."""

    def __init__(self, state: Path, clock: Callable[[], float] = time.time) -> None:
        self._folder = state / FOLDER
        self._clock = clock

    def make(self, name: str, host: str, port: int, key: bytes, fingerprint: bytes | None, seconds: int) -> Invitation:
        """A new invitation to the gateway `name`; raises ConfigError when too many are open."""
        if len(self.ids()) >= MOST_OPEN:
            raise ConfigError(f"{MOST_OPEN} invitations are open already: wait until one ends")
        made = Invitation(
            name, host, port, int(self._clock()) + seconds, secrets.token_bytes(8), secrets.token_bytes(16), key,
            fingerprint,
        )  # fmt: skip
        self._write(made, 0)
        return made

    def ids(self) -> list[str]:
        """Those that are open; removes those that are over."""
        return [path.name for path in sorted(self._folder.glob("*")) if self.find(path.name)]

    def find(self, number: str) -> Invitation | None:
        """The open invitation with that id, 16 hexadecimal digits; None if there is none any more."""
        if not re.fullmatch("[0-9a-f]{16}", number):
            return None
        try:
            made, tries = self._read(number)
        except (OSError, ValueError, KeyError, ConfigError):
            return None
        if self._clock() >= made.until or tries >= MOST_TRIES:
            self.end(number)
            return None
        return made

    def failed(self, number: str) -> None:
        """Note that somebody who does not have the token tried."""
        made, tries = self._read(number)
        self._write(made, tries + 1)

    def end(self, number: str) -> None:
        """Nobody takes it any more."""
        atomic_file.remove(self._folder / number)

    def _read(self, number: str) -> tuple[Invitation, int]:
        told = json.loads(atomic_file.read(self._folder / number, LARGEST))
        return read(told["token"]), int(told["tries"])

    def _write(self, made: Invitation, tries: int) -> None:
        content = json.dumps({"token": token(made), "tries": tries}).encode()
        atomic_file.write(self._folder / made.id.hex(), content, 0o600)
