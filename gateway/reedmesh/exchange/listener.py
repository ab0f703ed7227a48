"""Listens to the neighbours: updates from their brokers go to the collector, requests to us go to the sender.

Nobody writes to anybody else's broker: a gateway publishes its updates and its requests on its own, and reads those of
its neighbours. Each neighbour's link has a task of its own and reconnects by itself; a cluster that all share is one
link with everybody's topics. docs/exchange.md has the topics, and the life of an update.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from reedmesh.coding.collector import Collector, Payload
from reedmesh.coding.reassembly import Reassembly
from reedmesh.coding.repair import RepairRequest, Request, read
from reedmesh.errors import WireError
from reedmesh.exchange.federation import OPEN, Federation, Heard
from reedmesh.exchange.lane import say
from reedmesh.exchange.member import LOOK_SECONDS
from reedmesh.exchange.private.round import LEAVES as CELL_LEAVES
from reedmesh.exchange.sender import Sender
from reedmesh.identity.keyring import Keyring
from reedmesh.json_object import read_json
from reedmesh.links.message import Message, Publisher, Subscriber
from reedmesh.links.rejects import Rejects
from reedmesh.protocol import wire
from reedmesh.protocol.shards import Manifest, unpack_manifest, unpack_shard
from reedmesh.supervisor import Supervisor, Work

log = logging.getLogger(__name__)

MAX_JSON = 4096  # bytes of a request
REMEDY = "nothing of it is taken until [exchange] says the same there and here"


def subscriptions(neighbour: str, family: str, federation: Federation = OPEN, to: str = "+") -> dict[str, int]:
    """Topics of a neighbour, with their QoS; to: who subscribes, and hears only requests to itself."""
    return subscriptions_of(neighbour, [family], federation, to)


def subscriptions_of(
    neighbour: str, families: Iterable[str], federation: Federation = OPEN, to: str = "+", most_qos: int = 1
) -> dict[str, int]:
    """The same of several families. most_qos: 0 on a cluster, which replicates a queue for each filter at QoS 1."""
    topics = {wire.topic(neighbour, "status"): 1}
    for family in families:
        topics |= federation.topics(neighbour, family, to)
    return {topic: min(qos, most_qos) for topic, qos in topics.items()}


def unwitnessed(_gateway: str, _frame: bytes) -> None:
    """For who remembers no ledgers of others."""


def unmet(_manifest: Manifest, _frame: bytes) -> None:
    """For who keeps no manifests."""


def unseen(_gateway: str, _family: str, _frame: bytes) -> None:
    """For who does not hear what others have seen."""


@dataclass(frozen=True)
class Taker:
    """Who takes what neighbours say of one family: shards, payloads in order, what they owe, private sums."""

    collector: Collector
    deliver: Callable[[Payload], None]
    hear_credit: Callable[[str, bytes], None] = unwitnessed
    hear_cell: Callable[[str, str, bytes], None] = unseen


class Listener:
    """Listens to the neighbours of the gateway `name` for as long as `run` lasts.

    keys: of the neighbours; others are not heard. families: that we take updates of. own: links to our own brokers.
    deliver: called with each payload, in order; it must not block. witness: called with who speaks and the head of its
    ledger; raises WireError for what is none. witness_seen: the same of what it has seen, and of which family.
    rejects: counts what was not believed.
    """

    def __init__(
        self,
        name: str,
        keys: Keyring,
        families: Collection[str],
        collector: Collector,
        sender: Sender,
        own: Sequence[Publisher],
        deliver: Callable[[Payload], None],
        clock: Callable[[], float] = time.monotonic,
        look: float = LOOK_SECONDS,
        federation: Federation = OPEN,
        witness: Callable[[str, bytes], None] = unwitnessed,
        witness_seen: Callable[[str, str, bytes], None] = unseen,
        hear_credit: Callable[[str, bytes], None] = unwitnessed,
        hear_proof: Callable[[str, bytes], None] = unwitnessed,
        hear_manifest: Callable[[Manifest, bytes], None] = unmet,
        supervisor: Supervisor | None = None,
        rejects: Rejects | None = None,
    ) -> None:
        self.rejects = rejects or Rejects()
        self._federation = federation
        self._witnesses = witness, witness_seen
        self._hear_proof, self._hear_manifest = hear_proof, hear_manifest
        self._name = name
        self._keys = keys
        self._takes = dict.fromkeys(families, Taker(collector, deliver, hear_credit))
        self.others: Mapping[str, Callable[[Heard], None]] = {}  # who hears what is no update, by what is its family
        self._sender = sender
        self._own = own
        self._clock = clock
        self._look = look
        self._supervisor = supervisor or Supervisor()

    def take_also(self, family: str, taker: Taker) -> None:
        """Take updates of one more family."""
        self._takes[family] = taker

    async def run(self, links: Sequence[Subscriber]) -> None:
        """Listen to all links, send, and ask for what is missing; what fails is begun anew by itself."""
        works: dict[str, Work] = {f"neighbour link {i}": partial(self._listen, link) for i, link in enumerate(links)}
        works |= {"sender": self._sender.run, "requests": self._ask, "names": partial(self._keep_up, links)}
        async with asyncio.TaskGroup() as tasks:
            for name, work in works.items():
                tasks.create_task(self._supervisor.keep(name, work))

    async def _listen(self, link: Subscriber) -> None:
        async for message in link.messages():
            await self.hear(message)

    async def _keep_up(self, links: Sequence[Subscriber]) -> None:
        """With the names that neighbours go by, day after day."""
        day = self._federation.day()
        while True:
            await asyncio.sleep(self._look)
            if self._federation.day() != day:
                day = self._federation.day()
                for link in links:
                    await link.follow()

    async def hear(self, message: Message) -> None:
        """One message from a neighbour's broker; what is not to be believed is counted, logged and dropped."""
        try:
            await self._take(message)
        except Exception as fault:  # noqa: BLE001 - nothing that a neighbour says may end anything
            self.rejects.add(message.topic, fault)

    async def _take(self, message: Message) -> None:
        if message.topic.endswith("/status"):
            self._compare(message)
            return
        heard = self._federation.hear(message)
        if heard.gateway == self._name:
            return  # our own, on a broker that all share
        if heard.leaf == "credential" and heard.payload:
            self._enrol(heard.gateway, heard.family, heard.payload)
            return
        if heard.gateway not in self._keys or heard.family not in {*self._takes, *self.others}:
            raise WireError(f"nothing is expected on {message.topic}")
        if heard.payload:  # otherwise a retained message was taken back
            await self._hand_on(heard)

    async def _hand_on(self, heard: Heard) -> None:
        if heard.family in self.others:
            self.others[heard.family](heard)
        elif heard.leaf == "shard":
            generation = self._takes[heard.family].collector.add(unpack_shard(heard.payload), self._clock())
            if generation:
                await self._finish(generation)
        elif heard.leaf == "manifest":
            self._announce(heard.family, heard.payload)
        elif heard.leaf in ("key", "head", "seen", "owed", "revoked", "proof", *CELL_LEAVES):
            self._take_frame(heard)
        else:
            verb = heard.leaf.removeprefix("request/")
            self._note(heard.gateway, read(verb, heard.family, read_json(heard.payload, MAX_JSON)))

    def _take_frame(self, heard: Heard) -> None:
        """What neighbours say beside updates."""
        gateway, family, leaf, frame = heard
        head, seen = self._witnesses
        if leaf == "key":
            self._succeed(gateway, frame)
        elif leaf == "revoked":
            self._keys.take_back(frame)
        elif leaf == "head":
            head(gateway, frame)
        elif leaf == "seen":
            seen(gateway, family, frame)
        elif leaf == "proof":
            self._hear_proof(gateway, frame)
        elif leaf in CELL_LEAVES:
            self._takes[family].hear_cell(leaf, gateway, frame)
        else:
            self._takes[family].hear_credit(gateway, frame)

    def _compare(self, message: Message) -> None:
        """Whether a neighbour is of our federation: if it is not, we hear nothing of it that we could use."""
        gateway = wire.split_topic(message.topic)[0]
        theirs = read_json(message.payload, MAX_JSON).get("federation", self._federation.mark)
        if gateway in self._keys and theirs != self._federation.mark:
            raise WireError(f"{gateway} is of federation {theirs!r:.40}, we are of {self._federation.mark!r}: {REMEDY}")

    def _announce(self, family: str, frame: bytes) -> None:
        manifest = unpack_manifest(frame)
        if manifest.sender == self._name:
            return  # a neighbour passes on what it had from us
        if manifest.family != family:
            raise WireError(f"manifest of family {manifest.family} among those of {family}")
        manifest.signer = self._keys.check(manifest)
        self._hear_manifest(manifest, frame)
        self._takes[family].collector.announce(manifest, self._clock())

    def _enrol(self, gateway: str, family: str, frame: bytes) -> None:
        """Trust the key of a credential; what its gateway said before we did is asked for again, as a snapshot."""
        key = self._keys.enrol(gateway, frame)
        if key and family in self._takes:
            self._takes[family].collector.miss((gateway, family, key), self._clock())

    def _succeed(self, gateway: str, frame: bytes) -> None:
        self._keys.succeed(gateway, frame)

    def _note(self, receiver: str, request: Request) -> None:
        if request.to != self._name:
            return
        if isinstance(request, RepairRequest):
            self._sender.ask(receiver, request)
        else:
            self._sender.ask_snapshot(request.family)

    async def _finish(self, generation: Reassembly) -> None:
        try:
            data: bytes | None = await asyncio.to_thread(self._payload, generation)
        except Exception as fault:  # noqa: BLE001 - nor what it sends
            data = None
            self.rejects.add("/".join(generation.stream[:2]), fault)
        taker = self._takes[generation.stream[1]]
        for payload in taker.collector.finish(generation, data, self._clock()):
            if payload.manifest.signer in self._keys.of(payload.manifest.sender):  # it may be revoked by now
                taker.deliver(payload)

    def _payload(self, generation: Reassembly) -> bytes:
        return self._federation.open(generation.manifest, generation.payload())

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            for collector in {id(each.collector): each.collector for each in self._takes.values()}.values():
                for request in collector.requests(self._clock()):
                    await self._publish(request)

    async def _publish(self, request: Request) -> None:
        """On the first of our brokers that takes it; if none does, the next request says the same."""
        verb = "need" if isinstance(request, RepairRequest) else "snapshot"
        said = json.dumps(request.table()).encode()
        message = self._federation.message(self._name, request.family, f"request/{verb}", said, to=request.to)
        for link in self._own:
            if await say(link, message):
                return
