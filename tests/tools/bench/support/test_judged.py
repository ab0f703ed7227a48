"""What a gateway makes of windows: single scores where a model looks for no shift, else the mean of late as well."""

from types import SimpleNamespace

import numpy as np

from reedmesh.config.settings import AlertRule
from reedmesh.inference.learnt import Learnt
from tools.bench.support.judged import of_model

RULE, WINDOWS = AlertRule(), np.random.default_rng(1).integers(-8, 9, (200, 10)).astype(np.int8)


def model(shift: int) -> SimpleNamespace:
    """One whose residual is the window itself."""
    made = SimpleNamespace(threshold=600, learnt=Learnt(shift=shift))
    made.residuals = lambda windows: windows.astype(np.int64)
    made.scores = lambda windows: (windows.astype(np.int64) ** 2).sum(axis=1)
    return made


def test_a_fault_in_every_window_is_found_by_its_mean_after_normal_windows() -> None:
    tests = {"normal": WINDOWS, "weak": WINDOWS + np.int8(4), "strong": WINDOWS + np.int8(40), "normal-other": WINDOWS}
    without, seen = of_model(model(0), tests, RULE)  # type: ignore[arg-type]
    assert {label: it.share for label, it in seen.items()} == {"weak": 0.0, "strong": 1.0}
    normal, found = of_model(model(1000), tests, RULE)  # type: ignore[arg-type]
    assert without.false == normal.false == normal.over == 0.0
    assert found["weak"].share == 1.0 and 7 < found["weak"].delay <= 24 and found["strong"].delay == 7.0
