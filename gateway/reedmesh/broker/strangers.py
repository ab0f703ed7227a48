"""Connections that have not logged in yet: few at a time, and not for long, so that they keep nobody else out.

amqtt waits for a login without end. Who opens connections and says nothing would take all that a process may have open,
files among them.
"""

import asyncio
from typing import Protocol

MOST = 100  # at a time; of more the oldest is hung up on
SECONDS = 10.0  # until somebody must have logged in


class Writer(Protocol):
    """What a connection is hung up by."""

    @property
    def transport(self) -> asyncio.WriteTransport:
        """What is below it."""
        ...


class Strangers:
    """Of one broker."""

    def __init__(self) -> None:
        self._waiting: dict[Writer, asyncio.TimerHandle] = {}  # in the order in which they came

    def __len__(self) -> int:
        return len(self._waiting)

    def come(self, writer: Writer) -> None:
        """Somebody has connected."""
        loop = asyncio.get_running_loop()
        self._waiting[writer] = loop.call_later(SECONDS, self._hang_up, writer)
        if len(self._waiting) > MOST:
            self._hang_up(next(iter(self._waiting)))

    def leave(self, writer: Writer) -> None:
        """It has logged in, or is gone."""
        if timer := self._waiting.pop(writer, None):
            timer.cancel()

    def close(self) -> None:
        """Hang up on all of them."""
        for each in list(self._waiting):
            self._hang_up(each)

    def _hang_up(self, writer: Writer) -> None:
        self.leave(writer)
        writer.transport.abort()
