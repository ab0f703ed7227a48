"""The page of learning: links between gateways, updates, merges, refusals with reasons, and their worth."""

from collections.abc import Sequence
from typing import Any

from nicegui.element import Element

from reedmesh.dashboard.model import learning
from reedmesh.dashboard.model.learning import Judged, Learning, NeighbourState, Round
from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.pages.gateway_sections import GatewaySections
from reedmesh.dashboard.ui import graph
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, put
from reedmesh.dashboard.ui.graph import Arrow
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.shell import facts

EVERY = 5.0  # seconds between two looks
MOST_NODES = 24  # gateways in the drawing
STATES = ("merged", "late", "refused", "")


class LearningPage(GatewaySections[Learning]):
    """Learning between all gateways."""

    part = "learning"
    title, about = "learning.title", "learning.about"
    every = EVERY

    def above(self) -> None:
        """Make the drawing."""
        with box("section", aria_label=self.say("learning.graph")):
            Text("h2", "", self.say("learning.graph"))
            self._graph = GraphPart()
            Text("p", "quiet", self.say("learning.legend"))

    def section(self) -> "LearnerPart":
        """Make the section of a gateway."""
        return LearnerPart(self.say)

    def read(self, answer: dict[str, Any]) -> Learning:
        """The answer to `learning`."""
        return learning.learning(answer)

    def draw(self, view: View, now: float) -> str:
        """Draw the sections, and the gateways as a graph."""
        self._graph.show((sorted(each.name for each in view.line)[:MOST_NODES], self._arrows(view)))
        return super().draw(view, now)

    def _arrows(self, view: View) -> list[Arrow]:
        """Who hears whom, as their config says, and what became of it."""
        found = []
        for gateway in view.line:
            target = gateway.name
            last = {each.name: each.last for each in self._known.get(target, Learning()).neighbours}
            found += [Arrow(source, target, last.get(source, "")) for source in gateway.neighbours]
        return [each if each.state in STATES else Arrow(each.source, each.target) for each in found]


class GraphPart:
    """The drawing. What it shows stands in the tables as well."""

    def __init__(self) -> None:
        size = f"0 0 {graph.WIDTH:g} {graph.HEIGHT:g}"
        self.root = box("svg", "graph", viewBox=size, aria_hidden="true")
        with self.root:
            self._arrows = {state: box("path", f"arrow {state or 'none'}") for state in STATES}
            self._nodes = Parts(box("g"), NodePart)
        self._shown: tuple[object, ...] = ()

    def show(self, value: tuple[Sequence[str], list[Arrow]]) -> None:
        """Draw gateways by name, and arrows between them."""
        if value == self._shown:
            return
        self._shown = value
        nodes = graph.ring(value[0])
        for state, element in self._arrows.items():
            put(element, "d", graph.arrows(nodes, value[1], state))
        self._nodes.show([(node.name, node) for node in nodes])


class NodePart:
    """A gateway in the drawing."""

    def __init__(self) -> None:
        self.root = box("g")
        with self.root:
            self._circle = box("circle", "", r=f"{graph.RADIUS:g}")
            self._name = Text("text")

    def show(self, value: graph.Node) -> None:
        """Draw it where it is."""
        x, y = value.at
        for element, names in ((self._circle, ("cx", "cy")), (self._name, ("x", "y"))):
            put(element, names[0], f"{x:.1f}")
            put(element, names[1], f"{y + (graph.label(value) if element is self._name else 0):.1f}")
        self._name.set_text(value.name)


