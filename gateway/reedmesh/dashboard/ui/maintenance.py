"""The maintenance view: velocity and zone of a machine, shaft and bearing frequencies, the trend."""

from reedmesh.dashboard.model.maintenance import AxisVelocity, Maintenance, Trend
from reedmesh.dashboard.ui import chart, spectra
from reedmesh.dashboard.ui.chart import HIGH, WIDE, Axis
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.plots import Plot

DAY = 86400.0


class MaintenancePart:
    """The section of it on a sensor's page."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section", "maintenance", aria_label=say("upkeep.title"))
        with self.root:
            Text("h2", "", say("upkeep.title"))
            self._zone = Text("p", "zone")
            self._table = box("table", "narrow")
            with self._table:
                with box("thead"), box("tr"):
                    for key in ("upkeep.axis", "upkeep.velocity", "upkeep.range"):
                        put(Text("th", "", say(key)), "scope", "col")
                self._axes: Parts[AxisVelocity] = Parts(box("tbody"), lambda: Row(3, self._row))
            self._marks = Text("p")
            self._trend = TrendPlot(say)
            self._note = Text("p", "quiet")

    def show(self, it: Maintenance) -> None:
        """Draw it; without a scale only what is missing is told."""
        say = self._say
        self._zone.set_text(self._zone_text(it))
        put(self._zone, "data-zone", it.zone)
        self._table.set_visibility(bool(it.axes))
        self._axes.show([(str(each.axis), each) for each in it.axes])
        self._marks.set_text(self._marks_text(it))
        self._trend.show(it.trend, it.limits)
        first, last = min((a.first for a in it.axes), default=0.0), max((a.last for a in it.axes), default=0.0)
        span = say("upkeep.note", first=say.number(first), last=say.number(last))
        self._note.set_text(span if it.axes else "")

    def _zone_text(self, it: Maintenance) -> str:
        say = self._say
        if not it.scale:
            return say("upkeep.no-scale")
        if it.mm_s is None:
            return say("upkeep.none")
        value = say.number(it.mm_s)
        if not it.zone:
            return say("upkeep.no-class", value=value)
        limits = " / ".join(say.number(each) for each in it.limits)
        what = say(f"zone.{it.zone}")
        return say("upkeep.zone", value=value, zone=it.zone, what=what, kind=it.machine_class, limits=limits)

    def _marks_text(self, it: Maintenance) -> str:
        say = self._say
        marks = ", ".join(f"{name} {say.number(hz)} Hz" for name, hz in it.marks)
        if it.rpm:
            return say("upkeep.marks", rpm=say.number(it.rpm), marks=marks)
        if not it.speed:
            return say("upkeep.no-speed")
        rpm, low, high = map(say.number, it.speed)
        return say("upkeep.speed", rpm=rpm, low=low, high=high, marks=marks)

    def _row(self, it: AxisVelocity) -> tuple[str, ...]:
        say, name = self._say, spectra.NAMES[it.axis] if it.axis < len(spectra.NAMES) else str(it.axis + 1)
        return name, f"{say.number(it.mm_s)} mm/s", f"{say.number(it.least)} – {say.number(it.most)} mm/s"


class TrendPlot:
    """Velocity day by day, with the limits of the zones, and what follows from the line, if one deserves it."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure", "trend")
        with self.root:
            self._plot = Plot(say("plot.time"), "mm/s")
            self._limits = self._plot.line("threshold")
            self._line = self._plot.line("scores")
            self._words = Text("figcaption", "quiet")

    def show(self, trend: Trend, limits: tuple[float, ...]) -> None:
        """Draw the medians of days."""
        self._plot.root.set_visibility(len(trend.days) > 1)
        self.root.set_visibility(bool(trend.days))
        self._words.set_text(self._in_words(trend))
        if len(trend.days) < 2:
            return
        highest = max(value for _, value in trend.days)
        top = 1.2 * max([highest, *(each for each in limits if each <= 2 * highest)])
        x, y = Axis(trend.days[0][0], trend.days[-1][0]), Axis(0.0, top)
        self._plot.axes(chart.time_ticks(x), chart.even_ticks(y, 4))
        put(self._limits, "d", "".join(f"M0 {(1 - y.at(each)) * HIGH:.1f}H{WIDE}" for each in limits if each < top))
        put(self._line, "d", chart.line([(x.at(at), y.at(value)) for at, value in trend.days]))

    def _in_words(self, it: Trend) -> str:
        say = self._say
        if it.slope is None:
            return say("trend.none", n=say.count(len(it.days)))
        slope, half = say.fixed(it.slope, 3), say.fixed(it.half_width, 3)
        said = say("trend.slope", slope=slope, half=half)
        if it.until is None or it.soonest is None or it.limit is None:
            return said
        latest = say("trend.year") if it.latest is None else say.count(round(it.latest))
        more = {
            "limit": say.number(it.limit),
            "days": say.count(round(it.until)),
            "soonest": say.count(round(it.soonest)),
        }
        return f"{said} {say('trend.until', latest=latest, **more)}"
