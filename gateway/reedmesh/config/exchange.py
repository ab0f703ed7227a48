"""Settings of learning, and of the exchange with neighbours."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from reedmesh.config import hosts
from reedmesh.config.checks import NAME, SECRET
from reedmesh.config.hosts import Address
from reedmesh.protocol import wire

FEDERATION = "reedmesh"  # the name of a federation that has no other
PROFILES = ("full", "narrow25", "narrow10")  # of learning/delta.py


@dataclass(frozen=True)
class Learning:
    """How machines are learnt; None: the value of the family."""

    windows: int | None = field(default=None, metadata={"min": 20, "max": 20000})  # normal windows to learn from
    fresh: int = field(
        default=3600, metadata={"min": 10}
    )  # normal windows of a sensor after which another round begins
    profile: str = "full"  # how much of a change is published: all, 25 % or 10 %
    patience: float = field(
        default=60.0, metadata={"min": 1.0, "max": 3600.0}
    )  # seconds that a round waits for neighbours, at most
    aggregation: str = ""  # the rule that merges updates: a file of learning/rules/; not set: the family's, clipped
    audited: bool = False  # learn each model twice, and deploy none whose two results differ


@dataclass(frozen=True)
class Exchange:
    """The federation; the same on all gateways that learn from each other."""

    federation: str = FEDERATION  # its name: signatures for one federation are invalid in others
    silent_days: float = field(
        default=7.0, metadata={"min": 0.0, "max": 365.0}
    )  # a neighbour is silent for so long: an alert; 0: never
    secret: str = field(default="", metadata=SECRET)  # 64 digits of `reedmesh keys secret`; set: updates are sealed
    private: bool = (
        False  # what each gateway learnt is seen in a sum of all only; 3 to 16 gateways that all hear each other
    )
    private_seconds: float = field(default=600.0, metadata={"min": 10.0, "max": 86400.0})  # between two sums
    fanout: int = field(default=6, metadata={"min": 0, "max": 100})  # neighbours heard in a day, about; 0: all
    authority: str = ""  # 64 digits of `authority show`; set: neighbours without `key` show a credential of it


@dataclass(frozen=True)
class Neighbour:
    """A gateway whose updates we take, read from its broker."""

    name: str
    host: str = ""
    key: str = ""  # its public key, 64 hexadecimal digits: `reedmesh keys show` prints it there; empty: an authority's
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    hosts: tuple[str, ...] = ()  # instead of host: the nodes of its broker cluster
    password: str = field(default="", metadata=SECRET)  # `reedmesh acl invite` prints it there
    ca: str = ""  # file of the authority, or of the one certificate, that its broker must show
    plain: bool = False  # reach it without TLS: on an isolated network

    @property
    def nodes(self) -> list[Address]:
        """The addresses of its broker, at least one."""
        return hosts.nodes(self)


def exchange_faults(exchange: Exchange, neighbours: int = 0) -> list[str]:
    """Contradictions in `[exchange]`, one sentence each."""
    faults = []
    if not wire.is_name(exchange.federation):
        faults.append(f'exchange.federation = "{exchange.federation}": {NAME}')
    if not re.fullmatch("([0-9a-f]{64})?", exchange.secret):
        faults.append("exchange.secret: 64 of 0-9 a-f, as `reedmesh keys secret` prints them")
    if exchange.private and not 2 <= neighbours <= 15:
        faults.append(f"exchange.private: {neighbours} neighbours, 2 to 15 are needed, each with all others")
    if not re.fullmatch("([0-9a-f]{64})?", exchange.authority):
        faults.append("exchange.authority: 64 of 0-9 a-f, as `reedmesh authority new` prints them")
    return faults


def learning_faults(learning: Learning) -> list[str]:
    """Contradictions in `[learning]`, one sentence each."""
    known = learning.profile in PROFILES
    return [] if known else [f'learning.profile = "{learning.profile}": one of {", ".join(PROFILES)}']


def neighbour_faults(name: str, neighbours: Sequence[Neighbour], authority: str = "") -> list[str]:
    """Contradictions in `[[neighbours]]` of the gateway `name`, one sentence each."""
    faults, names = [], [name]
    for i, neighbour in enumerate(neighbours):
        if not wire.is_name(neighbour.name) or neighbour.name in names:
            faults.append(f'neighbours[{i}].name = "{neighbour.name}": {NAME}, different for each gateway')
        names.append(neighbour.name)
        faults += hosts.faults(f"neighbours[{i}]", neighbour)
        if not re.fullmatch("[0-9a-f]{64}", neighbour.key) and (neighbour.key or not authority):
            faults.append(
                f'neighbours[{i}].key: 64 of 0-9 a-f, as `reedmesh keys show` prints it on "{neighbour.name}"'
            )
    return faults
