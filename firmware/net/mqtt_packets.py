"""MQTT 3.1.1 packets as bytes: those a sensor sends and those its broker answers. No I/O, no clock.

From the OASIS standard, mqtt-v3.1.1-os, whose section numbers stand beside what they explain: QoS 0 and 1, clean
sessions. Runs under MicroPython and CPython. Receiving is a loop that names buffers; whoever has the bytes fills them:

    packet = Incoming(small, buffer_for)
    for view in packet.parts():
        ...fill view with the next len(view) bytes...
    packet.kind, packet.id, packet.topic, packet.payload...

What is said once a connection, CONNECT and SUBSCRIBE, is in `mqtt_greeting.py`.
"""

from struct import pack, pack_into

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP = 2, 3, 4, 9, 13  # 2.2.1, in the upper half of a packet's first byte
PINGREQ = b"\xc0\x00"
DISCONNECT = b"\xe0\x00"

MAX_TOPIC = 256  # bytes; the longest of ours has 239 (wire.py: eight names of at most 32)
MAX_HEAD = 1 + 4 + 2 + MAX_TOPIC + 2  # of a PUBLISH: type, remaining length, topic and its length, id
MAX_REMAINING = 268435455  # four bytes of seven bits, 2.2.3


class MqttError(OSError):
    """The broker refused us, or sent what is not MQTT 3.1.1: this connection is of no more use."""


def puback(packet_id: int) -> bytes:
    """PUBACK of the message received as `packet_id` (3.4)."""
    return pack(">BBH", 0x40, 2, packet_id)


def publish(into, topic: str, size: int, qos=0, retain=False, packet_id=0, again=False) -> int:
    """Write the head of a PUBLISH (3.3) into `into`, at least MAX_HEAD bytes; returns its length. The payload follows.

    size: the payload's bytes. again: this packet_id was sent before (DUP). ValueError for a topic of 0 or > 256 bytes.
    """
    name = topic.encode()
    if not 0 < len(name) <= MAX_TOPIC:
        raise ValueError("topic of {} bytes, 1 to {} can be published".format(len(name), MAX_TOPIC))
    into[0] = 0x30 | again << 3 | qos << 1 | retain
    end = put_length(into, 1, 2 + len(name) + (2 if qos else 0) + size)
    pack_into(">H", into, end, len(name))
    into[end + 2 : end + 2 + len(name)] = name
    end += 2 + len(name)
    if qos:
        pack_into(">H", into, end, packet_id)
        end += 2
    return end


class Incoming:
    """The packet being received; each overwrites the one before, so that receiving needs no memory of its own.

    kind: one of the constants above. id: of a PUBACK, SUBACK or QoS 1 PUBLISH. codes: what a CONNACK or SUBACK says.
    topic, qos, retained, payload: of a PUBLISH; the payload is a slice of the buffer that `buffer_for(topic)` gave, or
    None when that gave None or was too small: then the message was read over.

    small: memoryview of the buffer for all other packets; buffer_for may give it too.
    """

    def __init__(self, small: memoryview, buffer_for) -> None:
        self._small = small
        self._head = memoryview(bytearray(MAX_TOPIC))
        self._buffer_for = buffer_for

    def parts(self):
        """Yield, in order, the memoryviews that one packet's bytes belong in; MqttError when they make no sense."""
        head = self._head
        yield head[:2]
        first, size, shift = head[0], head[1] & 0x7F, 7
        while head[1] & 0x80:
            if shift == 28:
                raise MqttError("remaining length of more than four bytes")
            yield head[1:2]
            size |= (head[1] & 0x7F) << shift
            shift += 7
        self.kind = first >> 4
        yield from (self._publish(first & 15, size) if self.kind == PUBLISH else self._answer(first & 15, size))

    def _answer(self, flags, size):
        least, most = {CONNACK: (2, 2), PUBACK: (2, 2), SUBACK: (3, len(self._small)), PINGRESP: (0, 0)}.get(
            self.kind, (1, 0)
        )
        if flags or not least <= size <= most:
            raise MqttError("packet of type {}, flags {}, {} bytes from a broker".format(self.kind, flags, size))
        body = self._small[:size]
        yield body
        if self.kind in (PUBACK, SUBACK):
            self.id = body[0] << 8 | body[1]
        self.codes = body[1:] if self.kind == CONNACK else body[2:]

    def _publish(self, flags, size):
        head = self._head
        self.qos, self.retained, self.payload = flags >> 1 & 3, bool(flags & 1), None
        size -= 4 if self.qos else 2
        if self.qos > 1 or size < 1:
            raise MqttError("PUBLISH at QoS {} that ends before its topic".format(self.qos))
        yield head[:2]
        length = head[0] << 8 | head[1]
        size -= length
        if not length or size < 0:
            raise MqttError("PUBLISH whose topic of {} bytes is {} longer than itself".format(length, -size))
        yield from self._topic(length)
        if self.qos:
            yield head[:2]
            self.id = head[0] << 8 | head[1]
        buffer = self._buffer_for(self.topic) if self.topic else None
        if buffer is None or size > len(buffer):
            yield from self._read_over(size)
        else:
            self.payload = buffer[:size]
            yield self.payload

    def _topic(self, length):
        self.topic = ""
        if length > MAX_TOPIC:
            yield from self._read_over(length)
            return
        yield self._head[:length]
        try:
            self.topic = str(self._head[:length], "utf-8")
        except UnicodeError:
            raise MqttError("PUBLISH whose topic is not UTF-8") from None

    def _read_over(self, size):
        while size > 0:
            part = self._small[: min(size, len(self._small))]
            yield part
            size -= len(part)


def matches(pattern: str, topic: str) -> bool:
    """Whether `topic` falls under the filter `pattern`: + is any one level, a last # that level and all below (4.7)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted.pop()
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(name in ("+", level) for name, level in zip(wanted, levels))


def put_length(into, at: int, length: int) -> int:
    """Write a remaining length (2.2.3) at `at` and return where it ends; ValueError when no packet can be so long."""
    if length > MAX_REMAINING:
        raise ValueError("packet of {} bytes, MQTT ends at {}".format(length, MAX_REMAINING))
    while length > 0x7F:
        into[at] = length & 0x7F | 0x80
        length >>= 7
        at += 1
    into[at] = length
    return at + 1
