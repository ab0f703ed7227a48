"""An MQTT client that stays connected: QoS 0 and 1, last will, keepalive, reconnect. For stock MicroPython's asyncio.

    client = Client("192.168.4.1", 1883, "press3", will=("reedmesh/gw1/press3/availability", b"offline", 1, True))
    client.announcements["reedmesh/gw1/press3/availability"] = b"online"
    client.subscribe("reedmesh/gw1/press3/model", on_model, qos=1, buffer=bytearray(24 * 1024))
    asyncio.create_task(client.run())
    await client.publish("reedmesh/gw1/press3/window", frame)

Two layers: a Link (`mqtt_connection.py`) is one connection and raises OSError for whatever ends it; a Client outlives
it. All buffers are allocated when the Client is made. No hardware here: `dial` may first see to the Wi-Fi.
"""

import asyncio
from asyncio import sleep_ms
from random import random

from board.lazy import call
from board.monotonic import ms
from net import mqtt_packets as packets
from net.mqtt_connection import Link

SHORTEST_MS, LONGEST_MS = 1000, 30000  # between two attempts to connect
GREETINGS = 256  # ids below this are the SUBSCRIBE's (1) and the announcements' (from 2)


def delay_ms(failures: int, chance: float) -> int:
    """How long to wait before connecting again: 1-2 s, 2-4 s ... 15-30 s; `chance`, 0..1, prevents a stampede."""
    longest = min(LONGEST_MS, 2 * SHORTEST_MS << min(failures, 5))
    return longest // 2 + int(chance * (longest // 2))


def _nothing(_topic) -> None:
    pass


def _greeting(function: str, *arguments):
    """What `mqtt_greeting.py` makes of it; a heap without room for that is a link that cannot be made now: OSError."""
    try:
        return call("net.mqtt_greeting", function, *arguments)
    except MemoryError as error:
        raise OSError(str(error))


