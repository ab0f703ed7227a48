"""The exchange with the neighbours as the rest of the gateway sees it: our updates go out, theirs come in.

`outgoing.py` makes and publishes our updates, `incoming.py` verifies those of the neighbours, `listener.py` and
`sender.py` are the transport. `updates/update.py` decides what a round makes of the neighbours' updates.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from reedmesh.coding.collector import Payload
from reedmesh.errors import WireError
from reedmesh.exchange import entries
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.credit_exchange import CreditExchange
from reedmesh.exchange.federation import Heard
from reedmesh.exchange.incoming import Incoming
from reedmesh.exchange.listener import Listener, Taker
from reedmesh.exchange.member import USUAL, Member, Timing
from reedmesh.exchange.outgoing import Outgoing
from reedmesh.exchange.private.cell_exchange import CellExchange
from reedmesh.exchange.sender import Sender
from reedmesh.inference.family import SUMS, Family
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.learning.delta import Profile
from reedmesh.learning.events import Event, EventHandler
from reedmesh.learning.steps import Trained
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.links.rejects import Rejects
from reedmesh.store.replicas import LearningState
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor, Work

PASS_ON_SECONDS = 1.0  # between two looks for keys that were taken back


class Neighbourhood:
    """The exchange of one gateway with its neighbours, for one family.

    event_handlers: called with each event, in the order in which they happen; they must not block. checkpoints: the
    exchange of ledger heads, which runs beside the updates.

    Where sums are private (`member.private`), `cell` tells and hears them, and nothing else is exchanged of a family;
    one that learns a network exchanges nothing then.
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
        self.rejects = Rejects()  # of what neighbours say
        self.profile = profile
        self.supervisor = supervisor or Supervisor()
        self.outgoing = Outgoing(member.name, family, disk, profile, self.tell)
        self.incoming = Incoming(member, family, disk, timing, self.tell)
        self.member, self.family, self.timing = member, family, timing
        self.checkpoints = checkpoints
        self.credits = CreditExchange(member.name, family.id, member.key, member.keyring, disk)
        self.event_handlers.append(self.credits.take)
        private, blank = member.private and family.training.kind == SUMS, self.outgoing.learning_state.weights
        self.cell = CellExchange(member, family, disk, member.private, np.zeros_like(blank)) if private else None
        checkpoints.held[family.id] = self.incoming.held

    @property
    def learning_state(self) -> LearningState:
        """As in Outgoing."""
        return self.outgoing.learning_state

    @property
    def sender(self) -> Sender | None:
        """As in Outgoing."""
        return self.outgoing.sender

    def peers(self) -> dict[str, Peer]:
        """As in Incoming; where sums are private, the mean of all others."""
        return self.cell.peers() if self.cell else self.incoming.peers()

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
        return self.cell.news.is_set() if self.cell else self.incoming.anything_new

    def greeting(self) -> list[Message]:
        """Retained messages of ours that our broker must hold."""
        return self.sender.greeting() if self.sender else []

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """Exchange with the neighbours until cancelled; the supervisor restarts a part that fails."""
        await Neighbourhoods([self]).run(own, neighbours)

    async def give(self, trained: Trained) -> None:
        """As in Outgoing; where sums are private, at the next round of the cell."""
        if self.cell and trained.told:
            self.cell.offer(trained.told)
        elif not self.member.private:
            await self.outgoing.give(trained)

    def collected(self) -> dict[str, Peer]:
        """As in Incoming."""
        return self.incoming.collected()

    async def collect(self) -> tuple[dict[str, Peer], tuple[str, ...]]:
        """As in Incoming; where sums are private, what the last round of the cell came to, at once."""
        if self.member.private:
            if self.cell:
                self.cell.news.clear()
            return self.peers(), ()
        return await self.incoming.collect()

    async def keep(self, merged: Merged, peers: Mapping[str, Peer]) -> None:
        """Keep the merged weights; the next update tells neighbours the difference."""
        await self.outgoing.keep(merged.weights, list(entries.merge(merged, peers, self.family.id)))

    def taker(self) -> Taker:
        """What takes the messages of neighbours."""
        if self.cell:
            return Taker(self.incoming.collector, self.cell.hear_told, self.credits.hear, self.cell.hear)
        deliver = _dropped if self.member.private else self.incoming.put
        return Taker(self.incoming.collector, deliver, self.credits.hear)

    def tell(self, event: Event) -> None:
        """Pass an event to all handlers."""
        for handler in self.event_handlers:
            handler(event)


