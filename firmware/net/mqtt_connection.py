"""One connection to an MQTT broker: whole packets, out of preallocated buffers and into them; OSError when it ends.

Who keeps connecting, and what the packets are for, is `mqtt.py`'s; what they look like is `mqtt_packets.py`'s.
"""

import asyncio
from asyncio import sleep_ms

from board.monotonic import ms
from net import mqtt_packets as packets

OUT = 512  # bytes; a packet that fits goes out as one segment. At least packets.MAX_HEAD
BUSY_MS = 5  # between two looks at a socket that takes no more


class Link:
    """One connection at a time, over a MicroPython stream; made once, with its buffers, and opened again and again.

    small, buffer_for: as `mqtt_packets.Incoming` takes them. packet: the last one received. sent, heard: when the last
    byte went each way.
    """

    def __init__(self, small: memoryview, buffer_for) -> None:
        self.packet = packets.Incoming(small, buffer_for)
        self._out = memoryview(bytearray(OUT))
        self._sending = asyncio.Lock()
        self._broken = asyncio.Event()
        self._stream = self._socket = None
        self.begin()

    def begin(self) -> None:
        """Count silence from now, and forget how the last connection ended."""
        self.sent = self.heard = ms()
        self._broken.clear()

    def open(self, stream) -> None:
        """Take over a connected stream."""
        self._stream, self._socket = stream, stream.s
        try:  # Else a packet may wait 40 ms for the acknowledgement of the one before it. IPPROTO_TCP, TCP_NODELAY
            stream.s.setsockopt(6, 1, 1)
        except (AttributeError, OSError):
            pass  # a TLS socket hides the option

    def close(self) -> None:
        """Drop the connection without a word; the broker publishes the will."""
        self.abandon()
        if self._stream:
            self._stream.s.close()
            self._stream = None

    def abandon(self) -> None:
        """Send no more, and make `ended` raise."""
        self._socket = None
        self._broken.set()

    async def ended(self):
        """Wait until sending has failed, then raise OSError; `receive` raises of itself."""
        await self._broken.wait()
        raise OSError("connection lost while sending")

    async def receive(self) -> int:
        """Wait for the next packet, leave it in `packet` and return its kind."""
        for view in self.packet.parts():
            while view:
                count = await self._stream.readinto(view)
                if count == 0:
                    raise OSError("connection closed by the broker")
                self.heard = ms()
                view = view[count or 0 :]  # None: a TLS record is not complete yet
        return self.packet.kind

    def idle_ms(self) -> int:
        """How long nothing has gone out, or nothing come in; 0 while something is going out."""
        return 0 if self._sending.locked() else ms() - min(self.sent, self.heard)

    async def send(self, packet: bytes) -> None:
        """Send a packet that is ready."""
        async with self._sending:
            await self._write(packet)

    async def publish(self, topic: str, payload, qos=0, retain=False, packet_id=0, again=False) -> None:
        """Send a PUBLISH: head and as much payload as fits out of one buffer, the rest straight out of `payload`."""
        payload = memoryview(payload)
        async with self._sending:
            head = packets.publish(self._out, topic, len(payload), qos, retain, packet_id, again)
            first = min(len(payload), OUT - head)
            self._out[head : head + first] = payload[:first]
            await self._write(self._out[: head + first], payload[first:])

    async def _write(self, *views) -> None:
        # Looks again instead of awaiting a poll: not on every port does closing a socket wake who waits to write to it.
        socket = self._socket
        if not socket:
            raise OSError("not connected")
        try:
            for view in views:
                while view:
                    count = socket.write(view)
                    if not count:
                        await sleep_ms(BUSY_MS)
                    view = view[count or 0 :]
        except ValueError as error:  # the handshake's word for a certificate that is not the broker's
            self.abandon()
            raise OSError(str(error).strip())
        except BaseException:
            if socket is self._socket:
                self.abandon()  # half a packet is out, even if only the caller was cancelled
            raise
        self.sent = ms()
        await sleep_ms(0)  # a caller that publishes in a loop must not keep the others from running