class Client:
    """Keeps up one link to the broker; see the head of this file.

    name: the client id, unique at its broker. keepalive: seconds, 1..65535; a broker silent for 1.5 times that is given
    up. will: (topic, payload, qos, retain), published by the broker when the link is lost. max_payload: bytes, at
    least 16, of the buffer for messages whose subscription brings none. ssl: an SSLContext. dial(host, port, ssl) ->
    (reader, writer): asyncio.open_connection resolves names while everything waits, so give an address as host.
    others: (host, port) of further nodes of a cluster. After a failure the next one is tried, and the failed one last.
    There all subscriptions are at QoS 0: a cluster makes a replicated queue for each one at QoS 1, which takes seconds.

    announcements: topic -> payload, published retained at QoS 1 on every connect. up, down: Events, always one of them
    set. lost: QoS 0 messages that could not be sent. oversized: messages read over, being larger than their buffer;
    skipped: called with the topic of each.
    told(words): called, if it is set, when the link comes up, and with why it does not.
    last_error: what last went wrong with the link, in words. sessions: how often we were connected. lost_at: when the
    broker was last heard before the link was lost, as `board/monotonic.py` counts.
    """

    def __init__(
        self, host, port, name, keepalive=15, will=None, user=None, password=None, ssl=None, max_payload=512,
        dial=asyncio.open_connection, others=(),
    ) -> None:  # fmt: skip
        self._places, self._ssl = [(host, port)] + list(others), ssl
        self._dial = dial
        self._connect = _greeting("connect", name, keepalive, will, user, password)
        self._patience_ms = keepalive * 1500
        self._small = memoryview(bytearray(max_payload))
        self._link = Link(self._small, self._buffer_for)
        self._subscriptions: "list[tuple]" = []
        self.announcements: "dict[str, bytes]" = {}
        self.up, self.down = asyncio.Event(), asyncio.Event()
        self.down.set()
        self.skipped = _nothing
        self.lost = self.oversized = self.sessions = self._failures = 0
        self.lost_at = ms()
        self.last_error = self._words = ""
        self.told = None
        self._closing = False
        self._in_flight = asyncio.Lock()
        self._answer = asyncio.Event()  # the PUBACK has come, or the link has gone
        self._id, self._awaited, self._asked = GREETINGS, 0, ms()

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted us and the link still stands, as far as we know."""
        return self.up.is_set()

    @property
    def heard(self):
        """When the broker was last heard, as `board/monotonic.py` counts."""
        return self._link.heard

    def subscribe(self, pattern: str, sink, qos: int = 0, buffer: "bytearray | None" = None) -> None:
        """Have `sink(topic, payload, retained)` called for each message under `pattern`; call this before `run`.

        payload: a memoryview of `buffer` (of the common one if None), which the next message overwrites. The sink may
        be a coroutine: nothing is received, and a QoS 1 message not acknowledged, until it returns; so it must not
        wait for a QoS 1 publish. The first pattern that fits a topic takes the message. An OSError of the sink's own
        would be taken for the network's.
        """
        qos = 0 if len(self._places) > 1 else qos
        self._subscriptions.append((pattern, qos, sink, memoryview(buffer) if buffer else self._small))

    async def run(self) -> None:
        """Connect, and connect again, until `close`. Errors of a sink come out here; the network's never do."""
        self._closing = False
        while not self._closing:
            try:
                await self._session()
            except OSError as error:
                if not self._closing:
                    self.last_error = str(error).strip()
                    self._tell(self.last_error)
                    self._places.append(self._places.pop(0))
                    await sleep_ms(delay_ms(self._failures, random()))  # noqa: S311 - keeps nothing secret
                    self._failures += 1

    def _tell(self, words: str) -> None:
        """Say that there is a link, or why there is none, when that changed."""
        if words != self._words and self.told:
            self.told(words)
        self._words = words

    async def close(self) -> None:
        """Say goodbye, so that no will is published, and end `run`: at once, or after its pause if it is in one."""
        self._closing = True
        if self.connected:
            try:
                await self._link.send(packets.DISCONNECT)
            except OSError:
                pass
        self._link.abandon()
        await self.down.wait()

    async def publish(self, topic: str, payload, qos: int = 0, retain: bool = False) -> bool:
        """Publish bytes. QoS 0: now or never, returns whether it was sent. QoS 1: returns True once the broker has it,
        after whatever outages; the payload must not change until then. Messages at QoS 1 go one after another."""
        if qos:
            async with self._in_flight:
                return await self._publish_until_acknowledged(topic, payload, retain)
        try:
            if self.connected:
                await self._link.publish(topic, payload, 0, retain)
                return True
        except OSError:
            pass
        self.lost += 1
        return False

    async def _publish_until_acknowledged(self, topic, payload, retain):
        self._id = self._awaited = self._id + 1 if self._id < 65535 else GREETINGS
        again = False
        try:
            while self._awaited:
                await self.up.wait()
                self._answer.clear()
                self._asked = ms()
                try:
                    await self._link.publish(topic, payload, 1, retain, self._id, again)
                    await self._answer.wait()
                except OSError:
                    await self.down.wait()
                again = True  # MQTT 3.1.1, 4.4: sent again on the next connection, and only there
            return True
        finally:
            self._awaited = 0

    async def _session(self):
        self._link.begin()
        parts = [asyncio.create_task(part) for part in (self._receive(), self._keep_alive(), self._link.ended())]
        try:
            await asyncio.gather(*parts)  # none returns; the first to raise ends the session
        finally:
            if self.up.is_set():
                self.lost_at = self._link.heard
            self.up.clear()
            self.down.set()
            self._answer.set()
            for part in parts:
                part.cancel()
            self._link.close()

    async def _receive(self):
        link = self._link
        try:
            link.open((await self._dial(*self._places[0], self._ssl))[0])
        except ValueError as error:  # the handshake's word for a certificate that is not the broker's, or not valid yet
            raise OSError(str(error))
        await link.send(self._connect)
        await link.receive()
        _greeting("check_accepted", link.packet)
        await self._greet()
        self.sessions += 1
        if not self.announcements:
            self._tell("up")
        self.down.clear()
        self.up.set()
        while True:
            await self._take(await link.receive(), link.packet)

    async def _greet(self):
        if self._subscriptions:
            await self._link.send(_greeting("subscribe", 1, [entry[:2] for entry in self._subscriptions]))
        for packet_id, (topic, payload) in enumerate(self.announcements.items(), 2):
            await self._link.publish(topic, payload, 1, True, packet_id)

    async def _take(self, kind, packet):
        if kind == packets.PUBLISH:
            await self._deliver(packet)
        elif kind == packets.PUBACK and packet.id == self._awaited:
            self._awaited = 0
            self._answer.set()
        elif kind == packets.PUBACK and packet.id == 1 + len(self.announcements):
            self._tell("up")  # the broker has the last of what `_greet` sent
        elif kind == packets.SUBACK:
            refused = [entry[0] for entry, code in zip(self._subscriptions, packet.codes) if code & 0x80]
            if refused:
                self.last_error = "broker refuses to subscribe us to " + ", ".join(refused)

    async def _deliver(self, packet):
        if packet.payload is None:
            self.oversized += 1
            self.skipped(packet.topic)
        else:
            pending = self._sink(packet.topic, packet.payload, packet.retained)
            if pending is not None:
                await pending
        if packet.qos:
            await self._link.send(packets.puback(packet.id))

    def _buffer_for(self, topic):
        for pattern, _, sink, buffer in self._subscriptions:
            if packets.matches(pattern, topic):
                self._sink = sink
                return buffer
        return None

    async def _keep_alive(self):
        link, patience = self._link, self._patience_ms
        while True:
            await sleep_ms(patience // 6)
            if ms() - link.heard > patience:
                raise OSError("broker silent for {} s".format(patience // 1000))
            if self._awaited and self.connected and ms() - self._asked > patience:
                raise OSError("no PUBACK for {} s".format(patience // 1000))
            if self.connected:
                self._failures = 0
                if link.idle_ms() > patience // 3:
                    await link.send(packets.PINGREQ)
