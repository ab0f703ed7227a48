"""A sensor that judges parts, as its gateway sees it: verdicts, counters, the need for a new model. No I/O."""

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reedmesh.protocol import recipe as recipes
from reedmesh.protocol.part import UNJUDGED, Part
from reedmesh.protocol.recipe import Cycle
from reedmesh.protocol.verdict import NOK, OK, UNKNOWN
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings.quality import Control

if TYPE_CHECKING:
    from reedmesh.inference.model import Judgement

FIRST = 20  # parts, taken to be OK, of which the first model is made; so many promise little, and it says how little
RENEWED = (100, 300, 1000)  # parts at which it is made anew, of those that passed
RECENT = 256  # parts that wait for their frame, or for their window
WORDS = {OK: "OK", NOK: "NOK"}
Order = tuple[int, int]  # boot and number


@dataclass
class Judged:
    """One part. verdict: a word. fault: class of one that is not OK. against: what speaks against it, in eighths.

    latency_us: from its last reading to the pin, 0 while the sensor has not told. part: its own number.
    """

    order: Order
    at: float
    features: bytes
    verdict: str = ""
    fault: str = ""
    against: int | None = None
    latency_us: int = 0
    part: str = ""


@dataclass
class Counters:
    """Since the gateway started; missed, doubled, late as the sensor counts them since its boot."""

    ok: int = 0
    nok: int = 0
    unsure: int = 0
    unjudged: int = 0
    missed: int = 0
    doubled: int = 0
    late: int = 0
    disagreements: int = 0  # the sensor's verdict is another than ours of the same features by the same model

    @property
    def passed(self) -> float | None:
        """The share of judged parts that passed, the yield; None before the first."""
        judged = self.ok + self.nok + self.unsure
        return round(self.ok / judged, 5) if judged else None


@dataclass
class Station:
    """The parts of a sensor with a recipe of kind `cycle`. heard: parts ever, of those that the store has.

    due: a label changed, or so many parts came that a new model is worth it.
    """

    recipe: Cycle
    counters: Counters = field(default_factory=Counters)
    last: Judged | None = None
    heard: int = 0
    due: bool = False
    promise: dict[str, Any] = field(default_factory=dict)  # of the model in service
    trade: list[dict[str, Any]] = field(default_factory=list)
    fault: str = ""  # why no model could be made
    control: Control = field(default_factory=Control)  # its control charts
    _lost: int = 0  # triggers and verdicts lost when somebody was last told of it
    _told: dict[Order, Part] = field(default_factory=dict)
    _recent: deque[Judged] = field(default_factory=lambda: deque(maxlen=RECENT))

    def take(self, window: Window, judgement: "Judgement | None", classes: list[str], at: float) -> Judged:
        """A part's window came."""
        made = Judged((window.boot, window.number), at, bytes(window.features))
        if judgement:
            made.verdict, made.against = WORDS.get(judgement.verdict, "unsure"), judgement.against
            made.fault = "" if judgement.verdict == OK else _class(judgement.fault, classes)
        self._count(made)
        if made.verdict:
            self.control.add(made.verdict != "OK", made.against)
        self.last = made
        self.heard += 1
        self.due = self.due or self.heard == FIRST or self.heard in RENEWED
        self._recent.append(made)
        if part := self._told.pop(made.order, None):
            self._complete(made, part)
        return made

    def tell(self, part: Part) -> Judged | None:
        """Take the verdict of a sensor on a part; None while its window has not come."""
        counters = self.counters
        counters.missed, counters.doubled, counters.late = part.missed, part.doubled, part.late
        order = part.boot, part.number
        found = next((each for each in self._recent if each.order == order), None)
        if found:
            self._complete(found, part)
            return found
        self._told[order] = part
        while len(self._told) > RECENT:
            self._told.pop(next(iter(self._told)))
        return None

    def trouble(self) -> str:
        """One line about parts that nobody judged, or ""; then again when there are twice as many."""
        it = self.counters
        lost = it.missed + it.doubled + it.late
        if lost < self._lost:  # the sensor started anew
            self._lost = 0
        if lost < max(1, 2 * self._lost):
            return ""
        self._lost = lost
        return (
            f"since its start {it.missed} triggers missed, {it.doubled} doubled, {it.late} verdicts late: the gate got "
            "what is safe; the trigger bounces, or parts come faster than they are judged"
        )

    def since(self, heard: int) -> list[Judged]:
        """The parts after the first `heard` ones, those that are still known, in their order."""
        count = min(max(0, self.heard - heard), len(self._recent))
        return list(self._recent)[len(self._recent) - count :]

    def at(self, number: int) -> Judged | None:
        """The part that was heard as the `number`th; None where it is not known any more."""
        ago = self.heard - number
        return self._recent[-1 - ago] if 0 <= ago < len(self._recent) else None

    def summary(self) -> dict[str, Any]:
        """For the sensor's state."""
        last = self.last
        told: dict[str, Any] = {"heard": self.heard, **vars(self.counters), "promise": self.promise}
        told |= {"yield": self.counters.passed}
        if last:
            told |= {"verdict": last.verdict, "class": last.fault, "part": last.part, "against": last.against}
            told |= {"boot": last.order[0], "number": last.order[1], "latency_us": last.latency_us}
        return told | ({"fault": self.fault} if self.fault else {})

    def _count(self, it: Judged) -> None:
        name = it.verdict.lower() or "unjudged"
        setattr(self.counters, name, getattr(self.counters, name) + 1)

    def _complete(self, it: Judged, part: Part) -> None:
        it.latency_us = part.latency_us
        it.part = "".join(c for c in part.name.decode(errors="replace") if c.isprintable())
        if part.verdict != UNJUDGED and it.verdict and WORDS.get(part.verdict, "unsure") != it.verdict:
            self.counters.disagreements += 1


def station(hello: dict[str, Any], before: Station | None) -> Station | None:
    """What the sensor with this hello is besides; None where it judges no parts. Raises WireError for a bad recipe."""
    table = hello.get("features")
    if not isinstance(table, dict) or table.get("kind") != Cycle.kind:
        return None
    try:
        recipe = recipes.from_table(table)
    except ValueError as fault:
        raise WireError(f"hello: {fault}") from fault
    assert isinstance(recipe, Cycle)
    return before if before and before.recipe.table() == recipe.table() else Station(recipe)


def _class(fault: int, classes: list[str]) -> str:
    return classes[fault] if fault != UNKNOWN and fault < len(classes) else "unknown"
