"""The link to sensors on a wire, as mqtt_link.py is for those with Wi-Fi. Only this file opens a serial port.

A wire has no connections and retains nothing: messages come and go as `serial_message.py` says, those at QoS 1 until
the other side reports them whole. The port is opened again when it goes (an adapter was unplugged).
"""

import asyncio
import logging
import math
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import serial

from reedmesh.backoff import Backoff
from reedmesh.errors import ConfigError, WireError
from reedmesh.links.message import QUEUE, Message
from reedmesh.protocol import serial_message, wire
from reedmesh.protocol.serial_frame import Deframer, frame
from reedmesh.protocol.serial_message import LAST, PIECE, REPORT, Assembler, asking, pieces
from reedmesh.protocol.shards import Shard

log = logging.getLogger(__name__)

PATIENCE = 0.3  # seconds for a report, beside the time on the wire: what a sensor may be busy with a window
TRIES = 20  # unanswered ones, until a message is given up


class Tags:
    """Whether what comes from wires is said by whom it names: `key_of` a sensor, None for one without.

    Who has a key and ever tagged what it said must go on to; where `needed`, everybody must.
    """

    def __init__(self, key_of: Callable[[str], bytes | None], needed: bool) -> None:
        self._key_of = key_of
        self._needed = needed
        self._tagging: set[str] = set()

    def check(self, topic: str, message: bytes) -> None:
        """Raise WireError for a message without the tag that it must have."""
        sensor = wire.split_topic(topic)[1]
        try:
            key = self._key_of(sensor)
        except ConfigError as error:
            raise WireError(str(error)) from error
        if key and serial_message.is_tagged(message):
            if not serial_message.is_tagged_by(message, key):
                raise WireError(f"{sensor}: not tagged with its key, which `reedmesh sensor-key {sensor}` prints")
            self._tagging.add(sensor)
        elif self._needed or sensor in self._tagging:
            raise WireError(f"{sensor}: without the tag of its key, which it has to have, see `tagged` of [[serial]]")


class SerialLink:
    """Whoever is on the wire at `port`, such as "/dev/ttyUSB0". refused: bodies so far that made no sense.

    tags: whether a message has the tag that it must have; None: none is looked at.
    """

    def __init__(self, port: str, baud: int = 115200, tags: Tags | None = None) -> None:
        self._tags = tags
        self.place = port
        self.refused = 0
        self._baud = baud
        self._deframer = Deframer()
        self._assembler = Assembler()
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(QUEUE)
        self._writer: asyncio.StreamWriter | None = None
        self._in_flight = asyncio.Lock()
        self._number = random.randrange(1 << 16)  # noqa: S311 - tells one run's messages from the next's
        self._reports: asyncio.Queue[tuple[int, int]] = asyncio.Queue(QUEUE)

    @property
    def connected(self) -> bool:
        """Whether the port is open; if anybody is there, only a report can tell."""
        return self._writer is not None

    @property
    def mended(self) -> int:
        """Wrong bytes in frames that arrived."""
        return self._deframer.mended

    @property
    def lost(self) -> int:
        """Frames that could not be mended."""
        return self._deframer.lost

    async def messages(self) -> AsyncIterator[Message]:
        """Open the port, and open it again, until cancelled; yields what arrives meanwhile."""
        keeping = asyncio.create_task(self._keep_open())
        try:
            while True:
                yield await self._inbox.get()
        finally:
            keeping.cancel()

    async def publish(self, message: Message) -> bool:
        """Send; at QoS 1, wait until it is reported whole. False: the port is closed, or nobody reports."""
        data = serial_message.pack_message(message.topic, message.payload, message.qos, message.retain)
        async with self._in_flight:
            self._number = (self._number + 1) % (1 << 16)
            cut = pieces(self._number, data)
            return await (self._send_until_reported(cut) if message.qos else self._send(cut))

    async def publish_shard(self, shard: Shard) -> bool:
        """Send a shard, to whoever decodes its bundle. False: the port is closed."""
        return await self._send([serial_message.pack_shard(shard)])

    async def _send(self, bodies: list[bytes]) -> bool:
        try:
            for body in bodies:
                if not self._writer:
                    return False
                self._writer.write(frame(body))
                await self._writer.drain()
        except OSError:
            return False
        return True

    async def _send_until_reported(self, cut: list[bytes]) -> bool:
        left, tries = list(cut), 0
        while tries < TRIES and await self._send([*left[:-1], asking(left[-1])]):
            missing = await self._reported(sum(map(len, left)))
            if missing == 0:
                return True
            tries = tries + 1 if missing is None else 0
            left = left[-1:] if missing is None else [cut[i] for i in range(len(cut)) if missing >> i & 1]
        return False

    async def _reported(self, size: int) -> int | None:
        """Bitmap of what is missing of the message in flight; None when no report comes in time."""
        try:
            async with asyncio.timeout(PATIENCE + 2 * 10 * size / self._baud):  # there and back, 10 bits a byte
                while True:
                    number, missing = await self._reports.get()
                    if number == self._number:
                        return missing
        except TimeoutError:
            return None

    async def _keep_open(self) -> None:
        backoff = Backoff()
        while True:
            began = math.inf
            try:
                async with self._opened() as reader:
                    began = time.monotonic()
                    while data := await reader.read(4096):
                        self._take(data)
                raise OSError("the line was hung up")
            except OSError as error:
                wait = backoff.failed(time.monotonic() - began)
                log.warning("serial %s: %s; trying again in %.2g s", self.place, error, wait)
            await asyncio.sleep(wait)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[asyncio.StreamReader]:
        loop = asyncio.get_running_loop()
        with serial.Serial(self.place, self._baud, timeout=0, exclusive=True) as port:
            reader, unused = asyncio.StreamReader(), asyncio.StreamReader()
            incoming, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), port)
            outgoing, protocol = await loop.connect_write_pipe(lambda: asyncio.StreamReaderProtocol(unused), port)
            self._writer = asyncio.StreamWriter(outgoing, protocol, None, loop)
            try:
                yield reader
            finally:
                incoming.close()
                outgoing.abort()  # and not close(), which would wait for a wire that takes nothing
                self._writer = None

    def _take(self, data: bytes) -> None:
        for body in self._deframer.feed(data):
            try:
                self._understand(body)
            except WireError as error:
                self.refused += 1
                log.info("serial %s: %s", self.place, error)

    def _understand(self, body: bytes) -> None:
        """Put what the body says where it belongs, and report if it asks for that."""
        if body[0] in (PIECE, LAST):
            number, missing, message = self._assembler.add(body)
            if body[0] == LAST and self._writer:
                self._writer.write(frame(serial_message.pack_report(number, missing)))
            if message and not self._inbox.full():
                topic, payload, qos, retain = serial_message.unpack_message(message)
                if self._tags:
                    self._tags.check(topic, message)
                self._inbox.put_nowait(Message(topic, payload, qos, retain))
        elif body[0] == REPORT and not self._reports.full():
            self._reports.put_nowait(serial_message.unpack_report(body))
