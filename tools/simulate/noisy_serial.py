"""A serial line of two pseudo-terminals with noise between them: bits are flipped and bytes are dropped, both ways."""

import os
import random
import select
import termios
import threading
import tty
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def line(flips: float, drops: float, seed: int = 1) -> Iterator[tuple[str, str]]:
    """The devices at both ends, while the block runs. flips: of all bits, drops: of all bytes, as rates."""
    ends = [os.openpty(), os.openpty()]
    for _, device in ends:
        _make_like_a_uart(device)
    stop, stopped = os.pipe()
    ours = [end for end, _ in ends]
    thread = threading.Thread(target=_carry, args=(ours, stop, flips, drops, random.Random(seed)))
    thread.start()
    try:
        yield os.ttyname(ends[0][1]), os.ttyname(ends[1][1])
    finally:
        os.close(stopped)
        thread.join()
        for descriptor in (stop, *ours, *(device for _, device in ends)):
            os.close(descriptor)


def _make_like_a_uart(device: int) -> None:
    """Bytes as they are, and a read returns what is there: MicroPython's unix port would wait for all it asked for."""
    tty.setraw(device)
    attributes = termios.tcgetattr(device)
    attributes[6][termios.VMIN] = attributes[6][termios.VTIME] = 0
    termios.tcsetattr(device, termios.TCSANOW, attributes)


def _carry(ends: list[int], stop: int, flips: float, drops: float, chance: random.Random) -> None:
    while True:
        ready, _, _ = select.select([*ends, stop], [], [])
        if stop in ready:
            return
        for end in ready:
            data = os.read(end, 256)
            other = ends[1 - ends.index(end)]
            if stop in select.select([stop], [other], [])[0]:  # whoever should read it may have ended
                return
            os.write(other, damaged(data, flips, drops, chance))


def damaged(data: bytes, flips: float, drops: float, chance: random.Random) -> bytes:
    """`data` with bits flipped and bytes dropped at these rates."""
    kept = [byte for byte in data if chance.random() >= drops]
    return bytes(byte ^ sum(1 << bit for bit in range(8) if chance.random() < flips) for byte in kept)
