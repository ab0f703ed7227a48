"""One sensor on a wire, as its gateway speaks with it: numbers, pieces and reports of its own. Bytes in, bytes out."""

import asyncio
import random

from reedmesh.links.message import Message
from reedmesh.protocol import serial_message
from reedmesh.protocol.serial_message import ADDRESSED_PIECE, PIECE_LENGTH, Assembler

REPORTS = 16  # that may wait to be looked at


class Peer:
    """address: of the sensor; None: of all that speak version 1, which has none.

    number: of the message in flight; lock: held by whoever sends. old: whether it was last heard in version 1.
    """

    def __init__(self, address: int | None) -> None:
        self.address = address
        self.old = address is None
        self.lock = asyncio.Lock()
        self.reports: asyncio.Queue[tuple[int, int]] = asyncio.Queue(REPORTS)
        self._assembler = Assembler(length=PIECE_LENGTH if self.old else ADDRESSED_PIECE)
        self.number = random.randrange(1 << 16)  # noqa: S311 - tells one run's messages from the next's

    def cut(self, message: Message) -> list[bytes]:
        """The bodies of the next message; raises WireError when it is too long."""
        self.number = (self.number + 1) % (1 << 16)
        data = serial_message.pack_message(message.topic, message.payload, message.qos, message.retain)
        return serial_message.pieces(self.number, data, PIECE_LENGTH if self.old else ADDRESSED_PIECE)

    def outgoing(self, body: bytes) -> bytes:
        """A body as it goes out to it."""
        return body if self.old or self.address is None else serial_message.addressed(body, self.address, True)

    def take(self, body: bytes) -> tuple[bytes, bytes]:
        """The report that is due, and the message that is whole with this piece; b"" for none. Raises WireError."""
        number, missing, data = self._assembler.add(body)
        due = serial_message.pack_report(number, missing) if body[0] == serial_message.LAST else b""
        return due, data

    def reported(self, body: bytes) -> None:
        """It says what is missing of a message; raises WireError."""
        report = serial_message.unpack_report(body)
        if not self.reports.full():
            self.reports.put_nowait(report)
