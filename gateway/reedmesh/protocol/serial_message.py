"""The content of frames on a serial line: pieces of MQTT messages, reports of missing pieces, and shards.

Since version 2 each body says which sensor it is from or for, and whether the gateway sent it: an adapter may hand back
what it sends, and several sensors may share two wires. A body of version 1 has neither; its pieces are 4 bytes longer.

A message is cut into pieces. One at QoS 0 is sent once. At QoS 1 its last piece asks for a report, which says what is
missing; that is sent again, until nothing is. Shards travel alone, in a profile of 4 bytes instead of 24: everything
else about them is in their bundle's manifest. What a sensor with a key says ends with a tag under that key: whoever
holds the end of the wire is not that sensor. Runs under CPython and MicroPython; docs/protocol.md has every byte.
"""

from binascii import crc32
from hmac import digest
from struct import calcsize, pack, unpack_from

from .serial_frame import LONGEST_BODY
from .shards import INDICES, Shape, Shard
from .wire import WireError

# What a body is, in its first byte.
PIECE, LAST, REPORT, SHARD = 0, 1, 2, 3  # LAST: a piece whose sender waits for a report

VERSION_2, FROM_GATEWAY = 32, 16  # beside the kind, in the first byte of a body; then follows
_ADDRESS = "<I"  # whom it is from or for
EVERYBODY = 0  # an address
_PIECE = "<BHBB"  # kind, message, piece, pieces
_REPORT = "<BHQ"  # kind, message, missing: bit i is set when piece i is
_SHARD = "<BBBB"  # kind, first byte of the bundle, block, index
_TOPIC = "<BB"  # flags: QoS, 2 for retain, and TAGGED; length of the topic
TAGGED, TAG = 4, 8  # the last bytes of the message are a tag, so many of them
_PURPOSE = b"reedmesh wire\0"
PIECE_LENGTH = LONGEST_BODY - calcsize(_PIECE)
MOST_PIECES = 64
LONGEST_MESSAGE = MOST_PIECES * PIECE_LENGTH
LONGEST_SHARD = (LONGEST_BODY - calcsize(_SHARD)) // 4 * 4
ADDRESSED_PIECE, ADDRESSED_SHARD = 225, 224  # bytes of a piece, and of a shard, in version 2


def address(topic: str) -> int:
    """The address of the sensor that a topic is of: the CRC-32 of `reedmesh/<gateway>/<sensor>`, never EVERYBODY's."""
    return crc32("/".join(topic.split("/")[:3]).encode()) or 1


def addressed(body: bytes, whose: int, from_gateway: bool) -> bytes:
    """The body in version 2."""
    return bytes([body[0] | VERSION_2 | (FROM_GATEWAY if from_gateway else 0)]) + pack(_ADDRESS, whose) + body[1:]


def unaddressed(body: bytes) -> "tuple[int | None, bool, bytes]":
    """Whose a body is, None in version 1, whether the gateway sent it, and the body without that. Raises WireError."""
    first = body[0]
    if first <= SHARD:
        return None, False, body
    if first & ~(FROM_GATEWAY | SHARD) != VERSION_2 or len(body) <= calcsize(_ADDRESS) + 1:
        raise WireError("body: kind {:#x}, {} bytes".format(first, len(body)))
    (whose,) = unpack_from(_ADDRESS, body, 1)
    return whose, bool(first & FROM_GATEWAY), bytes([first & SHARD]) + body[calcsize(_ADDRESS) + 1 :]


