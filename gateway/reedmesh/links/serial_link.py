"""The link to sensors on a wire, as mqtt_link.py is for those with Wi-Fi. Only this file opens a serial port.

A wire has no connections and retains nothing: messages come and go as `serial_message.py` says, those at QoS 1 until
the other side reports them whole. Each sensor on it is a Peer with an address. What the gateway sent itself comes back
through some adapters for RS-485 and is dropped. The port is opened again when it goes (an adapter was unplugged).
"""

import asyncio
import logging
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import serial

from reedmesh.backoff import Backoff
from reedmesh.errors import ConfigError, WireError
from reedmesh.links.message import QUEUE, Message
from reedmesh.links.serial_peer import Peer
from reedmesh.protocol import serial_message, wire
from reedmesh.protocol.serial_frame import Deframer, frame
from reedmesh.protocol.serial_message import EVERYBODY, LAST, PIECE, REPORT, asking
from reedmesh.protocol.shards import Shard

log = logging.getLogger(__name__)

PATIENCE = 0.3  # seconds for a report, beside the time on the wire: what a sensor may be busy with a window
TRIES = 20  # unanswered ones, until a message is given up
MOST_PEERS = 256  # on one wire; who was not heard for longest makes room


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
    """Whoever is on the wire at `port`, such as "/dev/ttyUSB0".

    refused: bodies so far that made no sense. echoes: those that came back, or came from another gateway. tags: whether
    a message has the tag that it must have; None: none is looked at.
    """

    def __init__(self, port: str, baud: int = 115200, tags: Tags | None = None) -> None:
        self._tags = tags
        self.place = port
        self.refused = self.echoes = 0
        self._baud = baud
        self._deframer = Deframer()
        self._peers: dict[int, Peer] = {}
        self._old = Peer(None)
        self._inbox: asyncio.Queue[Message] = asyncio.Queue(QUEUE)
        self._writer: asyncio.StreamWriter | None = None

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
        peer = self._peer(serial_message.address(message.topic))
        async with peer.lock:
            cut = peer.cut(message)
            return await (self._send_until_reported(peer, cut) if message.qos else self._send(peer, cut))

    async def publish_shard(self, shard: Shard, topic: str = "") -> bool:
        """Send a shard, to the sensor with this topic or to whoever decodes its bundle. False: the port is closed."""
        peer = self._peer(serial_message.address(topic) if topic else EVERYBODY)
        return await self._send(peer, [serial_message.pack_shard(shard)])

    def _peer(self, address: int) -> Peer:
        """The one with this address, which becomes the newest."""
        peer = self._peers.pop(address, None) or Peer(address)
        idle = [key for key, each in self._peers.items() if not each.lock.locked()]
        if len(self._peers) >= MOST_PEERS and idle:
            del self._peers[idle[0]]
        self._peers[address] = peer
        return peer

    async def _send(self, peer: Peer, bodies: list[bytes]) -> bool:
        try:
            for body in bodies:
                if not self._writer:
                    return False
                self._writer.write(frame(peer.outgoing(body)))
                await self._writer.drain()
        except OSError:
            return False
        return True

    async def _send_until_reported(self, peer: Peer, cut: list[bytes]) -> bool:
        left, tries = list(cut), 0
        while tries < TRIES and await self._send(peer, [*left[:-1], asking(left[-1])]):
            missing = await self._reported(peer, sum(map(len, left)))
            if missing == 0:
                return True
            tries = tries + 1 if missing is None else 0
            left = left[-1:] if missing is None else [cut[i] for i in range(len(cut)) if missing >> i & 1]
        return False

    async def _reported(self, peer: Peer, size: int) -> int | None:
        """Bitmap of what is missing of the message in flight; None when no report comes in time."""
        try:
            async with asyncio.timeout(PATIENCE + 2 * 10 * size / self._baud):  # there and back, 10 bits a byte
                while True:
                    number, missing = await peer.reports.get()
                    if number == peer.number:
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
        address, from_gateway, body = serial_message.unaddressed(body)
        if from_gateway:
            self.echoes += 1
        elif body[0] == REPORT:
            old = [peer for peer in self._peers.values() if peer.old]  # version 1 does not say whose report it is
            for peer in old if address is None else [self._peer(address)]:
                peer.reported(body)
        elif body[0] in (PIECE, LAST):
            self._hear(self._old if address is None else self._peer(address), body)

    def _hear(self, peer: Peer, body: bytes) -> None:
        report, data = peer.take(body)
        if report and self._writer:
            self._writer.write(frame(peer.outgoing(report)))
        if data:
            self._pass(peer, data)

    def _pass(self, peer: Peer, data: bytes) -> None:
        """A message is whole; raises WireError unless it is said by whom it names."""
        message = Message(*serial_message.unpack_message(data))
        sender = serial_message.address(message.topic)
        if peer.address not in (None, sender):
            raise WireError(f"{message.topic}: said under another sensor's address")
        if self._tags:
            self._tags.check(message.topic, data)
        self._peer(sender).old = peer.old
        if not self._inbox.full():
            self._inbox.put_nowait(message)
