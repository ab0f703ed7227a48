"""One question to a time server (RFC 5905), loaded when it is asked: once an hour."""

import asyncio
import os
import socket
from struct import unpack_from

PORT = 123
PATIENCE_MS, LOOK_MS = 2000, 20  # for an answer; between two looks for it
SINCE_1900 = 2208988800  # seconds until 1970


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
