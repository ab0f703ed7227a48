"""Ports of the loopback that are free, and stay so until their server comes."""

import random
import socket
from contextlib import suppress

LOWEST, HIGHEST = 20_000, 32_000  # below those that outgoing connections get: 32768 on, under Linux


def free_port() -> int:
    """A port of 127.0.0.1 that nobody uses, nor gets from here until this process ends.

    From the range of outgoing connections, one of them might sit on it when its server comes, or comes again. The twin
    of UDP is held for good: so every other process that asks here knows that the port is taken.
    """
    while True:
        with socket.socket() as trial, socket.socket(type=socket.SOCK_DGRAM) as mark, suppress(OSError):
            port = random.randint(LOWEST, HIGHEST)
            trial.bind(("127.0.0.1", port))
            mark.bind(("127.0.0.1", port))
            mark.detach()  # stays open, and nobody closes it
            return port


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody else gets."""
    return [free_port() for _ in range(count)]
