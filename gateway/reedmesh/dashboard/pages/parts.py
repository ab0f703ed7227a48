"""Parts: what a station makes, its curve against the OK band and its verdict; labels by one click; quality figures."""

import time
from collections.abc import Awaitable, Callable
from itertools import groupby

from reedmesh.dashboard.model import parts as model
from reedmesh.dashboard.model.parts import Listing, Part
from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.pages.part_files import SHIFTS, SPANS, asked
from reedmesh.dashboard.ui import part_figures
from reedmesh.dashboard.ui.actions import Outcome
from reedmesh.dashboard.ui.elements import Field, Parts, Row, Text, box, button, link, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.part_plots import ControlPlot, CurvePlot, TradePlot
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit, facts

EVERY, FIGURES_EVERY, STATIONS_EVERY = 1.0, 10.0, 10.0  # seconds between two questions
SHOWN = 25  # parts in the list
LONGEST = 24  # bytes of a label
MOST_FAULTS = 4  # with a button of their own in each row
OK, NOK = "OK", "NOK"


class PartsPage(Page):
    """The parts of one station at a time."""

    part = "parts"

    def __init__(self, visit: Visit) -> None:
        self._stations: list[tuple[str, str]] = []  # gateway and sensor
        self._station = ("", "")
        self._listing = Listing()
        self._shown = ""  # key of the part whose curve is drawn; "": the newest
        self._marked: set[str] = set()
        self._undo: list[tuple[Part, str]] = []  # parts of the last action with the labels before
        self._span = "shift"
        super().__init__(visit)

    def build(self) -> None:
        """Make its sections."""
        say = self.say
        Text("h1", "", say("parts.title"))
        Text("p", "quiet", say("parts.about"))
        self._fault = Text("p", "faults")
        self._choices = Parts(
            box("div", "buttons", role="group", aria_label=say("parts.stations")), lambda: Choice(self)
        )
        self._none = Text("p", "quiet", say("parts.none"))
        self._body = box("div")
        with self._body:
            self._facts = box("dl", "facts")
            self._trouble = Text("p", "faults")
            self._build_curve()
            self._build_list()
            self._build_figures()
        self._body.set_visibility(False)
        self._asked = Asked(self._ask_parts, EVERY, self._fault)
        self._asked_figures = Asked(self._ask_figures, FIGURES_EVERY, self._fault)
        self._asked_stations = Asked(self._ask_stations, STATIONS_EVERY, self._fault)
        self._press()

    def draw(self, view: View, now: float) -> str:  # noqa: ARG002 - as every page
        """Ask when it is time."""
        self._asked_stations.look(len(view.line))
        if self._station[1]:
            self._asked.look(self._station)
            self._asked_figures.look((self._station, self._span))
        return self.say("parts.title")

    async def choose(self, station: tuple[str, str]) -> None:
        """Show another station."""
        self._station, self._shown, self._undo = station, "", []
        self._marked.clear()
        self._draw_stations()
        await self._asked.now()
        await self._asked_figures.now()

    def select(self, part: Part) -> None:
        """Draw its curve until another is chosen."""
        self._shown = part.key
        self._draw_curve()

    def mark(self, part: Part) -> None:
        """Mark it for a label of several, or not any more."""
        self._marked ^= {part.key}
        self._draw_list()

    async def label(self, parts: list[Part], label: str) -> None:
        """Label parts; what they were labelled before can be put back by one click."""
        if not parts or not label:
            self._outcome_text.set_text(self.say("parts.nothing-to-label"))
            return
        before = [(part, part.label) for part in parts]
        if await self._outcome.of(
            self._say_labels(parts, label), self.say("parts.labelled", n=len(parts), label=label)
        ):
            self._undo = before
            self._marked.clear()
        await self._asked.now()

    async def undo(self) -> None:
        """Put back the labels before the last action."""
        for label, group in groupby(sorted(self._undo, key=lambda each: each[1]), key=lambda each: each[1]):
            await self._outcome.of(self._say_labels([part for part, _ in group], label), self.say("parts.undone"))
        self._undo = []
        await self._asked.now()

    async def _say_labels(self, parts: list[Part], label: str) -> None:
        gateway, sensor = self._station
        orders = [{"boot": part.boot, "number": part.number} for part in parts]
        await self.ask(gateway, "label", sensor=sensor, parts=orders, label=label, by=self.user.name)

    def _build_curve(self) -> None:
        with box("section", aria_label=self.say("parts.curve")):
            self._curve_title = Text("h2", "", self.say("parts.curve"))
            self._curve = CurvePlot(self.say)

    def _build_list(self) -> None:
        say = self.say
        with box("section", aria_label=say("parts.newest")):
            Text("h2", "", say("parts.newest"))
            if self.user.acts:
                with box("div", "buttons"):
                    self._field = Field(say("parts.label"), OK, hint=say("parts.label-hint"), limit=LONGEST)
                    button(
                        say("parts.label-marked"),
                        lambda: self.label(self._chosen(), self._field.value.strip()),
                        "primary",
                    )
                    button(say("parts.mark-all"), self._mark_all)
                    self._undo_button = button(say("parts.undo"), self.undo)
            self._outcome = Outcome(say)
            self._outcome_text = Text("p", "quiet")
            heads = ["time", "part", "verdict", "class", "latency", "said"] + (["teach"] if self.user.acts else [])
            with box("table", "cards"):
                with box("thead"), box("tr"):
                    for key in heads:
                        put(Text("th", "", say(f"parts.{key}")), "scope", "col")
                self._rows = Parts(box("tbody"), lambda: PartRow(self, say))

    def _build_figures(self) -> None:
        say = self.say
        with box("section", aria_label=say("parts.figures")):
            with box("header", "section-head"):
                Text("h2", "", say("parts.figures"))
                with box("div", "buttons", role="group", aria_label=say("sensor.span")):
                    self._spans = {
                        **{key: button(say(f"parts.{key}"), self._chooser(key)) for key in SHIFTS},
                        **{key: button(say(f"handover.{key}"), self._chooser(key)) for key in SPANS},
                    }
                self._csv = link("/parts.csv", say("handover.csv"))
                self._csv.props["download"] = True
            self._quality = box("dl", "facts")
            with box("table"):
                with box("thead"), box("tr"):
                    for key in ("class", "count"):
                        put(Text("th", "", say(f"parts.{key}")), "scope", "col")
                self._pareto: Parts[tuple[str, int]] = Parts(
                    box("tbody"), lambda: Row(2, lambda it: (it[0], say.count(it[1])))
                )
            with box("div", "panels"):
                self._shares = ControlPlot(say, say("parts.p-chart"), say("parts.share"))
                self._ranges = ControlPlot(say, say("parts.moving-range"), say("parts.evidence"))
            Text("h3", "", say("parts.trade"))
            self._trade = TradePlot(say)

    async def _ask_stations(self) -> None:
        found: list[tuple[str, str]] = []

        async def one(gateway: str) -> None:
            found.extend((gateway, name) for name in model.stations(await self.ask(gateway, "stations")))

        await self.each_gateway(one)
        self._stations = sorted(found)
        if self._stations and self._station not in self._stations:
            self._station = self._stations[0]
        self._draw_stations()

    async def _ask_parts(self) -> None:
        gateway, sensor = self._station
        self._listing = model.listing(await self.ask(gateway, "parts", sensor=sensor, limit=SHOWN))
        facts(part_figures.promise(self._listing, self.say), self._facts)
        self._trouble.set_text(self._listing.fault)
        self._trade.show(self._listing.trade, self._listing.doubt)
        self._draw_curve()
        self._draw_list()

    async def _ask_figures(self) -> None:
        gateway, sensor = self._station
        it = model.quality(await self.ask(gateway, "quality", sensor=sensor, **asked(self._span)))
        facts(part_figures.figures(it, self.say), self._quality)
        self._pareto.show([(name, (name, many)) for name, many in it.pareto])
        self._shares.show(it.shares)
        self._ranges.show(it.ranges)

    def _draw_stations(self) -> None:
        self._none.set_visibility(not self._stations)
        self._body.set_visibility(bool(self._stations))
        chosen = self._station
        self._choices.show([("/".join(each), (each, each == chosen)) for each in self._stations])
        self._press()

    def _draw_curve(self) -> None:
        parts = self._listing.parts
        part = next((each for each in parts if each.key == self._shown), parts[0] if parts else None)
        named = self.say("parts.curve-of", part=part.name or part.number) if part else self.say("parts.curve")
        self._curve_title.set_text(named)
        self._curve.show(part, self._listing)

    def _draw_list(self) -> None:
        now = time.time()
        self._rows.show(
            [(each.key, (each, each.key in self._marked, now, self._listing.classes)) for each in self._listing.parts]
        )
        if self.user.acts:
            self._undo_button.set_visibility(bool(self._undo))

    def _chosen(self) -> list[Part]:
        return [each for each in self._listing.parts if each.key in self._marked]

    def _mark_all(self) -> None:
        every = {each.key for each in self._listing.parts}
        self._marked = set() if self._marked >= every else every
        self._draw_list()

    def _chooser(self, key: str) -> Callable[[], Awaitable[None]]:
        async def choose() -> None:
            self._span = key
            self._press()
            await self._asked_figures.now()

        return choose

    def _press(self) -> None:
        for key, element in self._spans.items():
            put(element, "aria-pressed", "true" if key == self._span else "false")
        gateway, sensor = self._station
        put(self._csv, "href", f"/gateway/{gateway}/sensor/{sensor}/parts.csv?span={self._span}")


