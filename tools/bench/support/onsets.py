"""Figures of alerts from scores and a threshold: detected onsets, their delay, false alerts, windows above.

Judged by the rule of the gateway (`alerts.debounce.Watcher`). An onset is a start at every tenth window of a
fault. It is found when an alert is raised within 60 windows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule

WITHIN, EVERY = 60, 10  # windows
RULE = AlertRule()


@dataclass(frozen=True)
class Onset:
    """share: of onsets found. delay: median windows until the alert, nan where none was."""

    share: float
    delay: float


@dataclass(frozen=True)
class Normal:
    """false: alerts in 1000 windows. over: the share of windows above the threshold. starts: the share of starts, at
    every tenth window, from which a false alert is raised within 60: what an onset's share is to be seen beside."""

    false: float
    over: float
    starts: float


def of_fault(scores: NDArray[np.generic], threshold: float, rule: AlertRule = RULE) -> Onset:
    """Of a fault's windows in recorded order. Where a single window raises an alert, each is a fault of its own."""
    if rule.of == 1:
        return Onset(float((scores > threshold).mean()), 1.0)
    return of_starts([scores[at : at + WITHIN] for at in starts(len(scores))], threshold, rule)


def starts(windows: int) -> range:
    """Where onsets begin in so many windows of a fault."""
    return range(0, max(1, windows - WITHIN), EVERY)


def of_starts(runs: Sequence[NDArray[np.generic]], threshold: float, rule: AlertRule = RULE) -> Onset:
    """Of the scores after each onset."""
    delays = [_delay(each, threshold, rule) for each in runs]
    found = [each for each in delays if each]
    return Onset(len(found) / len(delays), float(median(found)) if found else float("nan"))


def of_normal(scores: NDArray[np.generic], threshold: float, rule: AlertRule = RULE) -> Normal:
    """Of normal windows in recorded order."""
    watcher = Watcher("machine", rule)
    changes = [watcher.judge(float(score), threshold, float(i)) for i, score in enumerate(scores)]
    raised = sum(change is not None and change.type == "new" for change in changes)
    over = float((scores > threshold).mean())
    return Normal(1000 * raised / len(scores), over, of_fault(scores, threshold, rule).share)


def _delay(scores: NDArray[np.generic], threshold: float, rule: AlertRule) -> int:
    """Windows until an alert is raised, 0: none is."""
    watcher = Watcher("machine", rule)
    for i, score in enumerate(scores):
        if watcher.judge(float(score), threshold, float(i)):
            return i + 1
    return 0
