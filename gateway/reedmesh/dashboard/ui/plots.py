"""Charts with axes and units, as SVG, each with the same content in words for people who cannot see it."""

import math
from collections.abc import Sequence
from itertools import pairwise

from nicegui.element import Element

from reedmesh.dashboard.model.answers import Feature, Picture, Scores
from reedmesh.dashboard.ui import chart, spectra
from reedmesh.dashboard.ui.chart import HIGH, WIDE, Axis, Tick
from reedmesh.dashboard.ui.elements import Parts, Text, box, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.spectra import Panel

PIECES = 3.0  # pieces of time without a score that make a gap in its line
LEAST_SPAN = 60.0  # seconds that a chart shows at least
LEAST_SHARE = 0.1  # height of the axis of shares at least


class TickPart:
    """A number beside an axis."""

    def __init__(self, edge: str) -> None:
        self._text = Text("span")
        self.root: Element = self._text
        self._edge = edge

    def show(self, value: Tick) -> None:
        """Draw a tick."""
        self.root.style(f"{self._edge}: {100 * value[0]:.2f}%")
        self._text.set_text(value[1])


class Plot:
    """The frame of a chart: an SVG of WIDE x HIGH that fills the room there is, ticks on two axes, their units."""

    def __init__(self, x_unit: str, y_unit: str) -> None:
        self.root = box("div", "chart-frame", aria_hidden="true")
        with self.root:
            self.y_unit = Text("span", "y-unit", y_unit)
            self._y = Parts(box("div", "y-ticks"), lambda: TickPart("bottom"))
            self.svg = box("svg", "large", viewBox=f"0 0 {WIDE} {HIGH}", preserveAspectRatio="none")
            self._x = Parts(box("div", "x-ticks"), lambda: TickPart("left"))
            Text("span", "x-unit", x_unit)
        with self.svg:
            self._grid = box("path", "grid")

    def axes(self, x: Sequence[Tick], y: Sequence[Tick]) -> None:
        """Draw the ticks, and lines across at those of y."""
        self._x.show([(str(i), each) for i, each in enumerate(x)])
        self._y.show([(str(i), each) for i, each in enumerate(y)])
        put(self._grid, "d", "".join(f"M0 {(1 - at) * HIGH:.1f}H{WIDE}" for at, _ in y))

    def line(self, classes: str) -> Element:
        """A new line, whose `d` is to be put."""
        with self.svg:
            return box("path", classes)


class ScorePlot:
    """Scores over time: the highest and the mean of each piece of time, against the threshold."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure", "scores-over-time")
        with self.root:
            self._plot = Plot(say("plot.time"), say("plot.excess"))
            self._above = self._plot.line("above")
            self._marks = self._plot.line("mark")
            self._threshold = self._plot.line("threshold")
            self._mean = self._plot.line("mean")
            self._top = self._plot.line("scores")
            self._words = Text("figcaption", "quiet")

    def show(self, scores: Scores, since: float, until: float, marks: Sequence[float] = ()) -> None:
        """Draw what lies between two times, in seconds since 1970; marks: times with a line across all."""
        threshold = scores.threshold or 1.0
        highest = max((top for _, _, top in scores.points), default=0.0) / threshold
        x, y = Axis(since, max(until, since + 1)), chart.excess_axis(highest)
        level = (1 - y.at(1.0)) * HIGH
        self._plot.axes(chart.time_ticks(x), chart.excess_ticks(y))
        put(self._above, "d", f"M0 0H{WIDE}V{level:.1f}H0Z")
        put(self._threshold, "d", f"M0 {level:.1f}H{WIDE}")
        put(self._marks, "d", "".join(f"M{x.at(at) * WIDE:.1f} 0V{HIGH}" for at in marks if since < at < until))
        gap = _gap([x.at(at) for at, _, _ in scores.points])
        put(self._mean, "d", chart.line([(x.at(at), y.at(mean / threshold)) for at, mean, _ in scores.points], gap))
        put(self._top, "d", chart.line([(x.at(at), y.at(top / threshold)) for at, _, top in scores.points], gap))
        self._words.set_text(self._in_words(scores, highest))

    def _in_words(self, scores: Scores, highest: float) -> str:
        if not scores.points:
            return self._say("plot.no-scores")
        if not scores.threshold:
            return self._say("plot.no-threshold")
        return self._say("plot.scores", top=self._say.number(highest), threshold=self._say.number(scores.threshold))


def begin_of(found: Scores, since: float, until: float) -> float:
    """Where a chart begins: where there are scores, but it shows LEAST_SPAN seconds at least."""
    first = found.points[0][0] if found.points else since
    return max(since, min(first - 0.02 * (until - first), until - LEAST_SPAN))


class SharesPlot:
    """How much of an alert's score each band of frequency, on each axis, accounts for."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("div", "panels")
        self._panels = Parts(self.root, lambda: SharesPanel(say))

    def show(self, shares: Sequence[tuple[Feature, float]]) -> None:
        """Draw a panel for each axis, all on the same scale."""
        most = 1.1 * max([LEAST_SHARE, *(share for _, share in shares)])
        x, y = spectra.hertz([feature for feature, _ in shares]), Axis(0.0, most)
        marked = {feature for feature, _ in spectra.outstanding(shares)}
        self._panels.show([(str(each.axis), (each, x, y, marked)) for each in spectra.panels(shares)])


