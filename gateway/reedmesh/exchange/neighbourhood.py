"""What neighbours learn from each other: updates out, after each round; theirs in, each verified before it counts.

Everything that leaves is a signed, coded bundle (`listener.py`, `sender.py`); what is in it, `delta.py` says. What a
round makes of the neighbours' copies is `updates/update.py`'s to say.
"""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from reedmesh.coding.collector import Limits
from reedmesh.exchange import entries
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.credit_exchange import CreditExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.federation import OPEN, Federation
from reedmesh.exchange.incoming import Incoming
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import LOOK_SECONDS, Exchange
from reedmesh.exchange.outgoing import Outgoing
from reedmesh.exchange.sender import Sender
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.inference.family import Family
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.delta import Profile
from reedmesh.learning.events import Event, EventHandler
from reedmesh.learning.steps import Trained
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.store.replicas import LearningState
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor, Work


@dataclass(frozen=True)
class Timing:
    """How fast a gateway speaks, asks again, and goes on without the others."""

    bounds: Bounds = field(default_factory=Bounds)
    pace: Pace = field(default_factory=Pace)
    limits: Limits = field(default_factory=Limits)
    look: float = LOOK_SECONDS


class Share:
    """The gateway `name` among `neighbours` whose public keys are in `keyring`.

    event_handlers: called with each event, in the order in which they happen; they must not block. appointment: what
    appointed `key`, for neighbours that know but the one before. checkpoints: of ledgers, to be exchanged.
    """

    def __init__(
        self,
        name: str,
        family: Family,
        key: Key,
        keyring: Keyring,
        checkpoints: CheckpointExchange,
        disk: Disk,
        neighbours: Collection[str],
        profile: Profile,
        timing: Timing = Timing(),
        federation: Federation = OPEN,
        appointment: bytes | None = None,
        clock: Callable[[], float] = time.monotonic,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.event_handlers: list[EventHandler] = []
        self.profile = profile
        self.supervisor = supervisor or Supervisor()
        self.outgoing = Outgoing(name, family, disk, profile, self.tell)
        self.incoming = Incoming(
            name, family, keyring, disk, neighbours, timing.bounds, timing.limits, self.tell, clock
        )
        self._name = name
        self._family = family
        self._key = key
        self._keyring = keyring
        self._timing = timing
        self._federation = federation
        self._appointment = appointment
        self._checkpoints = checkpoints
        self._credits = CreditExchange(name, family.id, key, keyring, disk)
        self.event_handlers.append(self._credits.take)
        checkpoints.held = self.incoming.held

    @property
    def learning_state(self) -> LearningState:
        """What it learnt."""
        return self.outgoing.learning_state

    @property
    def sender(self) -> Sender | None:
        """What speaks for it, once it runs."""
        return self.outgoing.sender

    def peers(self) -> dict[str, Peer]:
        """As in Incoming."""
        return self.incoming.peers()

    def heard(self) -> dict[str, int | None]:
        """As in Incoming."""
        return self.incoming.heard()

    @property
    def seconds(self) -> float:
        """How long the next round would wait for neighbours."""
        return self.incoming.seconds

    @property
    def anything_new(self) -> bool:
        """Whether a neighbour told something since the last round."""
        return self.incoming.anything_new

    def greeting(self) -> list[Message]:
        """What our broker must hold of our updates."""
        return self.sender.greeting() if self.sender else []

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """Exchange with the neighbours; what fails is begun anew, and the rest goes on."""
        sender = self._new_sender(own)
        exchange = self._new_exchange(own, sender)
        told = partial(self._checkpoints.run, partial(sender.keep, self._family.id))
        owed = partial(self._credits.run, partial(sender.keep, self._family.id))
        works: dict[str, Work] = {
            "checkpoints": told,
            "credit": owed,
            "outgoing": self.outgoing.run,
            "incoming": self.incoming.run,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(exchange.run(neighbours))
            for name, work in works.items():
                tasks.create_task(self.supervisor.keep(name, work))

    async def give(self, trained: Trained) -> None:
        """As in Outgoing."""
        await self.outgoing.give(trained)

    async def collect(self) -> tuple[dict[str, Peer], tuple[str, ...]]:
        """As in Incoming."""
        return await self.incoming.collect()

    async def keep(self, merged: Merged, peers: Mapping[str, Peer]) -> None:
        """Keep the merged weights; what is new in them, neighbours hear in the next round."""
        await self.outgoing.keep(merged.weights, list(entries.merge(merged, peers, self._family.id)))

    def tell(self, event: Event) -> None:
        """Have the handlers note it."""
        for handler in self.event_handlers:
            handler(event)

    def _new_sender(self, own: Channel) -> Sender:
        missed, pace, together = self.outgoing.note_missed, self._timing.pace, self._federation
        sender = Sender(self._name, self._key, [own], missed, pace, federation=together)
        if self._appointment:
            sender.keep(self._family.id, "key", self._appointment)
        self.outgoing.sender = sender
        return sender

    def _new_exchange(self, own: Channel, sender: Sender) -> Exchange:
        return Exchange(
            self._name,
            self._keyring,
            [self._family.id],
            self.incoming.collector,
            sender,
            [own],
            self.incoming.put,
            look=self._timing.look,
            federation=self._federation,
            witness=self._checkpoints.hear,
            witness_seen=self._checkpoints.hear_seen,
            hear_credit=self._credits.hear,
            supervisor=self.supervisor,
        )
