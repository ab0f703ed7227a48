"""Spectra as they are drawn: features in bands of frequency, an axis of the transducer at a time. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from reedmesh.dashboard.model.answers import Feature
from reedmesh.dashboard.ui.chart import Axis

NAMES = "XYZ"
STANDS_OUT = 3.0  # times an even share, from which a feature is one that stands out
MOST_NAMED = 3
WIDEST = 1e5  # times the lowest frequency of a spectrum is the highest that is drawn
SPREADS = 2.0  # standard deviations on either side that still count as normal: 95 % of windows

V = TypeVar("V")


@dataclass(frozen=True)
class Panel(Generic[V]):
    """The panel of one axis of the transducer: its bands, by frequency, and the rest."""

    axis: int
    name: str
    bands: tuple[tuple[Feature, V], ...]
    others: tuple[tuple[Feature, V], ...]


def panels(pairs: Sequence[tuple[Feature, V]]) -> list[Panel[V]]:
    """A panel for each axis."""
    found = []
    for axis in sorted({feature.axis for feature, _ in pairs}):
        mine = [pair for pair in pairs if pair[0].axis == axis]
        bands = sorted((pair for pair in mine if pair[0].band), key=lambda pair: pair[0].low)
        others = tuple(pair for pair in mine if not pair[0].band)
        found.append(Panel(axis, axis_name(mine[0][0]), tuple(bands), others))
    return found


def axis_name(feature: Feature) -> str:
    """What its axis is called, if it has a name; else X, Y, Z, numbers beyond."""
    return feature.axis_name or (NAMES[feature.axis] if feature.axis < len(NAMES) else str(feature.axis + 1))


def hertz(features: Sequence[Feature]) -> Axis:
    """The axis of frequency that holds all bands, Hz."""
    bands = [each for each in features if each.band]
    if not bands:
        return Axis(1.0, 10.0, logarithmic=True)
    high = max(each.high for each in bands)
    lowest = min((each.low for each in bands if each.low > high / WIDEST), default=high / 10)
    return Axis(min(lowest, high / 2), high, logarithmic=True)


def middle(feature: Feature, axis: Axis) -> float:
    """Where a band's middle is on the axis, 0..1."""
    return (axis.at(feature.low) + axis.at(feature.high)) / 2


def outstanding(shares: Sequence[tuple[Feature, float]]) -> list[tuple[Feature, float]]:
    """The few features most of the score comes from, the first of them foremost; none when all share alike."""
    least = STANDS_OUT / max(1, len(shares))
    ranked = sorted(shares, key=lambda pair: -pair[1])
    return [pair for pair in ranked[:MOST_NAMED] if pair[1] >= least]