class SharesPanel:
    """One axis of it."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure")
        with self.root:
            self._name = Text("h3")
            self._plot = Plot("Hz", say("plot.share"))
            self._bars = self._plot.line("bars")
            self._marked = self._plot.line("bars marked")
            self._words = Text("figcaption", "quiet")

    def show(self, value: tuple[Panel[float], Axis, Axis, set[Feature]]) -> None:
        """Draw bars; those of `marked` features stand out."""
        panel, x, y, marked = value
        self._name.set_text(self._say("plot.axis", name=panel.name))
        self._plot.root.set_visibility(bool(panel.bands))
        self._plot.axes(chart.hertz_ticks(x), chart.even_ticks(y, 4, self._say.percent))
        put(self._bars, "d", _bars([pair for pair in panel.bands if pair[0] not in marked], x, y))
        put(self._marked, "d", _bars([pair for pair in panel.bands if pair[0] in marked], x, y))
        others = [f"{self._say.of('feature', each.name)} {self._say.percent(share)}" for each, share in panel.others]
        self._words.set_text(" · ".join(others))


class SpectrumPlot:
    """The last window beside what is normal, on each axis."""

    def __init__(self, say: Language) -> None:
        self.root = box("div", "panels")
        self._panels = Parts(self.root, lambda: SpectrumPanel(say))

    def show(self, picture: Picture, marks: Sequence[tuple[str, float]] = (), scale: float = 0.0) -> None:
        """Draw a panel for each axis, all on the same scale. marks: names and Hz; scale: counts for 1 g, 0 unknown."""
        pairs = [(row[0], row[1:]) for row in picture.rows]
        if scale:
            pairs = [(feature, _in_g(levels, scale) if feature.unit == "dB" else levels) for feature, levels in pairs]
        levels = [each for feature, values in pairs if feature.band for each in values[:2] if each is not None]
        y = Axis(min(levels, default=0.0) - 6, max(levels, default=10.0) + 6)
        x = spectra.hertz([feature for feature, _ in pairs])
        shown = [pair for pair in marks if x.low <= pair[1] <= x.high]
        self._panels.show([(str(each.axis), (each, x, y, shown, scale)) for each in spectra.panels(pairs)])


Levels = tuple[float | None, float | None, float | None, float | None]  # now, normal, its spread, lift that alerts


class SpectrumPanel:
    """One axis of it."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure")
        with self.root:
            self._name = Text("h3")
            self._plot = Plot("Hz", say("plot.decibel"))
            self._lines = self._plot.line("mark")
            with self._plot.root:
                self._labels = Parts(box("div", "mark-labels"), lambda: TickPart("left"))
            self._spread = self._plot.line("spread")
            self._normal = self._plot.line("normal")
            self._alerting = self._plot.line("alerting")
            self._now = self._plot.line("now")
            self._words = Text("figcaption", "quiet")

    def show(self, value: tuple[Panel[Levels], Axis, Axis, list[tuple[str, float]], float]) -> None:
        """Draw now as a line, normal as a line in a band of two standard deviations, and marks across."""
        panel, x, y, marks, scale = value
        self._plot.y_unit.set_text(self._say("plot.decibel-g" if scale else "plot.decibel"))
        put(self._lines, "d", "".join(f"M{x.at(hz) * WIDE:.1f} 0V{HIGH}" for _, hz in marks))
        self._labels.show([(str(i), (x.at(hz), name)) for i, (name, hz) in enumerate(marks)])
        self._name.set_text(self._say("plot.axis", name=panel.name))
        self._plot.root.set_visibility(bool(panel.bands))
        self._plot.axes(chart.hertz_ticks(x), chart.even_ticks(y))
        known = [(spectra.middle(feature, x), levels) for feature, levels in panel.bands]
        put(self._now, "d", chart.line([(at, y.at(now)) for at, (now, *_) in known if now is not None]))
        put(self._normal, "d", chart.line([(at, y.at(usual)) for at, (_, usual, *_) in known if usual is not None]))
        raised = [(at, usual + lift) for at, (_, usual, _, lift) in known if usual is not None and lift is not None]
        put(self._alerting, "d", chart.line([(at, y.at(level)) for at, level in raised if level <= y.high]))
        put(self._spread, "d", chart.area([each for at, levels in known if (each := _around(at, levels, y))]))
        said = [self._statistic(feature, levels, scale) for feature, levels in panel.others] + self._lifts(panel)
        self._words.set_text(" · ".join([*said, *(f"{name} {self._say.number(hz)} Hz" for name, hz in marks)]))

    def _lifts(self, panel: Panel[Levels]) -> list[str]:
        """The smallest and the largest rise of a band that raises an alert."""
        known = [levels[3] for _, levels in panel.bands if levels[3] is not None]
        least, most = (self._say.decimal(of(known)) if known else "" for of in (min, max))
        return [self._say("plot.lifts", least=least, most=most)] if known else []

    def _statistic(self, feature: Feature, levels: Levels, scale: float) -> str:
        if scale and feature.unit == "dB":
            in_g = [None if each is None else 10 ** (each / 20) for each in levels[:2]]
            now, usual = (self._say.number(each) for each in in_g)
            name = self._say.of("feature", feature.name)
            return self._say("plot.statistic", name=name, now=f"{now} g", normal=f"{usual} g")
        now, usual = (self._say.decimal(each) for each in levels[:2])
        name, unit = self._say.of("feature", feature.name), f" {feature.unit}" if feature.unit else ""
        return self._say("plot.statistic", name=name, now=f"{now}{unit}", normal=f"{usual}{unit}")


