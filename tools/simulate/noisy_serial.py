"""Serial lines of pseudo-terminals with noise between them: bits are flipped and bytes are dropped, both ways."""

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
    with bus(2, flips, drops, seed, echo=False) as (ours, theirs):
        yield ours, theirs


@contextmanager
def bus(
    count: int, flips: float = 0.0, drops: float = 0.0, seed: int = 1, echo: bool = True
) -> Iterator[tuple[str, ...]]:
    """Devices that share two wires, while the block runs: each hears what any sends; itself too, with `echo`."""
    ends = [os.openpty() for _ in range(count)]
    for _, device in ends:
        _make_like_a_uart(device)
    stop, stopped = os.pipe()
    ours = [end for end, _ in ends]
    thread = threading.Thread(target=_carry, args=(ours, stop, flips, drops, random.Random(seed), echo))
    thread.start()
    try:
        yield tuple(os.ttyname(device) for _, device in ends)
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


def _carry(ends: list[int], stop: int, flips: float, drops: float, chance: random.Random, echo: bool) -> None:
    while True:
        ready, _, _ = select.select([*ends, stop], [], [])
        if stop in ready:
            return
        for end in ready:
            data = damaged(os.read(end, 256), flips, drops, chance)
            for other in ends:
                if other == end and not echo:
                    continue
                if stop in select.select([stop], [other], [])[0]:  # whoever should read it may have ended
                    return
                os.write(other, data)


def damaged(data: bytes, flips: float, drops: float, chance: random.Random) -> bytes:
    """`data` with bits flipped and bytes dropped at these rates."""
    kept = [byte for byte in data if chance.random() >= drops]
    return bytes(byte ^ sum(1 << bit for bit in range(8) if chance.random() < flips) for byte in kept)
