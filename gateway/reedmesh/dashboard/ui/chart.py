"""Parts of a chart: positions on axes, ticks, and SVG paths. Pure.

Scores have the same axis everywhere, so that charts compare at a glance: multiples of the threshold on a logarithmic
scale, from a tenth at the bottom.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from math import ceil, floor, log10

WIDTH, HEIGHT = 200, 40  # of a small chart, in the SVG's own coordinates
THRESHOLD = HEIGHT // 2  # where a score as high as the threshold is drawn in it
MARGIN = 1.5  # keeps the line's thickness inside

WIDE, HIGH = 1000, 300  # of a large chart

Tick = tuple[float, str]  # position 0..1, text
STEPS = (1, 5, 15, 60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 172800, 604800)  # seconds between ticks
MOST_SECONDS = 3  # ticks with seconds: more of them overlap on a phone


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high` on a line of length 1; logarithmic or not. What lies outside is at an end."""

    low: float
    high: float
    logarithmic: bool = False

    def at(self, value: float) -> float:
        """Where `value` is, 0..1."""
        value = min(self.high, max(self.low, value))
        if self.logarithmic:
            return log10(value / self.low) / log10(self.high / self.low)
        return (value - self.low) / ((self.high - self.low) or 1.0)


def path(history: Sequence[tuple[float, float]]) -> str:
    """The `d` of an SVG path through `history`, (seconds, multiple of the threshold); "" when there is none to draw.

    At most two points per unit of width are drawn, the highest score among those that fall together: a peak is never
    left out.
    """
    if len(history) < 2:
        return ""
    start, span = history[0][0], (history[-1][0] - history[0][0]) or 1.0
    columns = groupby(history, lambda point: round(WIDTH * (point[0] - start) / span))
    points = ((x, _y(max(excess for _, excess in column))) for x, column in columns)
    return "M" + "L".join(f"{x} {y:.4g}" for x, y in points)


def span(history: Sequence[tuple[float, float]]) -> float:
    """Seconds from the first score to the last."""
    return history[-1][0] - history[0][0] if history else 0.0


def line(points: Iterable[tuple[float, float]], gap: float = 1.0) -> str:
    """The `d` of an SVG path through points whose coordinates are 0..1; broken where there are none for `gap`."""
    pieces, last = [], -2.0
    for x, y in points:
        pieces.append(f"{'M' if x - last > gap else 'L'}{x * WIDE:.1f} {(1 - y) * HIGH:.1f}")
        last = x
    return "".join(pieces)


def area(points: Sequence[tuple[float, float, float]]) -> str:
    """The `d` of an SVG path around what lies between two lines: (x, lower, upper), each 0..1."""
    if not points:
        return ""
    there = [(x, upper) for x, _, upper in points]
    back = [(x, lower) for x, lower, _ in reversed(points)]
    return "M" + "L".join(f"{x * WIDE:.1f} {(1 - y) * HIGH:.1f}" for x, y in [*there, *back]) + "Z"


def excess_axis(highest: float) -> Axis:
    """For multiples of the threshold: to 10, or to the power of ten that holds the highest."""
    return Axis(0.1, 10.0 ** max(1, ceil(log10(min(1e6, max(1.0, highest))))), logarithmic=True)


def excess_ticks(axis: Axis) -> list[Tick]:
    """A tick at each power of ten."""
    decades = range(-1, round(log10(axis.high)) + 1)
    return [(axis.at(10.0**each), f"{10.0**each:g} ×") for each in decades]


def time_ticks(axis: Axis, most: int = 7) -> list[Tick]:
    """Ticks at whole minutes, hours or days of local time, at most `most`; of seconds, which are longer, fewer."""
    span = axis.high - axis.low
    step = next((each for each in STEPS if span / each <= (most if each >= 60 else MOST_SECONDS)), STEPS[-1])
    form = "%d.%m." if step >= 86400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    midnight = datetime.fromtimestamp(axis.low).replace(hour=0, minute=0, second=0, microsecond=0)
    first = ceil((axis.low - midnight.timestamp()) / step)
    count = floor((axis.high - midnight.timestamp()) / step)
    moments = [midnight + timedelta(seconds=step * i) for i in range(first, min(count, first + most) + 1)]
    return [(axis.at(each.timestamp()), each.strftime(form)) for each in moments]


def hertz_ticks(axis: Axis) -> list[Tick]:
    """Ticks at 1, 2 and 5 times powers of ten; fewer of them where those are too many."""
    decades = range(floor(log10(axis.low)), ceil(log10(axis.high)) + 1)
    values = [factor * 10.0**each for each in decades for factor in (1, 2, 5)]
    shown = [each for each in values if axis.low <= each <= axis.high]
    return [(axis.at(each), f"{each:g}") for each in shown[:: 1 + len(shown) // 9]]


def even_ticks(axis: Axis, most: int = 5, form: Callable[[float], str] = "{:g}".format) -> list[Tick]:
    """Ticks at round numbers, at most `most` and one; form: how they are written."""
    rough = (axis.high - axis.low) / most or 1.0
    power = 10.0 ** floor(log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = ceil(axis.low / step - 1e-9), floor(axis.high / step + 1e-9)
    return [(axis.at(i * step), form(i * step)) for i in range(first, last + 1)]


def _y(excess: float) -> float:
    """Height of a score of `excess` times the threshold; SVG counts from the top."""
    decades = log10(min(10.0, max(0.1, excess)))
    return THRESHOLD - decades * (THRESHOLD - MARGIN)