def _in_g(levels: Levels, scale: float) -> Levels:
    """Levels re 1 g of levels re 1 count; a spread and a lift are differences and stay. scale: counts for 1 g."""
    now, normal, *rest = levels
    zero = 20 * math.log10(scale)
    shifted = (None if each is None else each - zero for each in (now, normal))
    return (*shifted, *rest)  # type: ignore[return-value]


def _around(at: float, levels: Levels, y: Axis) -> tuple[float, float, float] | None:
    _, normal, spread, _ = levels
    if normal is None or spread is None:
        return None
    return at, y.at(normal - spectra.SPREADS * spread), y.at(normal + spectra.SPREADS * spread)


def _bars(pairs: Sequence[tuple[Feature, float]], x: Axis, y: Axis) -> str:
    pieces = []
    for feature, share in pairs:
        left, right = WIDE * x.at(feature.low) + 1, WIDE * x.at(feature.high) - 1
        pieces.append(f"M{left:.1f} {HIGH}V{(1 - y.at(share)) * HIGH:.1f}H{max(right, left + 1):.1f}V{HIGH}Z")
    return "".join(pieces)


def _gap(places: Sequence[float]) -> float:
    """How far apart two points may be and still be joined: a few times the usual distance."""
    apart = sorted(after - before for before, after in pairwise(places))
    return max(0.01, PIECES * apart[len(apart) // 2]) if apart else 1.0
