"""The speed of a shaft from the spectrum of its vibration, where nobody has set it, with its uncertainty. Pure.

Imbalance, misalignment and looseness show at once, twice and three times the shaft's speed (ISO 13373-3, annex B). A
sensor tells only the power in bands, so each of the three peaks says between which speeds the shaft turns; what all
three allow is the estimate. Where not all three stand out on one axis nothing is said.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import median

from reedmesh.inference.vibration import Band

LOWEST, HIGHEST = 4.0, 200.0  # Hz: 240 to 12 000 1/min
ORDERS = (2, 3)  # that must stand out beside the first
STANDS_OUT = 6.0  # dB above the bands around it, from which a band has a peak
AROUND = 3  # bands on either side that it is compared with


@dataclass(frozen=True)
class Speed:
    """A shaft's speed in Hz lies between low and high; hz is the middle."""

    low: float
    high: float

    @property
    def hz(self) -> float:
        """The middle of what is possible."""
        return (self.low + self.high) / 2

    @property
    def slack(self) -> float:
        """Share of `hz` by which it may be off."""
        return (self.high - self.low) / 2 / self.hz


def estimate(axes: Iterable[Sequence[Band]]) -> Speed | None:
    """The narrowest estimate of any axis. axes: the bands of each, by frequency."""
    found = [each for bands in axes for each in _of(bands)]
    return min(found, key=lambda each: each.slack, default=None)


def _of(bands: Sequence[Band]) -> list[Speed]:
    """What one axis says: the lowest speed whose three orders all have a peak, for 2x may itself have a 2x."""
    leak = (bands[0].high - bands[0].low) / 2 if bands else 0.0  # half a line of the FFT: a tone shows beside it, too
    peaks = [_wider(band, leak) for i, band in enumerate(bands) if _is_peak(bands, i)]
    for first in peaks:
        others = [[each for each in peaks if each is not first and _part(first, each, order)] for order in ORDERS]
        spans = [_common([first, *chosen]) for chosen in product(*others)]
        if good := [each for each in spans if each and each.low >= LOWEST and each.high <= HIGHEST]:
            return [min(good, key=lambda each: each.slack)]
    return []


def _wider(band: Band, leak: float) -> Band:
    return Band(max(0.0, band.low - leak), band.high + leak, band.decibels)


def _is_peak(bands: Sequence[Band], i: int) -> bool:
    """Whether a band's power stands out of those around it, and no neighbour has more."""
    around = [band.decibels for band in bands[max(0, i - AROUND) : i + AROUND + 1]]
    beside = [band.decibels for band in (*bands[max(0, i - 1) : i], *bands[i + 1 : i + 2])]
    return bands[i].decibels - median(around) >= STANDS_OUT and all(bands[i].decibels >= each for each in beside)


def _part(first: Band, other: Band, order: int) -> bool:
    return max(first.low, other.low / order) < min(first.high, other.high / order)


def _common(chosen: Sequence[Band]) -> Speed | None:
    """The speeds that all peaks allow, chosen: those of the first, second and third order."""
    low = max(band.low / (i + 1) for i, band in enumerate(chosen))
    high = min(band.high / (i + 1) for i, band in enumerate(chosen))
    return Speed(low, high) if low < high else None
