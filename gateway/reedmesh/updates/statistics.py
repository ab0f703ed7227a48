"""Statistics of learning together: updates given to neighbours, taken from them, refused and merged.

`exchange/` and `updates/update.py` report each event once. The answer to the request `learning` is made from these
statistics, and part of `info`.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reedmesh.learning.events import Event, Given, Refused, Round, Taken
from reedmesh.store.replicas import MOST_MERGES

MOST_REFUSALS = 10  # remembered of each neighbour


@dataclass
class NeighbourStatistics:
    """Statistics of a neighbour's updates since the gateway started."""

    sequence: int | None = None  # of the newest that was taken
    at: float | None = None  # when
    updates: int = 0
    bytes_in: int = 0
    merged: int = 0
    refused: int = 0
    reason: str = ""  # of the last refusal
    last: str = ""  # what came of it in the last round it was in: merged, refused or late
    share: float = 0.0  # in the last merge
    refusals: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=MOST_REFUSALS))


class LearningStatistics:
    """Of one gateway. merges: of earlier runs, as `Round.table` made them; taken: when each neighbour last gave one."""

    def __init__(
        self,
        merges: Iterable[dict[str, Any]] = (),
        clock: Callable[[], float] = time.time,
        taken: Mapping[str, float] = {},
    ) -> None:
        self.neighbours: dict[str, NeighbourStatistics] = {}
        self.merges: deque[dict[str, Any]] = deque(merges, MOST_MERGES)
        self.updates = self.bytes_out = 0
        self._clock = clock
        self._taken = dict(taken)

    def take(self, event: Event) -> None:
        """Note what happened."""
        if isinstance(event, Given):
            self.updates, self.bytes_out = self.updates + 1, self.bytes_out + len(event.payload)
        elif isinstance(event, Taken):
            it = self._of(event.sender)
            it.sequence, it.at, it.updates = event.sequence, self._clock(), it.updates + 1
            it.bytes_in += len(event.payload)
        elif isinstance(event, Refused):
            self._of(event.sender).bytes_in += event.size
            self._refuse(event.sender, event.sequence, event.reason)
        else:
            self._note_round(event)

    def heard(self, name: str) -> float | None:
        """When the newest update of a neighbour was taken, in seconds since 1970; None: never."""
        known = self.neighbours.get(name)
        return known.at if known and known.at is not None else self._taken.get(name)

    def reputation(self) -> dict[str, dict[str, Any]]:
        """How often each neighbour's update was merged and refused, and why it was the last time."""
        return {
            name: {"merged": it.merged, "refused": it.refused, "reason": it.reason}
            for name, it in self.neighbours.items()
            if it.merged or it.refused
        }

    def table(self) -> dict[str, Any]:
        """Return the same as a dict for JSON."""
        neighbours = {name: vars(it) | {"refusals": list(it.refusals)} for name, it in self.neighbours.items()}
        return {
            "updates": self.updates,
            "bytes_out": self.bytes_out,
            "neighbours": neighbours,
            "merges": list(self.merges),
        }

    def _note_round(self, event: Round) -> None:
        self.merges.append(event.table())
        for name, share in event.merged.taken.items():
            it = self._of(name)
            it.merged, it.share, it.last = it.merged + 1, round(share, 4), "merged"
        for name, reason in event.merged.refused.items():
            self._refuse(name, self._of(name).sequence, reason)
            self._of(name).last = "refused"
        for name in event.late:
            self._of(name).last = "late"

    def _refuse(self, name: str, sequence: int | None, reason: str) -> None:
        it = self._of(name)
        it.refused, it.reason = it.refused + 1, reason
        it.refusals.append({"at": round(self._clock(), 2), "sequence": sequence, "reason": reason})

    def _of(self, name: str) -> NeighbourStatistics:
        return self.neighbours.setdefault(name, NeighbourStatistics())
