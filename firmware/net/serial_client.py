"""A sensor's link over a serial line: what `mqtt.Client` is for those with Wi-Fi, with the same methods.

    uart = machine.UART(1, 115200)
    client = Client(asyncio.StreamReader(uart), asyncio.StreamWriter(uart, {}))
    client.announcements["reedmesh/gw1/press3/availability"] = b"online"
    asyncio.create_task(client.run())
    await client.publish("reedmesh/gw1/press3/window", frame)

A wire has no connections, so announcements, which a broker would retain, are made again and again. Models come as
shards (`serial_message.py`), which are handed to `on_shard` as they arrive, and decoded in place.

Several sensors may share two wires, and an adapter may hand back what it sends. So only what the gateway sent to this
sensor is taken, and nothing is sent while somebody else is heard.
"""

import asyncio
import os
from asyncio import sleep_ms
from random import getrandbits

from board.monotonic import ms
from protocol import serial_message
from protocol.serial_frame import Deframer, frame
from protocol.serial_message import ADDRESSED_PIECE, EVERYBODY, LAST, PIECE, REPORT, SHARD, Assembler, asking, pieces
from protocol.wire import WireError

PATIENCE_MS = 600  # for a report: its time on a slow wire, and what a gateway may be busy with
TRIES = 20  # unanswered ones, until a message is given up
ANNOUNCE_MS = 30000
QUIET_MS, BUSY_MS = 4, 250  # without a byte, before sending; the longest wait for that, for a gateway may send for long


class Client:
    """Sends and receives on a pair of streams; see the head of this file.

    key: the sensor's, under which all that it says is tagged. longest: bytes of a received message; a longer one is
    refused. on_shard(body): called for every shard, None: they are dropped. The sensor's address follows from its
    topics. strange: bodies that were not for it. lost: messages at QoS 1 that nobody reported. refused: bodies that did
    not fit. heard, lost_at: when the last report came, and the last before the line went dead. sessions: how often it
    came to life. told(words): called, if it is set, when the line comes to life or goes dead.
    """

    def __init__(self, reader, writer, longest: int = 1024, on_shard=None, key: "bytes | None" = None) -> None:
        self._key = key
        self._reader = reader
        self._writer = writer
        self._deframer = Deframer()
        self._assembler = Assembler(longest, ADDRESSED_PIECE)
        self._address = EVERYBODY  # not known yet
        self._busy = ms()  # when the line was last heard
        self._subscriptions: "list[tuple]" = []
        self.announcements: "dict[str, bytes]" = {}
        self.on_shard = on_shard
        self.lost = self.refused = self.strange = 0
        self._number = int.from_bytes(os.urandom(2), "little")
        self._in_flight, self._sending = asyncio.Lock(), asyncio.Lock()
        self._reported = asyncio.Event()
        self._missing = self.sessions = 0
        self.heard = self.lost_at = ms()
        self.up = asyncio.Event()  # somebody answers
        self.told = None

    def subscribe(self, topic: str, sink, qos: int = 0, buffer=None) -> None:  # noqa: ARG002 - as mqtt.Client has it
        """Have `sink(topic, payload, retained)`, perhaps a coroutine, called for each message on `topic`."""
        self._address = serial_message.address(topic)
        self._subscriptions.append((topic, sink))

    async def publish(self, topic: str, payload, qos: int = 0, retain: bool = False) -> bool:
        """Send; at QoS 1, wait until it is reported whole. False: nobody reports."""
        message = serial_message.pack_message(topic, bytes(payload), qos, retain, self._key)
        self._address = self._address or serial_message.address(topic)
        async with self._in_flight:
            self._number = (self._number + 1) & 65535
            cut = pieces(self._number, message, ADDRESSED_PIECE)
            if qos:
                return await self._send_until_reported(cut)
            await self._send(cut)
            return True

    async def run(self) -> None:
        """Receive, and announce, until cancelled or the line ends."""
        announcing = asyncio.create_task(self._announce())
        try:
            while True:
                data = await self._reader.read(256)
                if not data:
                    raise OSError("the line was hung up")
                self._busy = ms()
                for body in self._deframer.feed(data):
                    await self._take(body)
        finally:
            announcing.cancel()

    async def close(self) -> None:
        """Nothing is to be said: the gateway notices by itself."""

    async def _announce(self):
        while True:
            for topic, payload in list(self.announcements.items()):
                await self.publish(topic, payload, 1, True)
            await sleep_ms(ANNOUNCE_MS)

    async def _send(self, bodies):
        for body in bodies:
            async with self._sending:  # only one task may wait for a stream
                await self._quiet()
                self._writer.write(frame(serial_message.addressed(body, self._address, False)))
                await self._writer.drain()

    async def _quiet(self):
        """Wait until nobody is heard; who waited begins at a time of its own."""
        start = ms()
        while ms() - self._busy < QUIET_MS and ms() - start < BUSY_MS:
            await sleep_ms(QUIET_MS + getrandbits(4))

    async def _send_until_reported(self, cut):
        left, tries = list(cut), 0
        while tries < TRIES:
            self._reported.clear()
            await self._send(left[:-1] + [asking(left[-1])])
            if not await self._report():
                tries += 1
                left = left[-1:]
                await sleep_ms(getrandbits(7))  # two that spoke at once must not do so again
            elif not self._missing:
                self._answered()
                return True
            else:
                tries = 0
                left = [cut[i] for i in range(len(cut)) if self._missing >> i & 1]
        self.lost += 1
        if self.up.is_set() or not self.sessions:
            self._note("no answer from the gateway")
            self.lost_at = self.heard
        self.up.clear()
        return False

    def _note(self, words: str) -> None:
        if self.told:
            self.told(words)

    def _answered(self):
        """Somebody is there."""
        self.heard = ms()
        if not self.up.is_set():
            self.sessions += 1
            self._note("up")
            self.up.set()

    async def _report(self):
        start = ms()
        while ms() - start < PATIENCE_MS:
            if self._reported.is_set():
                return True
            await sleep_ms(5)
        return False

    async def _take(self, body):
        try:
            await self._understand(body)
        except WireError:
            self.refused += 1

    async def _understand(self, body):
        whose, from_gateway, body = serial_message.unaddressed(body)
        if not from_gateway or whose not in (self._address, EVERYBODY):
            self.strange += 1
            return
        kind = body[0]
        if kind == SHARD and self.on_shard:
            self.on_shard(body)
        elif kind == REPORT:
            number, missing = serial_message.unpack_report(body)
            if number == self._number:
                self._missing = missing
                self._reported.set()
        elif kind in (PIECE, LAST):
            number, missing, message = self._assembler.add(body)
            if kind == LAST:
                await self._send([serial_message.pack_report(number, missing)])
            if message:
                await self._deliver(message)

    async def _deliver(self, message):
        topic, payload, _, retain = serial_message.unpack_message(message)
        for pattern, sink in self._subscriptions:
            if pattern == topic:
                pending = sink(topic, payload, retain)
                if pending is not None:
                    await pending