def pieces(number: int, message: bytes, length: int = PIECE_LENGTH) -> "list[bytes]":
    """The bodies of message `number`, 0..65535, in pieces of `length`; raises WireError when empty or too long."""
    count = -(-len(message) // length)
    if not 0 < count <= MOST_PIECES:
        raise WireError("message: {} bytes, {} are the most".format(len(message), MOST_PIECES * length))
    cut = [message[i * length : (i + 1) * length] for i in range(count)]
    return [pack(_PIECE, PIECE, number, i, count) + cut[i] for i in range(count)]


def asking(piece: bytes) -> bytes:
    """The same piece, now asking for a report: its type byte says LAST."""
    return bytes([LAST]) + piece[1:]


class Assembler:
    """Puts messages together from pieces of `length` in any order; the two newest, of `longest` bytes each at most."""

    def __init__(self, longest: int = LONGEST_MESSAGE, length: int = PIECE_LENGTH) -> None:
        self._length = length
        self._most = min(MOST_PIECES, -(-longest // length))
        self._parts: "list[tuple[int, int, dict[int, bytes]]]" = []

    def add(self, body: bytes) -> "tuple[int, int, bytes]":
        """Number, bitmap of the missing pieces and, if that is 0, the bytes of the message a PIECE or LAST belongs to.

        Raises WireError when it does not fit. A message is forgotten once it is whole: one that comes again, because a
        report was lost, is put together again.
        """
        if len(body) <= calcsize(_PIECE):
            raise WireError("piece: {} bytes".format(len(body)))
        _, number, piece, count = unpack_from(_PIECE, body, 0)
        data = body[calcsize(_PIECE) :]
        if not piece < count <= self._most or (piece < count - 1 and len(data) != self._length):
            raise WireError("piece: {} of {}, {} bytes".format(piece, count, len(data)))
        held = self._of(number, count)
        held[piece] = data
        missing = sum(1 << i for i in range(count) if i not in held)
        if missing:
            return number, missing, b""
        self._parts = [part for part in self._parts if part[2] is not held]
        return number, 0, b"".join([held[i] for i in range(count)])

    def _of(self, number: int, count: int) -> "dict[int, bytes]":
        for part in self._parts:
            if part[:2] == (number, count):
                return part[2]
        self._parts = self._parts[-1:] + [(number, count, {})]
        return self._parts[-1][2]


def pack_report(number: int, missing: int) -> bytes:
    """The body that answers LAST: number of the message, 0..65535, and bitmap of its missing pieces."""
    return pack(_REPORT, REPORT, number, missing)


def unpack_report(body: bytes) -> "tuple[int, int]":
    """Number of the message, 0..65535, and bitmap of its missing pieces; raises WireError for another length."""
    if len(body) != calcsize(_REPORT):
        raise WireError("report: {} bytes".format(len(body)))
    _, number, missing = unpack_from(_REPORT, body, 0)
    return number, missing


def pack_message(topic: str, payload: bytes, qos: int, retain: bool, key: "bytes | None" = None) -> bytes:
    """An MQTT message as bytes, with a tag under `key` if there is one; raises WireError when it is too long."""
    name = topic.encode()
    message = pack(_TOPIC, qos | retain << 1 | (TAGGED if key else 0), min(len(name), 255)) + name + payload
    if key:
        message += _tag(message, key)
    if len(name) > 255 or len(message) > LONGEST_MESSAGE:
        raise WireError("message: {} bytes, {} are the most".format(len(message), LONGEST_MESSAGE))
    return message


def unpack_message(message: bytes) -> "tuple[str, bytes, int, bool]":
    """Topic, payload in bytes, QoS (0 or 1) and retain flag, whatever its tag; raises WireError for one cut short."""
    tag = TAG if message and message[0] & TAGGED else 0
    if len(message) < calcsize(_TOPIC) or message[0] > 7 or len(message) < calcsize(_TOPIC) + message[1] + tag:
        raise WireError("message: {} bytes do not fit".format(len(message)))
    end = calcsize(_TOPIC) + message[1]
    try:
        topic = bytes(message[calcsize(_TOPIC) : end]).decode()
    except UnicodeError:
        raise WireError("message: its topic is not UTF-8") from None
    return topic, message[end : len(message) - tag], message[0] & 1, bool(message[0] & 2)


def is_tagged(message: bytes) -> bool:
    """Whether a message that was unpacked ends with a tag."""
    return bool(message[0] & TAGGED)


def is_tagged_by(message: bytes, key: bytes) -> bool:
    """Whether its tag is one under `key`."""
    wanted, wrong = _tag(message[:-TAG], key), 0
    for i in range(TAG):
        wrong |= wanted[i] ^ message[len(message) - TAG + i]
    return not wrong


def _tag(message: bytes, key: bytes) -> bytes:
    return digest(key, _PURPOSE + message, "sha256")[:TAG]


def pack_shard(shard: Shard) -> bytes:
    """The body of a shard of at most 228 bytes: what it is a shard of, only a manifest says."""
    if len(shard.data) > LONGEST_SHARD or shard.block > 255:
        raise WireError("shard: {} bytes of block {} do not fit".format(len(shard.data), shard.block))
    return pack(_SHARD, SHARD, shard.bundle[0], shard.block, shard.index) + bytes(shard.data)


def unpack_shard(body: bytes, bundle: bytes, shape: Shape) -> Shard:
    """The shard in `body`, bytes as `pack_shard` made them; raises WireError when bundle or shape are others."""
    start = calcsize(_SHARD)
    if len(body) != start + shape.shard_length or body[1] != bundle[0]:
        raise WireError("shard: {} bytes, or of another bundle".format(len(body)))
    block, index = body[2], body[3]
    if block >= shape.blocks or index >= INDICES:
        raise WireError("shard: index {}, block {} do not fit".format(index, block))
    return Shard(bundle, shape, block, index, memoryview(body)[start:])
