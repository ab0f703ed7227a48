"""How a setting of a family does on a recording: onsets found, false alerts. Whole numbers throughout, so that gateways
with the same program come to the same bytes.

One recipe is learnt and scored once, then judged with many thresholds and alert rules. Each machine is learnt alone, by
sums, from its normal windows. An onset is a start at every tenth window of a fault, found when an alert is raised
within 60 windows; normal windows are judged one after the other. Of what is tested, `tune` is the first half of each
condition in time and `check` the second, so that a setting can be judged by windows that it was not chosen by.
"""

import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError, DeployError
from reedmesh.inference import features
from reedmesh.inference.model import Model
from reedmesh.learning import detector, export, threshold
from reedmesh.learning.arrays import Windows
from reedmesh.learning.sums import Ints
from reedmesh.protocol.recipe import Recipe
from reedmesh.recordings.fitting import fitted
from reedmesh.recordings.recording import EVERYBODY, NORMAL, TEST, TRAIN, Recording, load

WITHIN, EVERY = 60, 10  # windows, as in `faultset.onset`
PARTS = ("tune", "check", "all")
MOST_WINDOWS = 50_000  # of a recording
MOST_UNPACKED = 512 << 20  # bytes of a recording
LEAST = 20  # normal windows to learn from
WHOLE = 1000  # shares are in thousandths


@dataclass(frozen=True)
class Machine:
    """Features of one machine, int8 [m, length]: to learn from, and to test, by condition; NORMAL is one."""

    name: str
    learn: Windows
    tests: dict[str, Windows]


@dataclass(frozen=True)
class Count:
    """Of one machine and fault. onset: onsets found of `starts`, delay: windows until then, in all."""

    machine: str
    fault: str
    onset: int
    starts: int
    delay: int


@dataclass(frozen=True)
class Calm:
    """Of one machine's normal windows. false: alerts. over: windows above the threshold. onset, starts: as in Count."""

    machine: str
    false: int
    over: int
    windows: int
    onset: int
    starts: int


@dataclass(frozen=True)
class Setting:
    """A threshold is `margin` times the `quantile` of normal scores; the rule is [alerts] on, of, off."""

    quantile: float
    margin: float
    on: int
    of: int
    off: int

    @property
    def rule(self) -> AlertRule:
        """As the gateway knows it."""
        return AlertRule(on=self.on, of=self.of, off=self.off)


@dataclass(frozen=True)
class Scored:
    """A machine learnt by one recipe. normal: scores of windows held out while it was learnt. tests: by condition."""

    machine: Machine
    normal: Ints
    tests: dict[str, NDArray[np.int64]]

    def limit(self, setting: Setting) -> int:
        """The threshold."""
        return math.ceil(setting.margin * threshold.quantile(threshold.histogram(self.normal), setting.quantile))


