"""One question to a time server (RFC 5905), loaded when it is asked: once an hour."""

import asyncio
import os
import socket
import time
from struct import unpack_from

from boot_state import replace
from net.ntp import EPOCH

PORT = 123
PATIENCE_MS, LOOK_MS = 2000, 20  # for an answer; between two looks for it
SINCE_1900 = 2208988800  # seconds until 1970
KEEP_S = 86400  # between two writes of the time to flash, which wears out
TOLD = b"reedmesh told"  # in memory that a reset leaves alone: the clock was right before it


async def ask(server: str, port: int = PORT) -> int:
    """Seconds since 1970, as the server tells; raises OSError when it does not, or does not know. Nothing waits.

    server: an address, which may have a port of its own: "10.0.0.1:1123".
    """
    server, _, own = server.partition(":")
    port = int(own or port)
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


def take(clock, seconds: int) -> None:
    """The server said what time it is: set the board's clock, and keep the time once a day."""
    if clock.rtc:
        set_clock(clock.rtc, seconds)
    if not clock.told:
        clock.told = True
        if hasattr(clock.rtc, "memory"):  # an ESP32 has 2 KiB that only a power cut clears
            clock.rtc.memory(TOLD)
    if clock.path and seconds - clock.kept >= KEEP_S:
        clock.kept = seconds
        try:
            replace(clock.path, seconds)
        except OSError as error:
            print(clock.path, error)


def set_clock(rtc, seconds: int) -> None:
    """Seconds since 1970 -> machine.RTC."""
    year, month, day, hour, minute, second, weekday, _ = time.gmtime(seconds - EPOCH)[:8]
    rtc.datetime((year, month, day, weekday, hour, minute, second, 0))
