"""The page of provenance: the origin of models, audits, and the contributions and accounts of neighbours."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from nicegui.element import Element

from reedmesh.dashboard.model import provenance
from reedmesh.dashboard.model.provenance import ModelOrigin, NeighbourAccount, Provenance
from reedmesh.dashboard.pages.gateway_sections import GatewaySections
from reedmesh.dashboard.ui import chart
from reedmesh.dashboard.ui.chart import HIGH, Axis
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.plots import Plot
from reedmesh.dashboard.ui.shell import facts

T = TypeVar("T")

SHORT = 12  # characters of a hash that are shown
SILENT = 86_400.0  # seconds without a head of a neighbour that are told of


class ProvenancePage(GatewaySections[Provenance]):
    """The origin of all models, and the accounts with all neighbours."""

    part = "provenance"
    title, about = "provenance.title", "provenance.about"

    def section(self) -> "GatewayPart":
        """Make the section of a gateway."""
        return GatewayPart(self.say)

    def read(self, answer: dict[str, Any]) -> Provenance:
        """The answer to `provenance`."""
        return provenance.provenance(answer)


class GatewayPart:
    """One gateway: its ledger, its models, its neighbours and their worth over time."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section")
        with self.root:
            self._name = Text("h2")
            self._facts = box("dl", "facts")
            Text("h3", "", say("provenance.models"))
            labels = [say(f"origin.{each}") for each in ("sensor", "windows", "root", "receipt", "audits", "merged")]
            self._models = table_of(say("provenance.models"), labels, partial(_model, say=say))
            Text("h3", "", say("provenance.neighbours"))
            self._alone = Text("p", "quiet", say("provenance.alone"))
            labels = [say(f"account.{each}") for each in ("name", "gave", "worth", "owed", "due", "head")]
            self._neighbours = table_of(say("provenance.neighbours"), labels, partial(_account, say=say))
            self._plot = WorthPlot(say)
        self._shown: Provenance | None = None

    def show(self, value: tuple[str, Provenance, float]) -> None:
        """Draw what it said, if that is new."""
        name, known, now = value
        if known is self._shown:
            return
        self._shown = known
        self._name.set_text(name)
        entries = [(self._say("provenance.entries"), self._say.count(known.entries))]
        facts([*entries, (self._say("provenance.head"), known.head[:SHORT] or "–")], self._facts)
        self._models.show([(each.sensor, each) for each in known.models])
        self._alone.set_visibility(not known.neighbours)
        self._neighbours.show([(each.name, (each, now)) for each in known.neighbours])
        self._plot.show(known.neighbours)


class WorthPlot:
    """The total worth of each neighbour over time; the caption says it in words."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("figure", "scores-over-time")
        with self.root:
            self._plot = Plot(say("plot.time"), say("account.unit"))
            self._lines = self._plot.line("scores")
            self._words = Text("figcaption", "quiet")

    def show(self, neighbours: Sequence[NeighbourAccount]) -> None:
        """Draw the lines of all that were merged at least twice."""
        drawn = [each for each in neighbours if len(each.over) > 1]
        self.root.set_visibility(bool(drawn))
        if not drawn:
            return
        times = [at for each in drawn for at, _ in each.over]
        worth = [0.0, *(value for each in drawn for _, value in each.over)]
        x, y = Axis(min(times), max(times)), Axis(min(worth), max(worth))
        put(self._lines, "d", " ".join(_path(each, x, y) for each in drawn))
        self._plot.axes(chart.time_ticks(x), [(y.at(at), f"{at:.2g}") for at in sorted({y.low, 0.0, y.high})])
        ends = ", ".join(f"{each.name} {self._say.fixed(each.worth, 3)}" for each in drawn)
        self._words.set_text(self._say("account.caption", ends=ends))


def _path(it: NeighbourAccount, x: Axis, y: Axis) -> str:
    points = [(x.at(at) * chart.WIDE, (1 - y.at(worth)) * HIGH) for at, worth in it.over]
    return "M" + "L".join(f"{across:.1f} {down:.1f}" for across, down in points)


def _model(it: ModelOrigin, say: Language) -> Sequence[str]:
    """A model's row."""
    receipt = say("origin.checkable") if it.checkable else say("origin.not-checkable")
    merged = ", ".join(f"{name} ({say.percent(share)}, {say.fixed(worth, 3)})" for name, share, worth in it.merged)
    return (
        f"{it.sensor} · {it.sequence}",
        say.count(it.windows) if it.windows else "–",
        say("origin.entry", root=it.root[:SHORT], number=it.committed) if it.root else "–",
        it.fault or receipt,
        ", ".join(it.auditors) or "–",
        merged or "–",
    )


def _account(value: tuple[NeighbourAccount, float], say: Language) -> Sequence[str]:
    """A neighbour's row."""
    it, now = value
    left_out = it.refused + it.left_out
    gave = say("account.counts", taken=say.count(it.taken), merged=say.count(it.merged), out=say.count(left_out))
    disputed = f" ({say('account.disputed', points=say.count(it.agreed))})" if it.owed != it.agreed else ""
    return it.name, gave, say.fixed(it.worth, 3), say.count(it.owed) + disputed, say.count(it.due), _head(it, now, say)


def _head(it: NeighbourAccount, now: float, say: Language) -> str:
    """What is known of its ledger: the newest head, whether it is silent, and whether it shows two pasts."""
    if it.forks:
        return say("account.fork")
    if it.head is None or it.heard is None:
        return say("account.unheard")
    silent = f" · {say('account.silent')}" if now - it.heard > SILENT else ""
    return f"{it.head} · {say.moment(it.heard, now)}{silent}"


def table_of(label: str, heads: Sequence[str], texts: Callable[[T], Sequence[str]]) -> Parts[T]:
    """A table with a head; a narrow screen makes cards of its rows."""
    return Parts(_table(label, heads), lambda: Row(len(heads), texts, heads))


def _table(label: str, heads: Sequence[str]) -> Element:
    with box("div", "scrolls", tabindex="0", role="group", aria_label=label), box("table", "cards"):
        with box("thead"), box("tr"):
            for head in heads:
                put(Text("th", "", head), "scope", "col")
        return box("tbody")
