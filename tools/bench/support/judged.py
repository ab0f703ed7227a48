"""What a gateway makes of a machine's windows by a model: scores, or what the shift of the last windows is worth."""

from collections.abc import Mapping
from copy import deepcopy

import numpy as np
from numpy.typing import NDArray

from reedmesh.config.settings import AlertRule
from reedmesh.inference.model import Model
from reedmesh.inference.shift import Shift
from tools.bench.support.onsets import WITHIN, Normal, Onset, of_fault, of_normal, of_starts, starts

Windows = NDArray[np.int8]


def of_model(model: Model, tests: Mapping[str, Windows], rule: AlertRule) -> tuple[Normal, dict[str, Onset]]:
    """Of the windows "normal", and of each fault, which begins after them."""
    shift = Shift(model.learnt.shift) if model.learnt and model.learnt.shift else None
    normal = _seen(model, shift, tests["normal"])
    faults = {label: windows for label, windows in tests.items() if not label.startswith("normal")}
    return of_normal(normal, model.threshold, rule), {
        label: _onset(model, shift, each, rule) for label, each in faults.items()
    }


def _onset(model: Model, shift: Shift | None, windows: Windows, rule: AlertRule) -> Onset:
    if shift is None:
        return of_fault(model.scores(windows), model.threshold, rule)
    runs = [windows[at : at + WITHIN] for at in starts(len(windows))]
    return of_starts([_seen(model, deepcopy(shift), run) for run in runs], model.threshold, rule)


def _seen(model: Model, shift: Shift | None, windows: Windows) -> NDArray[np.float64]:
    """What each window is worth to the rule of alerts, as `readings.sensor` has it; `shift` goes on."""
    residuals = model.residuals(windows)
    scores = (residuals * residuals).sum(axis=1).astype(np.float64)
    if shift is None:
        return scores
    pairs = zip(residuals, scores <= model.threshold, strict=True)
    return np.maximum(scores, [model.threshold * shift.take(each, bool(calm)) for each, calm in pairs])
