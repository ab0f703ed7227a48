"""THE EXCHANGE with neighbours: what their brokers say goes to the collector, what they ask of us goes to the sender.

Nobody writes to anybody else's broker: a gateway publishes its updates and its requests on its own, and reads those of
its neighbours. Each neighbour's link has a task of its own and reconnects by itself; a cluster that all share is one
link with everybody's topics. docs/exchange.md has the topics, and the life of an update.
"""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Collection, Sequence

from reedmesh import wire
from reedmesh.broker import Channel, Message, Publisher, read_json
from reedmesh.collect import Collector, Payload
from reedmesh.errors import WireError
from reedmesh.generation import Generation
from reedmesh.keys import Keyring
from reedmesh.requests import Need, Request, read
from reedmesh.send import Sender, say
from reedmesh.shards import unpack_manifest, unpack_shard
from reedmesh.watch import Rejects

log = logging.getLogger(__name__)

MAX_JSON = 4096  # bytes of a request
LOOK_SECONDS = 0.1  # between two looks for what should be asked for


def subscriptions(neighbour: str, family: str) -> dict[str, int]:
    """Topics of a neighbour, with their QoS."""
    base = wire.topic(neighbour, "update", family)
    told = {f"{base}/manifest": 1, f"{base}/shard": 0, f"{base}/key": 1}
    return told | {f"{base}/request/need": 1, f"{base}/request/snapshot": 1}


class Exchange:
    """Listens to the neighbours of the gateway `name` for as long as `run` lasts.

    keys: of the neighbours; others are not heard. families: that we take updates of. own: links to our own brokers.
    deliver: called with each payload, in order; it must not block. rejects: counts what was not believed.
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
    ) -> None:
        self.rejects = Rejects()
        self._name = name
        self._keys = keys
        self._families = families
        self._collector = collector
        self._sender = sender
        self._own = own
        self._deliver = deliver
        self._clock = clock
        self._look = look

    async def run(self, links: Sequence[Channel]) -> None:
        """Listen to all links, send, and ask for what is missing."""
        async with asyncio.TaskGroup() as tasks:
            for link in links:
                tasks.create_task(self._listen(link))
            tasks.create_task(self._sender.run())
            tasks.create_task(self._ask())

    async def _listen(self, link: Channel) -> None:
        async for message in link.messages():
            await self.hear(message)

    async def hear(self, message: Message) -> None:
        """One message from a neighbour's broker; what is not to be believed is counted, logged and dropped."""
        try:
            await self._take(message)
        except WireError as fault:
            self.rejects.add(message.topic, fault)

    async def _take(self, message: Message) -> None:
        gateway, *parts = wire.split_topic(message.topic)
        if gateway == self._name:
            return  # our own, on a broker that all share
        if gateway not in self._keys or len(parts) < 3 or parts[0] != "update" or parts[1] not in self._families:
            raise WireError(f"nothing is expected on {message.topic}")
        family, leaf = parts[1], parts[2:]
        if leaf == ["shard"]:
            generation = self._collector.add(unpack_shard(message.payload), self._clock())
            if generation:
                await self._finish(generation)
        elif leaf == ["manifest"]:
            self._announce(family, message.payload)
        elif leaf == ["key"]:
            self._keys.succeed(gateway, message.payload)
        elif leaf[0] == "request" and len(leaf) == 2:
            self._note(gateway, read(leaf[1], family, read_json(message.payload, MAX_JSON)))
        else:
            raise WireError(f"nothing is expected on {message.topic}")

    def _announce(self, family: str, frame: bytes) -> None:
        manifest = unpack_manifest(frame)
        if manifest.sender == self._name:
            return  # a neighbour passes on what it had from us
        if manifest.family != family:
            raise WireError(f"manifest of family {manifest.family} among those of {family}")
        manifest.signer = self._keys.check(manifest)
        self._collector.announce(manifest, self._clock())

    def _note(self, receiver: str, request: Request) -> None:
        if request.to != self._name:
            return
        if isinstance(request, Need):
            self._sender.ask(receiver, request)
        else:
            self._sender.ask_snapshot(request.family)

    async def _finish(self, generation: Generation) -> None:
        try:
            data: bytes | None = await asyncio.to_thread(generation.payload)
        except WireError as fault:
            data = None
            log.warning("%s, sequence %d: %s", "/".join(generation.stream), generation.manifest.sequence, fault)
        for payload in self._collector.finish(generation, data, self._clock()):
            if payload.manifest.signer in self._keys.of(payload.manifest.sender):  # it may be revoked by now
                self._deliver(payload)

    async def _ask(self) -> None:
        while True:
            await asyncio.sleep(self._look)
            for request in self._collector.requests(self._clock()):
                await self._publish(request)

    async def _publish(self, request: Request) -> None:
        """On the first of our brokers that takes it; if none does, the next request says the same."""
        verb = "need" if isinstance(request, Need) else "snapshot"
        topic = wire.topic(self._name, "update", request.family, "request", verb)
        message = Message(topic, json.dumps(request.table()).encode(), qos=1)
        for link in self._own:
            if await say(link, message):
                return
