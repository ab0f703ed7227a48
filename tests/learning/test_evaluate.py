"""What a model is worth, and whether it may replace another."""

import numpy as np
import pytest

from reedmesh.inference import family
from reedmesh.inference.model import Model
from reedmesh.learning import evaluate
from reedmesh.learning.candidate import commission
from reedmesh.learning.evaluate import Estimate, objection
from tests.support import machines

FAMILY = family.load_family(family.find_family("vibration"))


@pytest.mark.parametrize(
    ("after", "reason"),
    [
        (Estimate(1.0, 0.02), ""),
        (Estimate(0.5, 0.0), ""),
        (Estimate(1.01, 0.0), "loss 1.0100"),
        (Estimate(float("nan"), 0.0), "loss nan"),
        (Estimate(0.9, 0.03), "false alarms 3.0%"),
    ],
)
def test_what_is_worse_in_either_respect_stays_out(after: Estimate, reason: str) -> None:
    found = objection(FAMILY, Estimate(1.0, 0.02), after)
    assert found.startswith(reason) and bool(found) == bool(reason)


def test_false_alarms_as_rare_as_promised_are_no_objection() -> None:
    assert not objection(FAMILY, Estimate(1.0, 0.0), Estimate(1.0, 0.0099))


def test_a_candidate_is_tried_on_windows_its_threshold_was_not_made_of() -> None:
    """Half of the windows are another machine's: whichever half sets the threshold, the other one is judged by it."""
    model = Model(commission(FAMILY, machines.windows(FAMILY.recipe, count=240), seed=1).model)
    calm, loud = machines.windows(FAMILY.recipe, 1.0001)[:60], machines.windows(FAMILY.recipe, 2.0)[:60]
    mixed = np.empty((120, *calm.shape[1:]), np.int8)
    mixed[::2], mixed[1::2] = calm, loud
    assert evaluate.candidate(FAMILY, model, mixed).false_alarms > 0.45
    assert evaluate.candidate(FAMILY, model, calm).false_alarms < 0.05
    assert evaluate.in_service(model, loud).false_alarms > 0.98
    assert evaluate.in_service(model, loud).loss > evaluate.in_service(model, calm).loss
