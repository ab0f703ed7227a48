"""A gateway as a member of its federation, and the pace at which it exchanges updates."""

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from reedmesh.coding.collector import Limits
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.federation import OPEN, Federation
from reedmesh.exchange.lane import Pace
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key

LOOK_SECONDS = 0.1  # between two looks for what should be asked for


@dataclass(frozen=True)
class Member:
    """A gateway as a member of its federation.

    name: its own; key: signs its updates. neighbours: names of the gateways whose updates it takes; keyring: their
    public keys. appointment: the message by which the key before appointed `key`; None: `key` is the first one.
    private: seconds between two sums of what all members learnt, of which none is seen; 0: updates are seen.
    credential: what the site's authority gave for `key`; None without an authority.
    """

    name: str
    key: Key
    keyring: Keyring
    neighbours: Collection[str]
    federation: Federation = OPEN
    appointment: bytes | None = None
    credential: bytes | None = None
    private: float = 0.0


@dataclass(frozen=True)
class Timing:
    """How fast a gateway sends, when it asks again, and how long it waits for neighbours. clock: in seconds."""

    bounds: Bounds = field(default_factory=Bounds)
    pace: Pace = field(default_factory=Pace)
    limits: Limits = field(default_factory=Limits)
    look: float = LOOK_SECONDS
    clock: Callable[[], float] = time.monotonic


USUAL = Timing()
