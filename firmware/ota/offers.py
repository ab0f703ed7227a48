"""The way in of a model or of firmware: what is offered is heard here, and what receives it is loaded when needed.

Shards arrive at QoS 0, so that nothing waits for them; sampling goes on meanwhile. `receiver.py` decodes them block by
block and writes them to flash; before what came is tried, all that received it has made room again.
"""

import asyncio
import json

from board.lazy import load, release

ROOM = 2048  # bytes of a block
BUFFER = ROOM + 256  # with what decodes it: allocated at the start, for later no piece of the heap may be as long
LONGEST = 1052  # bytes of a message: a shard of 1024 with its head and its CRC
_ON_CALL = (
    "ota.receiver",
    "ota.model_writer",
    "ota.firmware_writer",
    "ota.decoder",
    "protocol.firmware_package",
    "protocol.gf256",
    "protocol.offer_frame",
    "protocol.shards",
    "hmac",
)


class Refused(Exception):
    """An offer that must not take over; `code` is as in HTTP, the text says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Offers:
    """Takes what is offered under `topic(kind, "manifest")` and reports under `topic(kind, "status")`, as HTTP would.

    places: by kind, "model" or "firmware", what takes over. Each has a `sequence`, and raises Refused in
    `install(offer)`. key: 32 bytes; when given, only what is sealed with it is taken. changed(kind): awaited after
    something new was taken. spoilt: frames that could not be read.
    lacks(place, sequence): why an offer cannot be taken now, "" when it can; asked before anything is loaded. buffer:
    BUFFER bytes, or None.
    """

    def __init__(
        self, places: dict, client, topic, changed, key: "bytes | None" = None, lacks=None, buffer=None
    ) -> None:
        self.spoilt = 0
        self._places = places
        self._client = client
        self._topic = topic
        self._changed = changed
        self._key = key
        self._lacks = lacks
        self._buffer = buffer or bytearray(BUFFER)
        self._receiver = None  # while something comes in, or might
        self._begun = asyncio.Event()
        for kind in places:
            client.subscribe(topic(kind, "manifest"), self._announce, 1)
            client.subscribe(topic(kind, "shard"), self._collect)

    async def run(self) -> None:
        """See to what comes in, until cancelled."""
        while True:
            await self._begun.wait()
            self._begun.clear()
            whole = await self._receiver.run()
            self._receiver = None
            await asyncio.sleep_ms(0)  # in place of what was awaited last, which a frame would hold on to
            release(*_ON_CALL)
            if whole:
                await self._take_over(*whole)

    async def _take_over(self, kind: str, offer) -> None:
        try:
            self._places[kind].install(offer)
        except (Refused, MemoryError) as refusal:  # what was there serves on; a restart would find no more room
            await self.report(kind, getattr(refusal, "code", 503), str(refusal))
        else:
            await self.report(kind, 200, "")
            await self._changed(kind)

    def _announce(self, topic: str, frame: bytes, _retained: bool) -> None:
        """A bundle is coming."""
        kind = topic.split("/")[-2]
        try:
            if not self._receiver:
                if self._lacks and (why := self._lacks(self._places[kind], int.from_bytes(frame[8:12], "little"))):
                    raise Refused(503, why)
                self._receiver = load("ota.receiver").Receiver(self._places, self._buffer, self.report, self._key)
                self._begun.set()
            self._receiver.announce(kind, frame)
        except Refused as error:
            self._answering = asyncio.create_task(self.report(kind, error.code, str(error)))
        except MemoryError as error:
            self._answering = asyncio.create_task(self.report(kind, 503, str(error)))

    def _collect(self, _topic: str, frame: bytes, _retained: bool) -> None:
        """One shard."""
        if self._receiver and not self._receiver.collect(frame):
            self.spoilt += 1

    def collect_compact(self, body: bytes) -> None:
        """One shard off a wire, in the profile of serial_message.py."""
        if self._receiver and not self._receiver.collect_compact(body):
            self.spoilt += 1

    async def report(self, kind: str, code: int, reason: str, missing: int = 0, block: int = 0) -> None:
        """Tell the gateway what became of an offer. missing: shards that `block` still needs, with code 206."""
        status = {"code": code, "reason": reason, "sequence": self._places[kind].sequence, "missing": missing}
        if code == 206:
            status["block"] = block
        await self._client.publish(self._topic(kind, "status"), json.dumps(status).encode(), 1)
