"""The value of a model on normal windows that it did not learn from, and whether it may replace another.

The false-alarm estimate of a candidate is twofold: its threshold follows from held-out windows, so it is made of one
half of them and tried on the other, and the other way round. The model in service is simply tried on all. Pure.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.family import Family
from reedmesh.inference.learnt import highest_rate
from reedmesh.inference.model import Model
from reedmesh.learning.arrays import Windows
from reedmesh.protocol import scaling


@dataclass(frozen=True)
class Estimate:
    """loss: the mean score, in squared deviations a feature. false_alarms: the share of windows over the threshold.

    onset: the share of onsets of synthetic faults from which an alert is raised, see `faultset.py`; None: not measured.
    faults: the share above the threshold of windows of alerts that nobody called no fault; None: there are none.
    lifts: what each band must rise by to raise one, in dB (where features are powers, else in their steps).
    windows: normal ones that it was tried on.
    """

    loss: float
    false_alarms: float
    onset: float | None = None
    faults: float | None = None
    lifts: dict[str, float] = field(default_factory=dict)
    windows: int = 0

    @property
    def promise(self) -> float:
        """The highest share of normal windows above the threshold that the windows leave likely (95 %)."""
        return highest_rate(round(self.false_alarms * self.windows), self.windows)

    def table(self) -> dict[str, Any]:
        """Return the same as a dict for JSON."""
        told: dict[str, Any] = {"loss": round(self.loss, 4), "false_alarms": round(self.false_alarms, 4)}
        told |= {"promise": round(self.promise, 4)} if self.windows else {}
        if self.onset is not None:
            told |= {
                "onset": round(self.onset, 4),
                "faults": self.faults,
                "lifts": {name: round(db, 1) for name, db in self.lifts.items()},
            }
        return told


def in_service(model: Model, held_out: Windows) -> Estimate:
    """The estimate of a model in service, whose threshold was set before."""
    scores = model.scores(held_out)
    return Estimate(_loss(scores, model), float((scores > model.threshold).mean()), windows=len(scores))


def candidate(family: Family, model: Model, held_out: Windows) -> Estimate:
    """The estimate of a candidate, whose threshold follows from the same windows."""
    scores = model.scores(held_out)
    halves = scores[::2], scores[1::2]
    margin, quantile = family.threshold.margin, family.threshold.quantile
    over = sum(
        int((tried > margin * np.quantile(made, quantile)).sum()) for made, tried in (halves, halves[::-1]) if len(made)
    )
    return Estimate(_loss(scores, model), over / len(scores), windows=len(scores))


def objection(family: Family, before: Estimate, after: Estimate) -> str:
    """Why the candidate `after` may not replace what is in service; "" if it may: no worse in either respect.

    False alarms as rare as the family's quantile promises are no objection.
    """
    if not after.loss <= before.loss:
        return f"loss {after.loss:.4f} on held-out windows, {before.loss:.4f} before"
    allowed = max(before.false_alarms, 1 - family.threshold.quantile)
    if after.false_alarms > allowed:
        return f"false alarms {after.false_alarms:.1%} of held-out windows, {before.false_alarms:.1%} before"
    return ""


def _loss(scores: NDArray[np.int64], model: Model) -> float:
    return float(scores.mean()) / (scaling.ONE**2 * model.length)
