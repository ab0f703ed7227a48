"""A model's way in: collects the shards of an offer, any k of them, asks for what is missing, and tries what comes out.

Shards arrive at QoS 0, so that nothing waits for them; sampling goes on meanwhile. They are decoded where they arrive,
in the buffer the model will run in.
"""

import asyncio
import hashlib
import json

import shards
import wire
from erasure import Decoder
from slots import Refused

QUIET_MS = 1000  # without a shard, before the rest is asked for
ATTEMPTS = 10  # times the rest is asked for, before the bundle is given up


class Updates:
    """Takes models offered under `topic` into `slots` and reports on `topic`/status, with codes as in HTTP.

    key: 32 bytes; when given, only what is sealed with it is taken. changed: a coroutine function, awaited after a
    model went into service. spoilt: frames that could not be read.
    """

    def __init__(self, slots, client, topic: str, changed, key: "bytes | None" = None) -> None:
        self.spoilt = 0
        self._slots = slots
        self._client = client
        self._status = topic + "/status"
        self._changed = changed
        self._key = key
        self._bundle = b""  # the one that is being received
        self._decoder: "Decoder | None" = None
        self._news = asyncio.Event()
        manifest = bytearray(shards.MANIFEST_HEADER + max(shards.SEAL_LENGTH))  # one that lists no shards
        shard = bytearray(shards.SHARD_HEADER + wire.MODEL_SHARD + shards.CHECK_LENGTH[shards.CRC])
        client.subscribe(topic + "/manifest", self._announce, 1, manifest)
        client.subscribe(topic + "/shard", self._collect, 0, shard)

    async def run(self) -> None:
        """Ask for what is missing whenever shards stop coming; for ever."""
        asked = 0
        while True:
            try:
                await asyncio.wait_for_ms(self._news.wait(), QUIET_MS)
                self._news.clear()
                asked = 0
            except asyncio.TimeoutError:
                if self._decoder and asked == ATTEMPTS:
                    self._decoder = None
                    await self._report(408, "{} shards never came".format(ATTEMPTS))
                elif self._decoder:
                    asked += 1
                    await self._report(206, "", missing=self._decoder.missing)

    def _announce(self, _topic: str, frame: bytes, _retained: bool) -> None:
        """A bundle is coming."""
        try:
            self._begin(shards.unpack_manifest(frame))
        except wire.WireError as error:
            self._answer(400, str(error))
        except Refused as error:
            self._answer(error.code, str(error))

    def _begin(self, manifest: shards.Manifest) -> None:
        shape, room = manifest.shape, len(self._slots.incoming)
        if self._decoder and manifest.bundle == self._bundle:
            return
        if self._key and not shards.is_sealed_by(manifest, self._key):
            raise Refused(403, "the manifest is not sealed with the key of this sensor")
        if shape.blocks > 1 or shape.shard_length > wire.MODEL_SHARD or shape.k * shape.shard_length > room:
            raise Refused(400, "{} shards of {} bytes, room for {}".format(shape.k, shape.shard_length, room))
        self._bundle, self._shape, self._sha256 = manifest.bundle, shape, manifest.sha256
        self._decoder = Decoder(self._slots.incoming, shape.k, shape.shard_length)
        self._news.set()

    def _collect(self, _topic: str, frame: bytes, _retained: bool) -> None:
        """One shard; the last one needed completes the offer."""
        try:
            shard = shards.unpack_shard(frame)
        except wire.WireError:
            self.spoilt += 1
            return
        if self._decoder and shard.bundle == self._bundle and shard.shape.same(self._shape):
            self._add(self._decoder, shard)

    def collect_compact(self, body: bytes) -> None:
        """One shard off a wire, in the profile of serial_message.py."""
        from serial_message import unpack_shard  # which a sensor with Wi-Fi does without

        if self._decoder:
            try:
                self._add(self._decoder, unpack_shard(body, self._bundle, self._shape))
            except wire.WireError:
                self.spoilt += 1

    def _add(self, decoder: Decoder, shard) -> None:
        self._news.set()
        decoder.add(shard.index, shard.data)
        if not decoder.missing:
            self._decoder = None
            self._finish()

    def _finish(self) -> None:
        payload = memoryview(self._slots.incoming)[: self._shape.length]
        try:
            if hashlib.sha256(payload).digest() != self._sha256:
                raise Refused(400, "the shards are not of one offer")
            self._slots.install(payload)
        except Refused as refusal:
            self._answer(refusal.code, str(refusal))
        else:
            self._answer(200, "")

    def _answer(self, code: int, reason: str) -> None:
        """Report without making the link wait, which is what called us."""
        self._answering = asyncio.create_task(self._report(code, reason))

    async def _report(self, code: int, reason: str, missing: int = 0) -> None:
        status = {"code": code, "reason": reason, "sequence": self._slots.sequence, "missing": missing}
        await self._client.publish(self._status, json.dumps(status).encode(), 1)
        if code == 200:
            await self._changed()
