"""The way in of a model or of firmware: collects shards, any k of a block, asks for what is missing, passes it on.

Shards arrive at QoS 0, so that nothing waits for them; sampling goes on meanwhile. They are decoded in one buffer, that
in which a model will run. Firmware is longer than that: its blocks come one after the other, each asked for.
"""

import asyncio
import hashlib
import json

import shards
import wire
from erasure import Decoder
from refused import Refused

QUIET_MS = 1000  # without a shard, before the rest is asked for
ATTEMPTS = 10  # times the rest is asked for, before the bundle is given up


class Updates:
    """Takes what is offered under `topic(kind, "manifest")` and reports under `topic(kind, "status")`, as HTTP would.

    takers: by kind, "model" or "firmware". Each has a `sequence`, and raises Refused in `admit(manifest)`, before
    anything comes; in `await take(payload)`, for each block; in `await finish(manifest)`, when all of it was right.
    slots: its `incoming` is the buffer. key: 32 bytes; when given, only what is sealed with it is taken. changed(kind):
    awaited after something new was taken. spoilt: frames that could not be read.
    """

    def __init__(self, slots, takers: dict, client, topic, changed, key: "bytes | None" = None) -> None:
        self.spoilt = 0
        self._slots = slots
        self._takers = takers
        self._client = client
        self._topic = topic
        self._changed = changed
        self._key = key
        self._kind = ""
        self._manifest: "shards.Manifest | None" = None  # of the bundle that is being received
        self._bundle = b""
        self._decoder: "Decoder | None" = None
        self._asked = 0
        self._news = asyncio.Event()
        manifest = bytearray(shards.MANIFEST_HEADER + max(shards.SEAL_LENGTH))  # one that lists no shards
        shard = bytearray(shards.SHARD_HEADER + wire.MODEL_SHARD + shards.CHECK_LENGTH[shards.CRC])
        for kind in takers:
            client.subscribe(topic(kind, "manifest"), self._announce, 1, manifest)
            client.subscribe(topic(kind, "shard"), self._collect, 0, shard)

    async def run(self) -> None:
        """Pass on what is complete, and ask for what is missing whenever shards stop coming; for ever."""
        while True:
            if not await self._heard():
                await self._ask()
            elif self._decoder and not self._decoder.missing:
                await self._pass_on()

    async def _heard(self) -> bool:
        """Whether anything came in time."""
        try:
            await asyncio.wait_for_ms(self._news.wait(), QUIET_MS)
        except asyncio.TimeoutError:
            return False
        self._news.clear()
        self._asked = 0
        return True

    async def _ask(self) -> None:
        if self._decoder and self._asked == ATTEMPTS:
            self._manifest = self._decoder = None
            await self._report(self._kind, 408, "{} shards never came".format(ATTEMPTS))
        elif self._decoder:
            self._asked += 1
            await self._report(self._kind, 206, "", self._decoder.missing)

    def _announce(self, topic: str, frame: bytes, _retained: bool) -> None:
        """A bundle is coming."""
        kind = topic.split("/")[-2]
        try:
            self._begin(kind, shards.unpack_manifest(frame))
        except wire.WireError as error:
            self._answer(kind, 400, str(error))
        except Refused as error:
            self._answer(kind, error.code, str(error))

    def _begin(self, kind: str, manifest: shards.Manifest) -> None:
        shape, room = manifest.shape, len(self._slots.incoming)
        if self._manifest and manifest.bundle == self._bundle:
            return
        if self._key and not shards.is_sealed_by(manifest, self._key):
            raise Refused(403, "the manifest is not sealed with the key of this sensor")
        if shape.shard_length > wire.MODEL_SHARD or shape.k * shape.shard_length > room:
            raise Refused(400, "{} shards of {} bytes, room for {}".format(shape.k, shape.shard_length, room))
        if self._manifest and (kind != self._kind or not self._decoder):
            raise Refused(409, "{} is coming in".format(self._kind))
        self._takers[kind].admit(manifest)
        self._kind, self._manifest, self._bundle = kind, manifest, manifest.bundle
        self._sum = hashlib.sha256()
        self._expect(0)
        if shape.blocks > 1:
            self._answer(kind, 206, "", shape.k)  # what has one block comes unasked

    def _expect(self, block: int) -> None:
        """Collect this block from now on."""
        self._block = block
        self._decoder = Decoder(self._slots.incoming, self._manifest.shape.k, self._manifest.shape.shard_length)
        self._news.set()

    def _collect(self, _topic: str, frame: bytes, _retained: bool) -> None:
        """One shard."""
        try:
            shard = shards.unpack_shard(frame)
        except wire.WireError:
            self.spoilt += 1
            return
        if self._decoder and shard.bundle == self._bundle and shard.shape.same(self._manifest.shape):
            self._add(self._decoder, shard)

    def collect_compact(self, body: bytes) -> None:
        """One shard off a wire, in the profile of serial_message.py."""
        from serial_message import unpack_shard  # which a sensor with Wi-Fi does without

        if self._decoder:
            try:
                self._add(self._decoder, unpack_shard(body, self._bundle, self._manifest.shape))
            except wire.WireError:
                self.spoilt += 1

    def _add(self, decoder: Decoder, shard) -> None:
        if shard.block == self._block:
            decoder.add(shard.index, shard.data)
            self._news.set()

    async def _pass_on(self) -> None:
        """A block is whole; the last one completes the offer. No shard is taken meanwhile."""
        kind, manifest, self._decoder = self._kind, self._manifest, None
        try:
            await self._take(kind, manifest)
        except Refused as refusal:
            self._manifest = None
            await self._report(kind, refusal.code, str(refusal))
            return
        if self._block + 1 < manifest.shape.blocks:
            self._expect(self._block + 1)
            await self._report(kind, 206, "", manifest.shape.k)
        else:
            self._manifest = None
            await self._report(kind, 200, "")
            await self._changed(kind)

    async def _take(self, kind: str, manifest) -> None:
        shape = manifest.shape
        size = shape.k * shape.shard_length
        payload = memoryview(self._slots.incoming)[: min(size, shape.length - self._block * size)]
        self._sum.update(payload)
        await self._takers[kind].take(payload)
        if self._block + 1 == shape.blocks:
            if self._sum.digest() != manifest.sha256:
                raise Refused(400, "the shards are not of one offer")
            await self._takers[kind].finish(manifest)

    def _answer(self, kind: str, code: int, reason: str, missing: int = 0) -> None:
        """Report without making the link wait, which is what called us."""
        self._answering = asyncio.create_task(self._report(kind, code, reason, missing))

    async def _report(self, kind: str, code: int, reason: str, missing: int = 0) -> None:
        status = {"code": code, "reason": reason, "sequence": self._takers[kind].sequence, "missing": missing}
        if code == 206:
            status["block"] = self._block
        await self._client.publish(self._topic(kind, "status"), json.dumps(status).encode(), 1)
