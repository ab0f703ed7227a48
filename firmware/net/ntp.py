"""What time it is: by NTP (RFC 5905) once a server answered; until then, or without one, only how long ago things were.

A board's clock begins in the year 2000 when it is switched on. TLS needs the date to check a certificate, so the server
is asked as soon as there is a network, before the link is up: NTP needs no TLS. Without an answer the clock is set to a
floor: the newest of when the firmware was built, when the settings were made, and the last time that was told, which is
kept in flash. That is late by as long as the board was off, but lies within a certificate's validity. A reset leaves
the clock alone, so what NTP told once is known after it.
"""

import asyncio
import json
import time

from board.lazy import load, release
from board.monotonic import ms
from boot_state import replace

PORT = 123
AGAIN_S, RETRY_S, FIRST_S = 3600, 300, 5  # until the next question: after an answer, without one at most and at first
KEEP_S = 86400  # between two writes of the time to flash, which wears out
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0  # what this port's clock counts from
KNOWN = 1767225600  # 2026: a clock that says less was never set
FILE = "time.json"
TOLD = b"reedmesh told"  # in memory that a reset leaves alone: the clock was right before it


class Clock:
    """set_clock(seconds since 1970): sets the board's own clock; None: it is right, as a desktop's is. server: an
    address, or None. path: of the file that keeps the time. floor: it cannot be earlier. told: whether the clock is
    right already. note(): called when it is.
    """

    def __init__(self, set_clock=None, server=None, port: int = PORT, path="", floor: int = 0, told=True, note=None):
        self._set_clock = set_clock
        self._server = server
        self._port = port
        self._path = path
        self._note = note
        self._began = ms()
        self._kept = 0
        self.told = told
        if not told:
            self._kept = self._read()
            floor = max(floor, self._kept)
            if set_clock and floor > int(time.time()) + EPOCH:
                set_clock(floor)

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
                self._take(await self._ask())
                await asyncio.sleep(AGAIN_S)
            except OSError:
                await asyncio.sleep(RETRY_S if link.up.is_set() else wait)
                wait = min(2 * wait, RETRY_S)

    async def _ask(self) -> int:
        """The server's answer; what asks is loaded for that and let go. Raises OSError."""
        try:
            return await load("net.ntp_question").ask(self._server, self._port)
        except MemoryError as error:
            raise OSError(str(error))
        finally:
            release("net.ntp_question")

    def _take(self, seconds: int) -> None:
        if self._set_clock:
            self._set_clock(seconds)
        if not self.told:
            self.told = True
            if self._note:
                self._note()
        if self._path and seconds - self._kept >= KEEP_S:
            self._kept = seconds
            try:
                replace(self._path, seconds)
            except OSError as error:
                print(FILE, error)

    def _read(self) -> int:
        """The time in flash; 0 when there is none."""
        try:
            with open(self._path) as file:
                kept = json.load(file)
        except (OSError, ValueError):
            return 0
        return kept if isinstance(kept, int) and KNOWN <= kept < 1 << 32 else 0


def on_board(server: "str | None", folder: str, floor: int) -> Clock:
    """With the clock of the board this runs on. floor: seconds since 1970 that it cannot be earlier than."""
    import machine

    rtc = machine.RTC()
    memory = getattr(rtc, "memory", bytes)  # an ESP32 has 2 KiB that only a power cut clears

    def set_clock(seconds: int) -> None:
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds - EPOCH)[:8]
        rtc.datetime((year, month, day, weekday, hour, minute, second, 0))

    def note() -> None:
        if memory is not bytes:
            memory(TOLD)

    return Clock(set_clock, server, PORT, folder + "/" + FILE, floor, bytes(memory()) == TOLD, note)
