"""What time it is: by NTP (RFC 5905) once a server answered; until then, or without one, only how long ago things were.

A board's clock begins in the year 2000 when it is switched on. TLS needs the date to check a certificate, so the server
is asked as soon as there is a network, before the link is up: NTP needs no TLS. Without an answer the clock is set to a
floor: the newest of when the firmware was built, when the settings were made, and the last time that was told, which is
kept in flash. That is late by as long as the board was off, but lies within a certificate's validity. A reset leaves
the clock alone, so what NTP told once is known after it. `clock_floor.py` sets the floor, at the start.
"""

import asyncio
import time

from board.lazy import load, release
from board.monotonic import ms

PORT = 123
AGAIN_S, RETRY_S, FIRST_S = 3600, 300, 5  # until the next question: after an answer, without one at most and at first
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0  # what this port's clock counts from
KNOWN = 1767225600  # 2026: a clock that says less was never set
_QUESTION = "net.ntp_question"


class Clock:
    """rtc: machine.RTC(), which is set by what the server says; None: the clock is right, as a desktop's is. server: an
    address, or None. path: of the file that keeps the time; kept: what it says. told: whether the clock is right
    already.
    """

    def __init__(self, rtc=None, server=None, port: int = PORT, path: str = "", kept: int = 0, told: bool = True):
        self.rtc = rtc
        self.path = path
        self.kept = kept
        self.told = told
        self._server = server
        self._port = port
        self._began = ms()

    def uptime(self) -> int:
        """Seconds since this was made."""
        return (ms() - self._began) // 1000

    def now(self) -> int:
        """Seconds since 1970; 0 when nobody told."""
        seconds = int(time.time()) + EPOCH
        return seconds if self.told and seconds >= KNOWN else 0

    async def keep(self, link) -> None:
        """Ask the server now and then: at once, for the link may need the answer; soon again until there is one."""
        wait = FIRST_S
        while self._server:
            try:
                await self._ask()
                await asyncio.sleep(AGAIN_S)
            except OSError:
                await asyncio.sleep(RETRY_S if link.up.is_set() else wait)
                wait = min(2 * wait, RETRY_S)

    async def _ask(self) -> None:
        """Set the clock by the server's answer; what asks is loaded for that and let go. Raises OSError."""
        try:
            question = load(_QUESTION)
            question.take(self, await question.ask(self._server, self._port))
        except MemoryError as error:
            raise OSError(str(error))
        finally:
            question = None
            release(_QUESTION)
