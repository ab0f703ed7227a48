"""The answer to `learning` as frozen values. Pure, and safe against any answer, as `answers.py` is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.answers import LONG, dicts
from reedmesh.dashboard.model.reducer import MAX_COUNT, MAX_NEIGHBOURS, MAX_SCORE, MAX_TIME, count, number, text

MOST_ROUNDS = 8


@dataclass(frozen=True)
class NeighbourState:
    """The state of a neighbour's updates. sequence: of the newest; share: in the last merge, 0..1.

    last: merged, refused or late in the last round; reason: of the last refusal.
    """

    name: str
    sequence: int | None = None
    at: float | None = None
    bytes_in: int = 0
    merged: int = 0
    refused: int = 0
    reason: str = ""
    last: str = ""
    share: float = 0.0


@dataclass(frozen=True)
class Judged:
    """A sensor's model before and after a round: shares of normal windows above the threshold. objection: to it."""

    sensor: str
    before: float | None
    after: float | None
    objection: str = ""


@dataclass(frozen=True)
class Round:
    """A round. taken: (neighbour, share); refused: (neighbour, reason); losses: before and after its merge."""

    number: int
    at: float
    windows: int
    taken: tuple[tuple[str, float], ...]
    refused: tuple[tuple[str, str], ...]
    late: tuple[str, ...]
    before: float | None
    after: float | None
    judged: tuple[Judged, ...]


@dataclass(frozen=True)
class Learning:
    """How a gateway learns together with its neighbours. bytes: of updates, since it was started."""

    state: str = ""
    rounds: int = 0
    heard: int = 0
    updates: int = 0
    bytes_out: int = 0
    neighbours: tuple[NeighbourState, ...] = ()
    history: tuple[Round, ...] = ()

    @property
    def bytes_in(self) -> int:
        """Of all neighbours together."""
        return sum(each.bytes_in for each in self.neighbours)


def learning(answer: Mapping[str, Any]) -> Learning:
    """The answer to `learning`; its rounds newest first."""
    rounds = sorted((_round(each) for each in dicts(answer.get("merges"))), key=lambda each: -each.at)
    return Learning(
        state=text(answer.get("state")),
        rounds=count(answer.get("rounds")),
        heard=count(answer.get("heard")),
        updates=count(answer.get("updates")),
        bytes_out=count(answer.get("bytes_out")),
        neighbours=tuple(_standing(name, each) for name, each in _named(answer.get("neighbours"))),
        history=tuple(rounds[:MOST_ROUNDS]),
    )


def _standing(name: str, said: Mapping[str, Any]) -> NeighbourState:
    sequence = number(said.get("sequence"), MAX_COUNT)
    return NeighbourState(
        name=name,
        sequence=None if sequence is None else int(sequence),
        at=number(said.get("at"), MAX_TIME),
        bytes_in=count(said.get("bytes_in")),
        merged=count(said.get("merged")),
        refused=count(said.get("refused")),
        reason=text(said.get("reason"), LONG),
        last=text(said.get("last")),
        share=number(said.get("share"), 1.0) or 0.0,
    )


def _round(said: Mapping[str, Any]) -> Round:
    losses, late = said.get("loss"), said.get("late")
    losses = losses if isinstance(losses, dict) else {}
    return Round(
        number=count(said.get("round")),
        at=number(said.get("at"), MAX_TIME) or 0.0,
        windows=count(said.get("windows")),
        taken=tuple((name, number(share, 1.0) or 0.0) for name, share in _pairs(said.get("taken"))),
        refused=tuple((name, text(reason, LONG)) for name, reason in _pairs(said.get("refused"))),
        late=tuple(text(each) for each in late[:MAX_NEIGHBOURS]) if isinstance(late, list) else (),
        before=number(losses.get("before"), MAX_SCORE),
        after=number(losses.get("after"), MAX_SCORE),
        judged=tuple(_judged(name, each) for name, each in _named(said.get("sensors"))),
    )


def _judged(name: str, said: Mapping[str, Any]) -> Judged:
    before, after = (_alarms(said.get(key)) for key in ("before", "after"))
    return Judged(name, before, after, text(said.get("objection"), LONG))


def _alarms(estimate: object) -> float | None:
    return number(estimate.get("false_alarms"), 1.0) if isinstance(estimate, dict) else None


def _named(table: object) -> list[tuple[str, dict[str, Any]]]:
    return [(name, each) for name, each in _pairs(table) if isinstance(each, dict)]


def _pairs(table: object) -> list[tuple[str, Any]]:
    """Names, cleaned, and what belongs to them."""
    found = list(table.items())[:MAX_NEIGHBOURS] if isinstance(table, dict) else []
    return [(text(name), each) for name, each in found]
