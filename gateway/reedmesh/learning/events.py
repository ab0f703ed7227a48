"""Events of learning together: an update given, taken or refused, a model made, a round at its end.

`exchange/` and `updates/` report each event once, to a Witness.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from reedmesh.learning.aggregate import Merged
from reedmesh.learning.evaluate import Estimate


@dataclass(frozen=True)
class Given:
    """Our update `sequence` is stored and about to be published."""

    sequence: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Taken:
    """A neighbour's update was verified and added to its public copy here."""

    sender: str
    sequence: int
    payload: bytes = field(repr=False)


@dataclass(frozen=True)
class Refused:
    """A neighbour's update cannot be what it claims to be."""

    sender: str
    sequence: int
    reason: str
    size: int = 0


@dataclass(frozen=True)
class Made:
    """A candidate became a sensor's model, or why it did not (`objection`). before: of what was in service."""

    sensor: str
    model: bytes = field(repr=False)
    objection: str
    before: Estimate | None
    after: Estimate

    def table(self) -> dict[str, Any]:
        """Return the same as a dict for JSON."""
        before = self.before and self.before.table()
        return {"objection": self.objection, "before": before, "after": self.after.table()}


@dataclass(frozen=True)
class Round:
    """The outcome of a round. at: s since 1970, when it ended.

    windows: learnt from. merged: who is in it and who is not. late: those that were not heard of in time. before,
    after: mean squared error on our held-out windows, before and after the merge.
    """

    at: float
    number: int
    windows: int
    merged: Merged
    late: tuple[str, ...]
    before: float
    after: float
    seconds: float
    made: tuple[Made, ...] = ()

    def table(self) -> dict[str, Any]:
        """Return the same as a dict for JSON."""
        return {
            "at": round(self.at, 2),
            "round": self.number,
            "windows": self.windows,
            "taken": {name: round(share, 4) for name, share in self.merged.taken.items()},
            "worth": {name: round(worth, 6) for name, worth in self.merged.worth.items()},
            "refused": self.merged.refused,
            "late": list(self.late),
            "loss": {"before": round(self.before, 5), "after": round(self.after, 5)},
            "seconds": round(self.seconds, 2),
            "sensors": {each.sensor: each.table() for each in self.made},
        }


Event = Given | Taken | Refused | Round
EventHandler = Callable[[Event], None]
