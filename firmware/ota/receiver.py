"""Receives a bundle: collects shards, any k of a block, asks for what is missing, passes block after block on to flash.

Loaded when something is offered (`offers.py`). A block has at most `offers.ROOM` bytes, whatever comes: a model is
cut into blocks as firmware is, and each is asked for.
"""

import asyncio
import hashlib

from board.lazy import load
from ota.decoder import Decoder
from ota.offers import ROOM, Refused
from protocol import offer_frame, shards, wire

QUIET_MS = 1000  # without a shard, before the rest is asked for
ATTEMPTS = 10  # times the rest is asked for, before the bundle is given up
_WRITERS = {"model": "ota.model_writer", "firmware": "ota.firmware_writer"}


class Receiver:
    """places: by kind, where it goes. buffer: for a block and what decodes it. report: a coroutine function, see
    offers.py. key: 32 bytes, or None.

    By kind there is a writer, which raises Refused in `admit(manifest)`, before anything comes; in `await
    take(payload)`, for each block; in `await finish(manifest)`, when all of it was right, which gives the offer.
    """

    def __init__(self, places: dict, buffer: bytearray, report, key: "bytes | None") -> None:
        self._places = places
        self._buffer, self._table = memoryview(buffer)[:ROOM], memoryview(buffer)[ROOM:]
        self._report = report
        self._key = key
        self._kind = ""
        self._manifest: "shards.Manifest | None" = None  # of the bundle that is being received
        self._bundle = b""
        self._decoder: "Decoder | None" = None  # of the blocks of that bundle, one after the other
        self._open = False  # whether shards are taken
        self._asked = 0
        self._news = asyncio.Event()

    async def run(self) -> "tuple | None":
        """Kind and offer, once one is whole; None when nothing is coming any more."""
        while True:
            if await self._heard():
                if self._open and not self._decoder.missing:
                    offer = await self._pass_on()
                    if offer:
                        return self._kind, offer
            elif self._manifest:
                await self._ask()
            else:
                return None

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
        if self._asked == ATTEMPTS:
            self._manifest, self._open = None, False
            await self._report(self._kind, 408, "{} shards never came".format(ATTEMPTS))
        else:
            self._asked += 1
            await self._report(self._kind, 206, "", self._decoder.missing, self._block)

    def announce(self, kind: str, frame: bytes) -> None:
        """A bundle is coming; raises Refused and MemoryError."""
        try:
            manifest = shards.unpack_manifest(frame)
        except wire.WireError as error:
            raise Refused(400, str(error))
        if self._manifest and manifest.bundle == self._bundle:
            return
        if self._key and not shards.is_sealed_by(manifest, self._key):
            raise Refused(403, "the manifest is not sealed with the key of this sensor")
        shape, room = manifest.shape, len(self._buffer)
        if shape.shard_length > offer_frame.MODEL_SHARD or shape.k * shape.shard_length > room:
            raise Refused(400, "{} shards of {} bytes, room for {}".format(shape.k, shape.shard_length, room))
        if self._manifest and (kind != self._kind or not self._open):
            raise Refused(409, "{} is coming in".format(self._kind))
        self._begin(kind, manifest)

    def _begin(self, kind: str, manifest: shards.Manifest) -> None:
        writer = load(_WRITERS[kind]).Writer(self._places[kind])
        writer.admit(manifest)
        self._writer, self._kind, self._manifest, self._bundle = writer, kind, manifest, manifest.bundle
        self._sum = hashlib.sha256()
        self._decoder = Decoder(self._buffer, manifest.shape.k, manifest.shape.shard_length, self._table)
        self._expect(0)
        if manifest.shape.blocks > 1:  # what has one block comes unasked
            self._asking = asyncio.create_task(self._report(kind, 206, "", manifest.shape.k, 0))

    def _expect(self, block: int) -> None:
        """Collect this block from now on."""
        self._block, self._open = block, True
        self._news.set()

    def collect(self, frame: bytes) -> bool:
        """Take one shard; False when it cannot be read."""
        try:
            shard = shards.unpack_shard(frame)
        except wire.WireError:
            return False
        if self._open and self._decoder and shard.bundle == self._bundle and shard.shape.same(self._manifest.shape):
            self._add(self._decoder, shard)
        return True

    def collect_compact(self, body: bytes) -> bool:
        """As `collect`, off a wire."""
        from protocol.serial_message import unpack_shard  # which a sensor with Wi-Fi does without

        if self._open and self._decoder:
            try:
                self._add(self._decoder, unpack_shard(body, self._bundle, self._manifest.shape))
            except wire.WireError:
                return False
        return True

    def _add(self, decoder: Decoder, shard) -> None:
        if shard.block == self._block:
            decoder.add(shard.index, shard.data)
            self._news.set()

    async def _pass_on(self):
        """A block is whole; the last one gives the offer. No shard is taken meanwhile."""
        kind, manifest, self._open = self._kind, self._manifest, False
        try:
            await self._take(manifest.shape)
            if self._block + 1 == manifest.shape.blocks:
                return await self._finish(manifest)
        except (Refused, MemoryError) as refusal:
            self._manifest = None
            await self._report(kind, getattr(refusal, "code", 503), str(refusal))
            return None
        self._decoder.begin()
        self._expect(self._block + 1)
        await self._report(kind, 206, "", manifest.shape.k, self._block)
        return None

    async def _take(self, shape: shards.Shape) -> None:
        size = shape.k * shape.shard_length
        payload = self._buffer[: min(size, shape.length - self._block * size)]
        self._sum.update(payload)
        await self._writer.take(payload)

    async def _finish(self, manifest):
        if self._sum.digest() != manifest.sha256:
            raise Refused(400, "the shards are not of one offer")
        return await self._writer.finish(manifest)
