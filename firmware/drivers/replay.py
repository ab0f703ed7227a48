"""Replays a recording: readings come from a stream, at the pace at which somebody writes them.

    "sensor": {"driver": "replay", "axes": 3, "rate_hz": 200, "lsb_per_g": 4096}

The bus is an asyncio.StreamReader of little-endian int16, axis after axis, such as standard input:

    driver = Replay(asyncio.StreamReader(sys.stdin.buffer), axes=3, rate_hz=200, lsb_per_g=4096)
    await driver.read_into(samples)
"""

import uctypes


def make(settings: dict, _board: dict):
    """As drivers/__init__.py says; from standard input. "limit": magnitude of a clipped reading."""
    import asyncio
    import sys

    driver = Replay(
        asyncio.StreamReader(sys.stdin.buffer), settings["axes"], settings["rate_hz"], settings["lsb_per_g"]
    )
    driver.limit = settings.get("limit", 0)
    return driver


class Replay:
    """A transducer that has been recorded."""

    gapless = True
    limit = 0

    def __init__(self, bus, axes: int, rate_hz: float, lsb_per_g: float) -> None:
        self.axes = axes
        self.rate_hz = rate_hz
        self.measured_hz = 0.0  # it comes at whatever pace it is written
        self.lsb_per_g = lsb_per_g
        self._bus = bus

    def renew(self) -> None:
        """A stream cannot be set up anew."""

    async def read_into(self, samples) -> bool:
        """Fill the array('h') `samples`; raises EOFError where the recording ends."""
        size = 2 * len(samples)
        raw = memoryview(uctypes.bytearray_at(uctypes.addressof(samples), size))  # a burst may end inside a reading
        filled = 0
        while filled < size:
            count = await self._bus.readinto(raw[filled:])
            if count == 0:
                raise EOFError("the recording ended")
            filled += count or 0
        return True
