"""Addresses of a broker's nodes: how settings write them, and which one a client tries next. Pure: times are passed in.

A client starts at the node that a hash of its name picks, so that clients spread over the nodes. After a failure it
tries the next node in the order of the settings; a node that failed within the last LAST seconds comes after all
others.
"""

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple, TypeVar

T = TypeVar("T")

LAST = 30.0  # seconds


class Address(NamedTuple):
    """Where a broker, or a node of one, listens."""

    host: str
    port: int

    def __str__(self) -> str:
        """As settings write it."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read(text: str, port: int) -> Address:
    """Return the address in "host", "host:port", "[::1]" or "[::1]:port"; port: where none is given.

    Raises ValueError for an empty host, a port outside 1..65535, or an IPv6 address without brackets.
    """
    host, colon, given = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, given = text, str(port)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"{text!r}: an IPv6 address stands in brackets, such as [::1]:8883")
    if not host or any(c.isspace() or c == "/" for c in host) or not given.isascii() or not given.isdecimal():
        raise ValueError(f'{text!r}: host or host:port, such as "hall1-a:8883"')
    if not 0 < int(given) < 65536:
        raise ValueError(f"{text!r}: a port is 1 to 65535")
    return Address(host, int(given))


def begun_by(places: Sequence[T], name: str) -> list[T]:
    """Return `places` in their order, beginning at the one that a hash of `name` picks."""
    start = int.from_bytes(sha256(name.encode()).digest()[:8]) % len(places)
    return [*places[start:], *places[:start]]


class Rotation:
    """Which of `places` the client `name` should try."""

    def __init__(self, places: Sequence[Address], name: str) -> None:
        self.places = begun_by(places, name)
        self._failed: dict[Address, float] = {}

    def choose(self, now: float) -> Address:
        """Return the first place that did not fail lately, else the one whose failure is the longest ago."""
        return min(self.places, key=lambda place: max(self._failed.get(place, now - LAST), now - LAST))

    def failed(self, place: Address, now: float) -> None:
        """Note that there was no connection to `place`, or that it broke."""
        self._failed[place] = now
