"""INMP441 (InvenSense, DS-INMP441-00 rev. 1.1), a microphone on I2S: 24 bits in frames of 32, of which 16 are kept.

    "sensor": {"driver": "inmp441", "axes": 1, "rate_hz": 16000, "sck": 14, "ws": 25, "sd": 32, "lsb_per_g": 1161}

MicroPython's I2S fills a ring of `ibuf` bytes by DMA, in stereo whatever was asked for, and does not report when it is
full. What came between two windows is read and thrown away, and a window is discarded when more time passed between two
reads than the ring holds.
"""

from time import ticks_diff, ticks_us

import micropython
from board.monotonic import Microseconds

PIECE = 512  # readings at a time


def make(settings: dict, _board: dict):
    """As drivers/__init__.py says; "ring": bytes of the ring, 16384 where it is not given."""
    import asyncio

    from machine import I2S, Pin

    ring, rate = settings.get("ring", 16384), int(settings["rate_hz"])
    try:
        pins = {key: Pin(settings[key]) for key in ("sck", "ws", "sd")}
    except KeyError as error:
        raise ValueError("sensor: the pin {} is missing".format(error))
    bus = I2S(settings.get("id", 0), mode=I2S.RX, bits=32, format=I2S.MONO, rate=rate, ibuf=ring, **pins)
    return Inmp441(asyncio.StreamReader(bus), rate, ring)


class Inmp441:
    """`stream`: an asyncio.StreamReader on a machine.I2S of 32 bits, mono. ring: bytes of its ibuf.

    lsb_per_g is steps for 1 pascal here. The data sheet's -26 dBFS are the peak of a sine of 94 dB SPL, which is
    1 Pa as a root mean square and 1.41 Pa at its peak (InvenSense AN-1112).
    """

    AXES = axes = 1
    RATES = {8000: 0, 16000: 0, 22050: 0, 32000: 0, 44100: 0, 48000: 0}  # and what lies between: for the provisioning
    lsb_per_g = 1161
    limit = 32767

    def __init__(self, stream, rate_hz: float, ring: int = 16384) -> None:
        self._stream = stream
        self.rate_hz = rate_hz
        self.measured_hz = 0.0
        self._raw = bytearray(4 * PIECE)
        self._patience_us = int(1e6 * ring / 8 / rate_hz)  # stereo: 8 bytes a reading
        self._time = Microseconds()

    def renew(self) -> None:
        """Nothing to set up: the microphone has no registers."""

    async def read_into(self, samples) -> bool:
        """Fill the array('h'); False when the ring was full meanwhile."""
        await self._piece(self._patience_us, PIECE)
        self._time.restart()
        got, good = 0, True
        while got < len(samples):
            asked = ticks_us()
            count = await self._piece(0, min(PIECE, len(samples) - got))
            good = good and ticks_diff(ticks_us(), asked) < self._patience_us
            high_halves(self._raw, samples, got, count)
            got += count
            self._time.now()
        self.measured_hz = 1e6 * got / max(1, self._time.now())
        return good

    async def _piece(self, stale_us: int, most: int) -> int:
        """Readings fetched to the start of `_raw`; first, those that were there for up to `stale_us` are dropped."""
        view = memoryview(self._raw)[: 4 * most]
        dropped = 0
        while dropped * 1000000 < stale_us * self.rate_hz:
            dropped += await self._stream.readinto(memoryview(self._raw)) // 4
        filled = 0
        while filled < len(view):
            filled += await self._stream.readinto(view[filled:]) or 0
        return most


@micropython.viper
def high_halves(raw: ptr16, samples: ptr16, at: int, count: int):
    """The upper 16 of each 32 bits, little-endian, -> samples[at ...]."""
    samples = ptr16(int(samples) + 2 * at)
    while count:
        samples[0] = raw[1]
        raw = ptr16(int(raw) + 4)
        samples = ptr16(int(samples) + 2)
        count -= 1
