"""A machine that was learnt in few of its states, and a person who answers its alerts while it runs normally.

Each alert of normal windows is called no fault, as `reedmesh alerts` does it: the machine is learnt again with the
windows of the alert, and with those before it that were below the threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.alerts.debounce import EVIDENCE, Watcher
from reedmesh.inference.family import Family
from reedmesh.inference.model import Model
from reedmesh.learning import summed
from reedmesh.learning.arrays import Windows
from reedmesh.learning.gate import Flags
from reedmesh.learning.told import Told

MOST = 8  # answers; who is asked more often stops listening


@dataclass(frozen=True)
class Commissioned:
    """A model, and how often a person was asked until it was learnt."""

    model: Model
    answers: int


def answered(family: Family, part: Windows, later: Windows, neighbours: Sequence[Told]) -> Commissioned:
    """A machine commissioned with `part`, after the alerts of the normal windows `later` were answered."""
    model, normal, called = _learnt(family, [part], neighbours), [part], []
    for answers in range(MOST):
        over = model.scores(later) > model.threshold
        raised = _raised(family, over)
        if raised is None:
            return Commissioned(model, answers)
        began = max(0, raised + 1 - family.alerts.of)
        end = _evident(over, began)
        normal, called = [*normal, later[:began]], [*called, later[began:end]]
        model, later = _learnt(family, [*normal, *called], neighbours), later[end:]
    return Commissioned(model, MOST)


def _raised(family: Family, over: Flags) -> int | None:
    """The window that raises the first alert."""
    watcher = Watcher("machine", family.alerts)
    return next((i for i, each in enumerate(over) if watcher.judge(2.0 * each, 1.0, float(i))), None)


def _learnt(family: Family, runs: Sequence[Windows], neighbours: Sequence[Told]) -> Model:
    return Model(summed.candidate(family, np.concatenate(runs), neighbours).model)


def _evident(over: Flags, began: int) -> int:
    """Where the windows of an alert are enough to learn from, or end."""
    enough = np.flatnonzero(np.cumsum(over[began:]) >= EVIDENCE)
    return began + int(enough[0]) + 1 if len(enough) else len(over)