class Choice:
    """A button for one station."""

    def __init__(self, page: PartsPage) -> None:
        self._at = ("", "")
        self.root = button("", lambda: page.choose(self._at))
        with self.root:
            self._text = Text("span")

    def show(self, value: tuple[tuple[str, str], bool]) -> None:
        """Draw its name, and whether it is the one on the page."""
        self._at, chosen = value
        self._text.set_text(" · ".join(self._at))
        put(self.root, "aria-pressed", "true" if chosen else "false")


class PartRow:
    """A part in the list, with buttons to teach."""

    def __init__(self, page: PartsPage, say: Language) -> None:
        self._say, self._page = say, page
        self._part = Part(0, 0, 0.0)
        self.root = box("tr", "part")
        columns = ("time", "part", "verdict", "class", "latency", "said")
        with self.root:
            self._cells = [Text("td") for _ in columns]
            for cell, key in zip(self._cells, columns, strict=True):
                put(cell, "data-label", say(f"parts.{key}"))
            if page.user.acts:
                with box("td"), box("div", "buttons tight"):
                    button(say("parts.ok"), lambda: page.label([self._part], OK))
                    button(say("parts.nok"), lambda: page.label([self._part], NOK))
                    self._faults = Parts(box("div", "buttons tight"), lambda: FaultButton(self))
                    self._mark = button(say("parts.mark"), lambda: page.mark(self._part))
        self.root.on("click", lambda: page.select(self._part), args=[])

    async def label(self, fault: str) -> None:
        """Label it with the name of a fault."""
        await self._page.label([self._part], fault)

    def show(self, value: tuple[Part, bool, float, tuple[str, ...]]) -> None:
        """Draw it; marked: it will be labelled with others; faults: those that the model knows."""
        part, marked, now, faults = value
        self._part, say = part, self._say
        verdict = say.of("verdict", part.verdict) if part.verdict else say("parts.unjudged")
        label = f"{part.label} · {say('parts.disputed')}" if part.disputed else part.label
        latency = f"{say.fixed(part.latency, 2)} ms" if part.latency else "–"
        texts = say.moment(part.at, now), part.name or str(part.number), verdict, part.fault, latency, label
        for cell, text in zip(self._cells, texts, strict=True):
            cell.set_text(text)
        put(self.root, "data-verdict", part.verdict.lower() or "none")
        if self._page.user.acts:
            put(self._mark, "aria-pressed", "true" if marked else "false")
            self._faults.show([(each, each) for each in faults[:MOST_FAULTS]])


class FaultButton:
    """Labels a part with the name of a fault by one click."""

    def __init__(self, row: PartRow) -> None:
        self._fault = ""
        self.root = button("", lambda: row.label(self._fault))
        with self.root:
            self._text = Text("span")

    def show(self, value: str) -> None:
        """Draw the name."""
        self._fault = value
        self._text.set_text(value)
