"""How far a threshold may move: little within a day, and not without end from what it was commissioned with. Pure.

A lesson may come every hour, and each could move a threshold a little the same way: a slow fault would become normal.
What a model was commissioned with, and what the day began with, stand in its own metadata, so that the next one needs
no other record, and an audit finds the same. A person who has the machine learnt anew begins anew.
"""

import math
from dataclasses import dataclass

from reedmesh.inference.model import Model

DAY = 86400  # seconds
MOST_DAY = 1.1  # times, or part of, the threshold that a day began with
MOST = 2.0  # times, or part of, that of commissioning


@dataclass(frozen=True)
class History:
    """Of a threshold. first: at commissioning. day: since 1970; morning: the threshold which that day began with."""

    first: int
    day: int
    morning: int


def bounded(wanted: int, before: Model | None, day: int) -> tuple[int, History]:
    """The threshold that comes nearest to `wanted`, after that of the model `before`, and what is to be known of it.

    before: None for a machine that is learnt for the first time, or anew. One that was learnt by a network begins anew.
    """
    if before is None or before.learnt is None:
        return wanted, History(wanted, day, wanted)
    said = before.learnt
    first = said.first or before.threshold
    morning = said.morning if said.morning and said.day == day else before.threshold
    low = max(math.ceil(morning / MOST_DAY), math.ceil(first / MOST))
    high = min(math.floor(morning * MOST_DAY), math.floor(first * MOST))
    return max(min(max(wanted, low), high), 1), History(first, day, morning)