def read(path: Path) -> Recording:
    """A recording in the neutral format; raises ConfigError for one that is damaged or too large."""
    try:
        with zipfile.ZipFile(path) as files:
            if sum(each.file_size for each in files.infolist()) > MOST_UNPACKED:
                raise ConfigError(f"{path}: more than {MOST_UNPACKED >> 20} MiB unpacked; cut it")
    except (OSError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: no recording in the neutral format: {error}") from error
    found = load(path)
    if not 0 < len(found.x) <= MOST_WINDOWS:
        raise ConfigError(f"{path}: {len(found.x)} windows, 1 to {MOST_WINDOWS} are read")
    return found


def apart(recording: Recording, name: str) -> tuple[Recording, Recording]:
    """The recording without the machine `name`, and that machine alone; raises ConfigError if it is not there."""
    if name not in recording.names or len(recording.names) < 2:
        raise ConfigError(f"{name}: no machine that can be left out; there are {', '.join(recording.names)}")
    found = []
    for names in ([each for each in recording.names if each != name], [name]):
        numbers = [recording.names.index(each) for each in names]
        kept = np.isin(recording.gateway, [EVERYBODY, *numbers])
        places = {old: new for new, old in enumerate(numbers)} | {EVERYBODY: EVERYBODY}
        gateway = np.array([places[int(each)] for each in recording.gateway[kept]], np.int64)
        arrays = {key: getattr(recording, key)[kept] for key in ("x", "split", "label")}
        found.append(replace(recording, gateway=gateway, names=tuple(names), **arrays))
    return found[0], found[1]


def machines(recording: Recording, recipe: Recipe, windows: int, part: str = "all") -> list[Machine]:
    """All machines that were recorded with a fault, each learnt from `windows` at most; raises ConfigError for none."""
    heard = recording if recipe.axes > 1 else replace(recording, x=recording.x[:, :, :1])
    fits = fitted(heard, recipe.axes, "the family")
    if fits.x.shape[1] != recipe.samples:
        raise ConfigError(f"windows of {fits.x.shape[1]} readings, the recipe takes {recipe.samples}")
    found = []
    for number, name in enumerate(fits.names):
        learn = fits.windows(number, TRAIN, NORMAL)[:windows]
        tests = {each: _part(fits.windows(number, TEST, each), part) for each in (NORMAL, *fits.faults(number))}
        if len(learn) >= LEAST and len(tests) > 1 and all(map(len, tests.values())):
            tested = {each: features.extract(x, recipe) for each, x in tests.items()}
            found.append(Machine(name, features.extract(learn, recipe), tested))
    if not found:
        raise ConfigError(f"no machine with {LEAST} normal windows to learn from, later normal ones, and a fault")
    return found


def scored(machine: Machine, recipe: Recipe) -> Scored:
    """Learn a machine, and score what is tested; raises DeployError when nothing can be learnt."""
    try:
        found = detector.learn(machine.learn, apart=recipe.apart)
    except ValueError as error:
        raise DeployError(f"{machine.name}: {error}") from error
    model = Model(export.to_tflite(found.model, 1))
    return Scored(machine, found.held_out, {each: model.scores(x) for each, x in machine.tests.items()})


def judged(it: Scored, setting: Setting) -> tuple[list[Count], Calm]:
    """How a machine does by a setting: each fault, and its normal windows."""
    limit, name = it.limit(setting), it.machine.name
    faults = []
    for label, scores in it.tests.items():
        if label != NORMAL:
            faults.append(Count(name, label, *onsets(scores > limit, setting)))
    scores = it.tests[NORMAL]
    over = scores > limit
    onset, starts, _ = onsets(over, setting)
    return faults, Calm(name, _alerts(scores, limit, setting), int(over.sum()), len(over), onset, starts)


def onsets(over: NDArray[np.bool_], setting: Setting) -> tuple[int, int, int]:
    """Onsets found, of how many, and windows until they were, in all; over: windows above the threshold, in order.

    Where a single window raises an alert, each window is an onset.
    """
    if setting.of == 1:
        return int(over.sum()), len(over), int(over.sum())
    found = delay = 0
    starts = range(0, max(1, len(over) - WITHIN), EVERY)
    for start in starts:
        at = _raised(over[start : start + WITHIN], setting)
        found, delay = found + (at > 0), delay + at
    return found, len(starts), delay


def summary(recording: Recording, recipe: Recipe, windows: int, part: str, settings: list[Setting]) -> dict[str, Any]:
    """For each setting, over all machines: a row of whole numbers.

    rows: [mean onset, least onset, mean false onset, false alerts, windows over, windows until found]; shares in
    thousandths. pairs: machines and faults; normal: normal windows that were judged.
    """
    each = [scored(machine, recipe) for machine in machines(recording, recipe, windows, part)]
    rows = [_row([judged(it, setting) for it in each]) for setting in settings]
    normal = sum(len(it.tests[NORMAL]) for it in each)
    return {"rows": rows, "pairs": sum(len(it.tests) - 1 for it in each), "normal": normal}


def _row(found: list[tuple[list[Count], Calm]]) -> list[int]:
    counts = [each for faults, _ in found for each in faults]
    calm = [each for _, each in found]
    shares = [WHOLE * each.onset // each.starts for each in counts]
    false = [WHOLE * each.onset // each.starts for each in calm]
    return [
        sum(shares) // len(shares),
        min(shares),
        sum(false) // len(false),
        sum(each.false for each in calm),
        sum(each.over for each in calm),
        sum(each.delay for each in counts),
    ]


def _part(windows: NDArray[np.int16], part: str) -> NDArray[np.int16]:
    half = len(windows) // 2
    return windows[:half] if part == "tune" else windows[half:] if part == "check" else windows


def _raised(over: NDArray[np.bool_], setting: Setting) -> int:
    """Windows until `on` of the last `of` are over, 0 if they never are."""
    run = np.concatenate([np.zeros(setting.of, np.int64), np.cumsum(over)])
    reached = np.flatnonzero(run[setting.of :] - run[: -setting.of] >= setting.on)
    return int(reached[0]) + 1 if len(reached) else 0


def _alerts(scores: NDArray[np.int64], limit: int, setting: Setting) -> int:
    """Alerts that normal windows raise, by the gateway's own rule."""
    if not _raised(scores > limit, setting):
        return 0
    watcher = Watcher("machine", setting.rule)
    return sum(_is_new(watcher, int(score), limit, i) for i, score in enumerate(scores))


def _is_new(watcher: Watcher, score: int, limit: int, at: int) -> bool:
    change = watcher.judge(float(score), float(limit), float(at))
    return change is not None and change.type == "new"


def settings(quantiles: list[float], margins: list[float], rules: list[list[int]]) -> Iterator[Setting]:
    """All combinations, in an order that stays the same."""
    return (Setting(q, m, *rule) for q in quantiles for m in margins for rule in rules)
