"""What time it is: by NTP (RFC 5905) once a server answered; until then, or without one, only how long ago things were.

A board's clock begins anew when it is switched on. A reset leaves it alone, so what NTP told once is known after it.
"""

import asyncio
import os
import socket
import time
from struct import unpack_from

PORT = 123
PATIENCE_MS, LOOK_MS = 2000, 20  # for an answer; between two looks for it
AGAIN_S, RETRY_S = 3600, 300  # until the next question, after an answer and without one
SINCE_1900 = 2208988800  # seconds until 1970
EPOCH = 946684800 if time.gmtime(0)[0] == 2000 else 0  # what this port's clock counts from
KNOWN = 1767225600  # 2026: a clock that says less was never set


class Clock:
    """set_clock(seconds since 1970): sets the board's own clock; a desktop's is right. server: an address, or None."""

    def __init__(self, set_clock=None, server: "str | None" = None, port: int = PORT) -> None:
        self._set_clock = set_clock
        self._server = server
        self._port = port
        self._ticks = time.ticks_ms()
        self._ms = 0

    def uptime(self) -> int:
        """Seconds since this was made. To be asked at least every five days: ticks begin anew after twelve."""
        now = time.ticks_ms()
        self._ms += time.ticks_diff(now, self._ticks)
        self._ticks = now
        return self._ms // 1000

    def now(self) -> int:
        """Seconds since 1970; 0 when nobody told."""
        seconds = int(time.time()) + EPOCH
        return seconds if seconds >= KNOWN else 0

    async def keep(self, link) -> None:
        """Ask the server now and then while the link is up; for ever."""
        while self._server:
            await link.up.wait()
            try:
                seconds = await ask(self._server, self._port)
            except OSError:
                await asyncio.sleep(RETRY_S)
                continue
            if self._set_clock:
                self._set_clock(seconds)
            await asyncio.sleep(AGAIN_S)


async def ask(server: str, port: int = PORT) -> int:
    """Seconds since 1970, as the server tells; raises OSError when it does not, or does not know. Nothing waits."""
    nonce = os.urandom(8)  # in place of our time, which we do not know: an answer to somebody else is not ours
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        line.setblocking(False)
        line.sendto(b"\x23" + bytes(39) + nonce, socket.getaddrinfo(server, port)[0][-1])  # version 4, client
        for _ in range(PATIENCE_MS // LOOK_MS):
            await asyncio.sleep_ms(LOOK_MS)
            try:
                answer = line.recv(48)
            except OSError:  # nothing yet
                continue
            if seconds := understood(answer, nonce):
                return seconds
        raise OSError("no time from " + server)
    finally:
        line.close()


def understood(answer: bytes, nonce: bytes) -> int:
    """Seconds since 1970 in a server's answer; 0 when it is none to our question, or from one that does not know."""
    if len(answer) < 48 or answer[24:32] != nonce or answer[0] & 7 != 4:
        return 0
    if answer[0] >> 6 == 3 or not 0 < answer[1] < 16:  # not synchronised
        return 0
    seconds = unpack_from(">I", answer, 40)[0]
    return seconds + (0 if seconds >> 31 else 1 << 32) - SINCE_1900  # the count begins anew in 2036


def on_board(server: "str | None") -> Clock:
    """With the clock of the board this runs on."""
    import machine

    def set_clock(seconds: int) -> None:
        year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds - EPOCH)[:8]
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    return Clock(set_clock, server)
