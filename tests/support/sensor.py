"""A sensor in Python, beside the real one: for tests of the gateway that need hundreds of them, or wrong ones."""

import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from reedmesh.coding import Decoder
from reedmesh.inference.model import Model
from reedmesh.links.message import Channel, Message
from reedmesh.protocol import offer_frame, shards, wire
from reedmesh.protocol.offer_frame import Offer
from reedmesh.protocol.recipe import Recipe
from reedmesh.protocol.wire import Window

ROOM = 2048  # bytes of a block


def numbered(frame: bytes, number: int) -> bytes:
    """A window's frame as the window of that number: one number again and again would be two boards of one name."""
    return frame[:8] + number.to_bytes(4, "little") + frame[12:]


class FakeSensor:
    """Publishes windows of given features on `channel`, and takes every model it is offered, block by block."""

    def __init__(self, channel: Channel, gateway: str, name: str, recipe: Recipe) -> None:
        self.channel = channel
        self.gateway = gateway
        self.name = name
        self.recipe = recipe
        self.model: Model | None = None
        self.sequence = 0
        self.number = 0
        self.decoder: Decoder | None = None  # of the model that is coming
        self.block = 0  # of it that is

    async def hello(self) -> None:
        model = self.model and self.model.digest.hex()
        said = {"v": 1, "room": ROOM, "features": self.recipe.table(), "model": model, "sequence": self.sequence}
        await self.say("availability", {"state": "online"})
        await self.say("hello", said)

    async def window(self, features: bytes, skip: int = 0, error: int = 0) -> None:
        self.number += 1 + skip
        window = Window(features, boot=7, number=self.number)
        if self.model:
            window.score, window.model = self.model.score(features) + error, self.model.key
        frame = bytearray(wire.WINDOW_HEADER + len(features))
        wire.pack_window(window, frame)
        await self.channel.publish(Message(self.topic("window"), bytes(frame)))

    async def receive(
        self, messages: AsyncIterator[Message], drop: Callable[[int], bool] = lambda index: False
    ) -> None:
        """Take every model that arrives; shards that `drop` picks are lost on the way."""
        bundle = b""
        async for message in messages:
            if message.topic.endswith("/manifest"):
                manifest = shards.unpack_manifest(message.payload)
                self.decoder, self.block, bundle = Decoder(manifest.shape, manifest.sha256), 0, manifest.bundle
                if manifest.shape.blocks > 1:
                    await self.ask()
            elif (shard := shards.unpack_shard(message.payload)).bundle == bundle and not drop(shard.index):
                await self.collect(shard)

    async def collect(self, shard: shards.Shard) -> None:
        """Ask for the next block when one is whole, and take the model after the last."""
        if self.decoder and shard.block == self.block:
            self.decoder.add(shard.block, shard.index, shard.data)
            if not self.decoder.missing(self.block):
                self.block += 1
                if self.decoder.need():
                    await self.ask()
                else:
                    offer, self.decoder = offer_frame.unpack_offer(self.decoder.payload()), None
                    await self.take(offer)

    async def ask(self) -> None:
        """Say what the block at hand lacks."""
        if self.decoder:
            missing = self.decoder.missing(self.block)
            await self.say("model/status", {"code": 206, "block": self.block, "missing": missing})

    async def take(self, offer: Offer) -> None:
        self.model, self.sequence = Model(bytes(offer.model)), offer.sequence
        assert self.model.score(bytes(offer.trial)) == offer.trial_score
        await self.say("model/status", {"code": 200, "sequence": offer.sequence})
        await self.hello()

    async def say(self, leaf: str, value: dict[str, Any]) -> None:
        await self.channel.publish(
            Message(self.topic(leaf), json.dumps(value).encode(), 1, leaf in ("hello", "availability"))
        )

    def topic(self, leaf: str) -> str:
        return wire.topic(self.gateway, self.name, *leaf.split("/"))