def _dropped(payload: Payload) -> None:
    """For what is not exchanged here; raises WireError."""
    raise WireError(f"an update of {payload.manifest.sender} that can be seen: sums are private here")


class Neighbourhoods:
    """Those of one gateway, one for each family, over the same links. `first` says how all of them speak."""

    def __init__(self, each: Sequence[Neighbourhood]) -> None:
        self.all = list(each)
        self.first = each[0]
        self.others: dict[str, Callable[[Heard], None]] = {}  # as in Listener
        self._running: tuple[Listener, Sender, asyncio.TaskGroup, Sequence[Subscriber]] | None = None

    def greeting(self) -> list[Message]:
        """As in Neighbourhood, of all of them."""
        return self.first.greeting()

    async def run(self, own: Channel, neighbours: Sequence[Subscriber]) -> None:
        """As in Neighbourhood, of all of them."""
        sender = self._new_sender(own)
        listener = self._new_listener(own, sender)
        listener.others = self.others
        told = partial(self.first.checkpoints.run, sender.keep)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._running = listener, sender, tasks, neighbours
                for each in self.all:
                    self._begin(each)
                tasks.create_task(listener.run(neighbours))
                tasks.create_task(self.first.supervisor.keep("checkpoints", told))
                tasks.create_task(self.first.supervisor.keep("revocations", partial(self._pass_on, sender)))
        finally:
            self._running = None

    async def add(self, each: Neighbourhood) -> None:
        """Exchange one more family from now on."""
        self.all.append(each)
        if self._running:
            self._begin(each)
            self.first.checkpoints.tell_again()
            for link in self._running[3]:
                await link.follow()

    def _begin(self, each: Neighbourhood) -> None:
        assert self._running
        listener, sender, tasks, _ = self._running
        each.outgoing.sender = sender
        if each.member.appointment:
            sender.keep(each.family.id, "key", each.member.appointment)
        if each.member.credential:
            sender.keep(each.family.id, "credential", each.member.credential)
        listener.take_also(each.family.id, each.taker())
        of = "" if each is self.first else f" of {each.family.name} {each.family.id[:4]}"
        works: dict[str, Work] = {"credit": partial(each.credits.run, partial(sender.keep, each.family.id))}
        if each.cell:
            works["cell"] = partial(each.cell.run, sender)
        elif not each.member.private:
            works |= {"outgoing": each.outgoing.run, "incoming": each.incoming.run}
        for name, work in works.items():
            tasks.create_task(each.supervisor.keep(name + of, work))

    async def _pass_on(self, sender: Sender) -> None:
        """Tell neighbours which keys the authority took back, as soon as we know."""
        told = b""
        while True:
            frames = self.first.member.keyring.taken_back()
            if frames != told:
                sender.keep(self.first.family.id, "revoked", frames)
                told = frames
            await asyncio.sleep(PASS_ON_SECONDS)

    def _missed(self, family: str) -> None:
        for each in self.all:
            if each.family.id == family and not each.member.private:
                each.outgoing.note_missed(family)

    def _new_sender(self, own: Channel) -> Sender:
        it = self.first.member
        return Sender(it.name, it.key, [own], self._missed, self.first.timing.pace, federation=it.federation)

    def _new_listener(self, own: Channel, sender: Sender) -> Listener:
        it = self.first
        return Listener(
            it.member.name,
            it.member.keyring,
            [it.family.id],
            it.incoming.collector,
            sender,
            [own],
            it.incoming.put,
            look=it.timing.look,
            federation=it.member.federation,
            witness=it.checkpoints.hear,
            witness_seen=it.checkpoints.hear_seen,
            hear_credit=it.credits.hear,
            hear_proof=it.checkpoints.hear_proof,
            hear_manifest=it.checkpoints.hear_manifest,
            supervisor=it.supervisor,
            rejects=it.rejects,
        )