class LearnerPart:
    """One gateway: totals, its neighbours, its last rounds."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section")
        with self.root:
            self._name = Text("h2")
            self._facts = box("dl", "facts")
            self._none = Text("p", "quiet", say("learning.alone"))
            self._table = box("div")
            with self._table:
                self._rows = self._neighbours()
            Text("h3", "", say("learning.rounds"))
            self._rounds = self._last()
        self._shown: Learning | None = None

    def show(self, value: tuple[str, Learning, float]) -> None:
        """Draw what it said, if that is new."""
        name, known, now = value
        if known is self._shown:
            return
        self._shown = known
        self._name.set_text(name)
        facts(self._pairs(known), self._facts)
        self._none.set_visibility(not known.neighbours)
        self._table.set_visibility(bool(known.neighbours))
        self._rows.show([(each.name, (each, now)) for each in known.neighbours])
        self._rounds.show([(f"{each.at} {each.number}", (each, now)) for each in known.history])

    def _neighbours(self) -> Parts[tuple[NeighbourState, float]]:
        say = self._say
        heads = [say("neighbour.name"), say("neighbour.newest"), say("neighbour.bytes"), say("neighbour.merged")]
        heads += [say("neighbour.refused"), say("neighbour.last")]
        return Parts(
            _table(say("neighbour.label"), heads), lambda: Row(len(heads), lambda it: _standing(it, say), heads)
        )

    def _last(self) -> Parts[tuple[Round, float]]:
        say = self._say
        heads = [say("round.at"), say("round.windows"), say("round.taken"), say("round.left-out"), say("round.loss")]
        heads += [say("round.alarms")]
        return Parts(_table(say("round.label"), heads), lambda: Row(len(heads), lambda it: _round(it, say), heads))

    def _pairs(self, known: Learning) -> list[tuple[str, str]]:
        say = self._say
        return [
            (say("learning.state"), say.of("learner", known.state)),
            (say("learning.count"), say.count(known.rounds)),
            (say("learning.heard"), say.count(known.heard)),
            (say("learning.sent"), f"{say.count(known.updates)} · {say.bytes(known.bytes_out)}"),
            (say("learning.received"), say.bytes(known.bytes_in)),
        ]


def _standing(value: tuple[NeighbourState, float], say: Language) -> Sequence[str]:
    """A neighbour's row."""
    it, now = value
    when = f" · {say.moment(it.at, now)}" if it.at else ""
    newest = "–" if it.sequence is None else f"{it.sequence}{when}"
    share = f" · {say.percent(it.share)}" if it.last == "merged" and it.share else ""
    refused = f"{say.count(it.refused)} · {it.reason}" if it.reason else say.count(it.refused)
    last = say.of("last", it.last or "none") + share
    return it.name, newest, say.bytes(it.bytes_in), say.count(it.merged), refused, last


def _round(value: tuple[Round, float], say: Language) -> Sequence[str]:
    """A round's row."""
    it, now = value
    taken = ", ".join(f"{name} ({say.percent(share)})" for name, share in it.taken) or "–"
    left_out = [f"{name}: {reason}" for name, reason in it.refused]
    left_out += [say("learning.late", name=name) for name in it.late]
    loss = say("learning.before-after", before=_three(it.before, say), after=_three(it.after, say))
    alarms = " · ".join(_alarms(each, say) for each in it.judged) or "–"
    when = f"{it.number} · {say.moment(it.at, now)}"
    return when, say.count(it.windows), taken, " · ".join(left_out) or "–", loss, alarms


def _alarms(it: Judged, say: Language) -> str:
    """A sensor's false alarms before and after, and why its new model was not taken."""
    before, after = ("–" if each is None else say.percent(each) for each in (it.before, it.after))
    change = say("learning.before-after", before=before, after=after)
    kept = f" ({say('learning.kept', reason=it.objection)})" if it.objection else ""
    return f"{it.sensor} {change}{kept}"


def _three(loss: float | None, say: Language) -> str:
    return "–" if loss is None else say.fixed(loss, 3)


def _table(label: str, heads: Sequence[str]) -> Element:
    """A table with a head, which scrolls sideways where it must; returns its body."""
    with box("div", "scrolls", tabindex="0", role="group", aria_label=label), box("table", "cards"):
        with box("thead"), box("tr"):
            for head in heads:
                put(Text("th", "", head), "scope", "col")
        return box("tbody")
