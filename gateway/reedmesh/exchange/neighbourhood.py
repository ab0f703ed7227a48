"""The exchange with the neighbours as the rest of the gateway sees it: our updates go out, theirs come in.

`outgoing.py` makes and publishes our updates, `incoming.py` verifies those of the neighbours, `listener.py` and
`sender.py` are the transport. `updates/update.py` decides what a round makes of the neighbours' updates.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

from reedmesh.exchange import entries
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.credit_exchange import CreditExchange
from reedmesh.exchange.incoming import Incoming
from reedmesh.exchange.listener import Listener
from reedmesh.exchange.member import USUAL, Member, Timing
from reedmesh.exchange.outgoing import Outgoing
from reedmesh.exchange.sender import Sender
from reedmesh.inference.family import Family
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.delta import Profile
from reedmesh.learning.events import Event, EventHandler
from reedmesh.learning.steps import Trained
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.store.replicas import LearningState
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor, Work


class Neighbourhood:
    """What one gateway exchanges with its neighbours, for one family.

    event_handlers: called with each event, in the order in which they happen; they must not block. checkpoints: the
    exchange of ledger heads, which runs beside the updates.
    """

    def __init__(
        self,
        member: Member,
        family: Family,
        disk: Disk,
        checkpoints: CheckpointExchange,
        profile: Profile,
        timing: Timing = USUAL,
        supervisor: Supervisor | None = None,
    ) -> None:
        self.event_handlers: list[EventHandler] = []
        self.profile = profile
        self.supervisor = supervisor or Supervisor()
        self.outgoing = Outgoing(member.name, family, disk, profile, self.tell)
        self.incoming = Incoming(member, family, disk, timing, self.tell)
        self._member, self._family, self._timing = member, family, timing
        self._checkpoints = checkpoints
        self._credits = CreditExchange(member.name, family.id, member.key, member.keyring, disk)
        self.event_handlers.append(self._credits.take)
        checkpoints.held = self.incoming.held

    @property
    def learning_state(self) -> LearningState:
        """As in Outgoing."""
        return self.outgoing.learning_state

    @property
    def sender(self) -> Sender | None:
        """As in Outgoing."""
        return self.outgoing.sender

    def peers(self) -> dict[str, Peer]:
        """As in Incoming."""
        return self.incoming.peers()

    def heard(self) -> dict[str, int | None]:
        """As in Incoming."""
        return self.incoming.heard()

    @property
    def seconds(self) -> float:
        """As in Incoming."""
        return self.incoming.seconds

    @property
    def anything_new(self) -> bool:
        """As in Incoming."""
        return self.incoming.anything_new

    def greeting(self) -> list[Message]:
        """Retained messages of ours that our broker must hold."""
        return self.sender.greeting() if self.sender else []

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """Exchange with the neighbours until cancelled; the supervisor restarts a part that fails."""
        sender = self._new_sender(own)
        listener = self._new_listener(own, sender)
        keep = partial(sender.keep, self._family.id)
        works: dict[str, Work] = {
            "checkpoints": partial(self._checkpoints.run, keep),
            "credit": partial(self._credits.run, keep),
            "outgoing": self.outgoing.run,
            "incoming": self.incoming.run,
        }
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(listener.run(neighbours))
            for name, work in works.items():
                tasks.create_task(self.supervisor.keep(name, work))

    async def give(self, trained: Trained) -> None:
        """As in Outgoing."""
        await self.outgoing.give(trained)

    async def collect(self) -> tuple[dict[str, Peer], tuple[str, ...]]:
        """As in Incoming."""
        return await self.incoming.collect()

    async def keep(self, merged: Merged, peers: Mapping[str, Peer]) -> None:
        """Keep the merged weights; the next update tells neighbours the difference."""
        await self.outgoing.keep(merged.weights, list(entries.merge(merged, peers, self._family.id)))

    def tell(self, event: Event) -> None:
        """Pass an event to all handlers."""
        for handler in self.event_handlers:
            handler(event)

    def _new_sender(self, own: Channel) -> Sender:
        it, missed, pace = self._member, self.outgoing.note_missed, self._timing.pace
        sender = Sender(it.name, it.key, [own], missed, pace, federation=it.federation)
        if it.appointment:
            sender.keep(self._family.id, "key", it.appointment)
        if it.credential:
            sender.keep(self._family.id, "credential", it.credential)
        self.outgoing.sender = sender
        return sender

    def _new_listener(self, own: Channel, sender: Sender) -> Listener:
        return Listener(
            self._member.name,
            self._member.keyring,
            [self._family.id],
            self.incoming.collector,
            sender,
            [own],
            self.incoming.put,
            look=self._timing.look,
            federation=self._member.federation,
            witness=self._checkpoints.hear,
            witness_seen=self._checkpoints.hear_seen,
            hear_credit=self._credits.hear,
            supervisor=self.supervisor,
        )
