"""Addresses of a broker's nodes: how settings write them, and which one a client tries next. Pure: times are passed in.

A client starts at the node that a hash of its name picks, so that clients spread over the nodes. After a failure it
tries the next node in the order of the settings; a node that failed within the last LAST seconds comes after all
others.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from typing import NamedTuple, Protocol, TypeVar

from reedmesh.config.checks import NO_TLS, is_loopback

T = TypeVar("T")

LAST = 30.0  # seconds
MOST = 9  # nodes of a cluster


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


class Reached(Protocol):
    """Settings of a broker: `host` and `port`, or `hosts` of a cluster, for which `port` is the default."""

    @property
    def host(self) -> str: ...  # noqa: D102 - as in the settings

    @property
    def port(self) -> int: ...  # noqa: D102

    @property
    def hosts(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def ca(self) -> str: ...  # noqa: D102

    @property
    def plain(self) -> bool: ...  # noqa: D102


def nodes(settings: Reached) -> list[Address]:
    """Return all nodes of a broker, in the order of its settings; raises ValueError for an address that is none."""
    if not settings.hosts:
        return [Address(settings.host, settings.port)]
    return [read(each, settings.port) for each in settings.hosts]


def faults(key: str, settings: Reached, default: str = "") -> Iterator[str]:
    """Yield what is wrong with the addresses of a broker. key: of the table; default: `host` where nobody set one."""
    if settings.hosts and settings.host != default:
        yield f"{key}.host and {key}.hosts: one of them, not both"
    if not settings.hosts and not settings.host:
        yield f'{key}: neither "host" nor "hosts" says where the broker is'
    if len(settings.hosts) > MOST:
        yield f"{key}.hosts: {len(settings.hosts)} nodes, {MOST} are the most"
    for i, text in enumerate(settings.hosts):
        try:
            read(text, settings.port)
        except ValueError as fault:
            yield f"{key}.hosts[{i}] = {fault}"
            return
    yield from _faults_of_nodes(key, settings)


def _faults_of_nodes(key: str, settings: Reached) -> Iterator[str]:
    found = nodes(settings)
    for i, node in enumerate(found):
        shown = f"{key}.hosts[{i}]" if settings.hosts else f"{key}.host"
        if node in found[:i]:
            yield f'{shown} = "{node}": it stands there twice'
        if node.host and not settings.ca and not settings.plain and not is_loopback(node.host):
            yield f'{shown} = "{node.host}": {NO_TLS}'
