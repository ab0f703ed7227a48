"""Vibration severity as standards have it: velocity RMS in mm/s from the power in bands, and its zone. Pure.

Readings never leave a sensor, so velocity is integrated from the bands of its acceleration: a band of power P (m/s²)²
between f1 and f2 that is spread evenly has the velocity power P / (4 pi² f1 f2). A single tone may stand anywhere in
its band: the bounds given are those of tones at its ends.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

G = 9.80665  # m/s², standard gravity
LOW, HIGH = 10.0, 1000.0  # Hz: where ISO 20816-1, 4.2 has broad-band vibration of machines measured
ZONES = "ABCD"
# Zone boundaries A/B, B/C, C/D in mm/s RMS: ISO 10816-1:1995, annex B, by class; ISO 20816-1:2016, annex C gives ranges
# that contain them. I: up to 15 kW; II: up to 75 kW; III: large, on a rigid foundation; IV: large, on a soft one.
CLASSES = {"I": (0.71, 1.8, 4.5), "II": (1.12, 2.8, 7.1), "III": (1.8, 4.5, 11.2), "IV": (2.8, 7.1, 18.0)}


@dataclass(frozen=True)
class Band:
    """Power in a band. decibels: re 1 count²; low, high: Hz, 0 < low < high."""

    low: float
    high: float
    decibels: float


@dataclass(frozen=True)
class Velocity:
    """RMS in mm/s, with bounds that hold wherever tones stand in their bands. first, last: Hz, what was measured."""

    mm_s: float
    least: float
    most: float
    first: float
    last: float


def velocity(bands: Sequence[Band], lsb_per_g: float) -> Velocity | None:
    """Velocity of one axis, from bands of acceleration; None when none lies in LOW to HIGH, or the scale is unknown."""
    inside = [(each, *_part(each)) for each in bands if lsb_per_g > 0 and _part(each)[1] > _part(each)[0]]
    if not inside:
        return None
    scale = (1000.0 * G / lsb_per_g) ** 2  # (mm/s²)² of one count²
    mean = least = most = 0.0
    for band, low, high in inside:
        power = scale * 10 ** (band.decibels / 10) * (high - low) / (band.high - band.low) / (4 * math.pi**2)
        mean, least, most = mean + power / (low * high), least + power / high**2, most + power / low**2
    first, last = min(low for _, low, _ in inside), max(high for _, _, high in inside)
    return Velocity(math.sqrt(mean), math.sqrt(least), math.sqrt(most), first, last)


def acceleration_g(decibels: float, lsb_per_g: float) -> float:
    """RMS in g of a power in dB re 1 count²; lsb_per_g: counts for 1 g, above 0.

    >>> acceleration_g(60.0, 1000.0)
    1.0
    """
    return float(10 ** (decibels / 20) / lsb_per_g)


def zone(mm_s: float, machine_class: str) -> str:
    """The zone of ISO 20816-1 for a velocity in mm/s: A (new), B (long operation), C (limited time) or D (damage).

    Returns "" for a class that is not in CLASSES.
    """
    limits = CLASSES.get(machine_class)
    return ZONES[sum(mm_s > each for each in limits)] if limits else ""


def _part(band: Band) -> tuple[float, float]:
    return max(band.low, LOW), min(band.high, HIGH)
