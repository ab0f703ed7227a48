"""Frames on a wire that flips bits and drops bytes (UART, RS-485): found again after any damage, and mended.

A frame is a body of 1 to 234 bytes, its CRC-32 and 16 Reed-Solomon bytes that mend 8 wrong ones, all added (exclusive
or) to a byte value that does not occur among them, so that none is zero; then zero can stand at both ends of a frame,
and a flipped bit stays one wrong byte. (COBS, the usual way to free zero, chains pointers through the frame: one wrong
bit in one of them spoils many bytes.) The value goes ahead three times, and the majority of its bits holds.

Runs under CPython and MicroPython; what bodies carry is in `serial_message.py`.
"""

from binascii import crc32
from struct import pack

from .frame_ecc import PARITY, correct, parity
from .wire import WireError

END = b"\0"
COPIES = 3  # of the mask
FIRST_MASK = 0xAA  # far in bits from 0 and 255, which are common, so that no single flip makes a zero of them
CRC = 4
LONGEST_WORD = 254  # has at most 254 values, so that one but zero is free
LONGEST_BODY = LONGEST_WORD - CRC - PARITY
SHORTEST = COPIES + 1 + CRC + PARITY


def frame(body: bytes) -> bytes:
    """Return the bytes on the wire for a body of 1 to 234 bytes; raises WireError for another size.

    >>> Deframer().feed(b"noise" + frame(b"one") + frame(b"two"))
    [b'one', b'two']
    """
    if not 0 < len(body) <= LONGEST_BODY:
        raise WireError("frame: a body of {} bytes, 1 to {} were expected".format(len(body), LONGEST_BODY))
    word = body + pack("<I", crc32(body))
    word += parity(word)
    used = set(word)
    mask = FIRST_MASK
    while mask in used:
        mask = mask % 255 + 1
    return END + bytes([mask] * COPIES) + _masked(word, mask) + END


class Deframer:
    """Finds the frames in a stream of bytes, cut anywhere. mended: bytes so far; lost: frames that were beyond it."""

    def __init__(self) -> None:
        self.mended = 0
        self.lost = 0
        self._part = bytearray()

    def feed(self, data: bytes) -> "list[bytes]":
        """The bodies of all frames that end in `data`; keeps what has not ended, 257 bytes at most."""
        bodies: "list[bytes]" = []
        start = 0
        while True:
            end = data.find(END, start)
            self._keep(data[start:] if end < 0 else data[start:end])
            if end < 0:
                return bodies
            body = self._end()
            if body:
                bodies.append(body)
            start = end + 1

    def _keep(self, data: bytes) -> None:
        room = (
            COPIES + LONGEST_WORD + 1 - len(self._part)
        )  # one more than a frame, so that a longer one is seen as such
        self._part.extend(data[:room])

    def _end(self) -> bytes:
        part, self._part = self._part, bytearray()
        if not part:
            return b""  # between the end of one frame and the beginning of the next
        try:
            return self._body(part)
        except WireError:
            self.lost += 1
            return b""

    def _body(self, part: bytearray) -> bytes:
        if not SHORTEST <= len(part) <= COPIES + LONGEST_WORD:
            raise WireError("frame: {} bytes".format(len(part)))
        a, b, c = part[:COPIES]
        word = bytearray(_masked(part[COPIES:], a & b | a & c | b & c))
        if not _is_right(word):
            mended = correct(word)
            if not _is_right(word):
                raise WireError("frame: wrong CRC")
            self.mended += mended
        return bytes(word[: -CRC - PARITY])


def _is_right(word: bytearray) -> bool:
    end = len(word) - CRC - PARITY
    return bytes(word[end : end + CRC]) == pack("<I", crc32(word[:end]))


def _masked(word: "bytes | bytearray", mask: int) -> bytes:
    return bytes(byte ^ mask for byte in word)
