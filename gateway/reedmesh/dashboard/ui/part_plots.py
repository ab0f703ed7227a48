"""Charts of parts: a curve against the band of OK parts, the trade of thresholds, control charts."""

from collections.abc import Sequence

from reedmesh.dashboard.model.parts import Chart, Listing, Part, Trade
from reedmesh.dashboard.ui import chart
from reedmesh.dashboard.ui.chart import HIGH, WIDE, Axis
from reedmesh.dashboard.ui.elements import Text, box, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.plots import Plot

ROOM = 0.08  # of an axis, above and below what is drawn


class CurvePlot:
    """The curve of one part in the band within which OK parts lie."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure")
        with self.root:
            self._plot = Plot(say("parts.point"), say("parts.steps"))
            self._band = self._plot.line("spread")
            self._curve = self._plot.line("now")
            self._words = Text("figcaption", "quiet")

    def show(self, part: Part | None, known: Listing) -> None:
        """Draw it; in words, how many of its points lie outside."""
        curve = part.curve if part else ()
        y = _axis([*curve, *known.low, *known.high])
        x = Axis(1.0, float(max(2, len(curve))))
        self._plot.axes(chart.even_ticks(x, 6), chart.even_ticks(y))
        places = [x.at(i + 1) for i in range(max(len(curve), len(known.low)))]
        band = list(zip(places, map(y.at, known.low), map(y.at, known.high), strict=False))
        put(self._band, "d", chart.area(band))
        put(self._curve, "d", chart.line(list(zip(places, map(y.at, curve), strict=False))))
        outside = sum(not low <= it <= high for it, low, high in zip(curve, known.low, known.high, strict=False))
        self._words.set_text(self._in_words(len(curve), outside, bool(band)))

    def _in_words(self, points: int, outside: int, band: bool) -> str:
        if not points:
            return self._say("parts.no-curve")
        return self._say("parts.outside" if band else "parts.no-band", n=outside, of=points)


class TradePlot:
    """Escape and overkill that each threshold would give, of parts that were held out."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure")
        with self.root:
            self._plot = Plot(say("parts.threshold"), say("parts.share"))
            self._mark = self._plot.line("mark")
            self._escape = self._plot.line("now")
            self._overkill = self._plot.line("normal")
            self._words = Text("figcaption", "quiet")

    def show(self, trade: Sequence[Trade], doubt: float | None) -> None:
        """Draw both shares; doubt: the threshold in service."""
        self._plot.root.set_visibility(len(trade) > 1)
        self._words.set_text(self._say("parts.trade-legend" if len(trade) > 1 else "parts.no-trade"))
        if len(trade) < 2:
            return
        x, y = _axis([each.at for each in trade]), Axis(0.0, max(0.01, *(max(it.escape, it.overkill) for it in trade)))
        self._plot.axes(chart.even_ticks(x, 6), chart.even_ticks(y, 4, self._say.percent))
        put(self._escape, "d", chart.line([(x.at(it.at), y.at(it.escape)) for it in trade]))
        put(self._overkill, "d", chart.line([(x.at(it.at), y.at(it.overkill)) for it in trade]))
        put(self._mark, "d", "" if doubt is None else f"M{x.at(doubt) * WIDE:.1f} 0V{HIGH}")


class ControlPlot:
    """A control chart: points, their mean, limits at three standard deviations, rules that are broken."""

    def __init__(self, say: Language, name: str, unit: str) -> None:
        self._say = say
        self.root = box("figure")
        with self.root:
            Text("h3", "", name)
            self._plot = Plot(say("parts.point"), unit)
            self._limits = self._plot.line("threshold")
            self._mean = self._plot.line("normal")
            self._values = self._plot.line("now")
            self._words = Text("figcaption", "quiet")

    def show(self, it: Chart) -> None:
        """Draw it."""
        self._plot.root.set_visibility(len(it.values) > 1)
        y, x = _axis([*it.values, it.low, it.high, it.mean]), Axis(1.0, float(max(2, len(it.values))))
        self._plot.axes(chart.even_ticks(x, 6), chart.even_ticks(y))
        across = [f"M0 {(1 - y.at(level)) * HIGH:.1f}H{WIDE}" for level in (it.low, it.high)]
        put(self._limits, "d", "".join(across))
        put(self._mean, "d", f"M0 {(1 - y.at(it.mean)) * HIGH:.1f}H{WIDE}")
        put(self._values, "d", chart.line([(x.at(i + 1), y.at(value)) for i, value in enumerate(it.values)]))
        said = [self._say(f"parts.rule-{rule}") for rule in it.rules]
        quiet = self._say("parts.in-control" if len(it.values) > 1 else "parts.no-chart")
        self._words.set_text(" · ".join(said) or quiet)


def _axis(values: Sequence[float]) -> Axis:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = ROOM * ((high - low) or 1.0)
    return Axis(low - room, high + room)
