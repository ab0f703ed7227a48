"""The search for settings of a family on a recording: what is tried, in jobs, and which setting is chosen. Pure.

A setting is a recipe (bands of a spectrum), windows to learn from, quantile and margin of the threshold, and the alert
rule. One job tries one recipe and number of windows with all of the rest. What is chosen does best on the part `tune`
together with its neighbours in margin, so that a lucky one is passed over; where several do as well, the one nearest to
the family's own setting is. What that is worth shows on the part `check`, or on another recording.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reedmesh.inference.family import Plan
from reedmesh.inference.learnt import highest_rate
from reedmesh.jobs.trial import WHOLE, Setting, settings
from reedmesh.protocol.recipe import MAX_BANDS, Recipe, Spectrum, from_table

BANDS = (4, 6, 8, 10, 12, 16, 20, 24, 32)
WINDOWS = (0.5, 1.0, 2.0)  # times the family's own
QUANTILES = (0.9, 0.95, 0.98, 1.0)
MARGINS = (1.2, 1.4, 1.6, 1.8, 2.0, 2.4, 2.8, 3.4, 4.0)
RULES = ((5, 10), (7, 16), (10, 20), (12, 16))
LEAST_WINDOWS = 30
ALIKE = 5.0  # thousandths: settings that do as well
FALSE = 100.0  # thousandths that a false alert in a thousand windows costs
CALM = 0.05  # share of normal windows above the threshold that is likely at most


@dataclass(frozen=True)
class Trial:
    """What one job tries: a recipe, as its table, and normal windows to learn from."""

    features: Mapping[str, int | str]
    windows: int

    @property
    def recipe(self) -> Recipe:
        """The recipe itself."""
        return from_table(dict(self.features))


@dataclass(frozen=True)
class Chosen:
    """A setting of everything."""

    trial: Trial
    setting: Setting

    def words(self) -> str:
        """In a line, for people."""
        bands = f"{self.trial.features['bands']} bands, " if "bands" in self.trial.features else ""
        it = self.setting
        return (
            f"{bands}{self.trial.windows} windows, quantile {it.quantile:g}, margin {it.margin:g}, {it.on} of {it.of}"
        )


@dataclass(frozen=True)
class Worth:
    """What a setting comes to. onset, least: mean and least share of onsets found; false: alerts in 1000 windows.

    onset_false: share of normal starts from which there is an alert. over: share of normal windows above the threshold;
    bound: the highest that is still likely (95 %).
    """

    onset: float
    least: float
    onset_false: float
    false: float
    over: float
    bound: float = 0.0

    @property
    def total(self) -> float:
        """In thousandths: onsets found, half by the worst machine and fault, less what false alerts cost."""
        return WHOLE * ((self.onset + self.least) / 2 - self.onset_false) - FALSE * self.false

    @property
    def is_calm(self) -> bool:
        """Whether few normal windows can be above the threshold: on another day those are false alerts."""
        return self.bound <= CALM

    def words(self) -> str:
        """In a line, for people."""
        found = f"{self.onset:.1%} of onsets found (worst {self.least:.1%})"
        return f"{found}, {self.false:.1f} false alerts in 1000 windows, {self.over:.1%} of normal windows above"


def own(plan: Plan, samples: int) -> Chosen:
    """The setting of the family as it is, for windows of `samples` readings."""
    table = _fitted(plan.recipe.table(), samples)
    rule = plan.alerts
    setting = Setting(plan.sums.quantile, plan.sums.margin, rule.on, rule.of, rule.off)
    return Chosen(Trial(table, plan.training.windows), setting)


def trials(start: Chosen, learnable: int) -> list[Trial]:
    """All that is tried; learnable: normal windows that the machine with most has to learn from.

    A recording that has fewer than the family learns from says nothing about learning from less.
    """
    if learnable < start.trial.windows:
        return [Trial(table, start.trial.windows) for table in _tables(start.trial)]
    counts = {start.trial.windows, *(round(start.trial.windows * part) for part in WINDOWS)}
    counts = {each for each in counts if each == start.trial.windows or LEAST_WINDOWS <= each <= learnable}
    return [Trial(table, count) for table in _tables(start.trial) for count in sorted(counts)]


def _tables(it: Trial) -> Iterator[Mapping[str, int | str]]:
    recipe = it.recipe
    if not isinstance(recipe, Spectrum):
        yield it.features
        return
    for bands in sorted({*BANDS, recipe.bands}):
        if bands <= min(MAX_BANDS, recipe.fft // 2 - 1):
            yield {**it.features, "bands": bands}


def grid(start: Chosen) -> dict[str, Any]:
    """The thresholds and rules that each job tries, as arguments; the family's own are among them."""
    it = start.setting
    rules = {*((on, of, it.off) for on, of in RULES), (it.on, it.of, it.off)}
    if it.of == 1:
        rules = {(1, 1, it.off)}  # a single window is an event of its own
    return {
        "quantiles": sorted({*QUANTILES, it.quantile}),
        "margins": sorted({*MARGINS, it.margin}),
        "rules": [list(rule) for rule in sorted(rules)],
    }


def searching(trial: Trial, tried: Mapping[str, Any], part: str, samples: int) -> dict[str, Any]:
    """The arguments of a job `search` on a recording with windows of so many readings."""
    return {"features": _fitted(trial.features, samples), "windows": trial.windows, "part": part, **tried}


def _fitted(features: Mapping[str, int | str], samples: int) -> dict[str, int | str]:
    """The recipe for windows of so many readings: a shorter one has fewer bands."""
    table = {**features, "samples": samples}
    if "hop" in table:
        table["hop"] = min(int(table["hop"]), samples)
    if "bands" in table:
        table["bands"] = min(int(table["bands"]), (1 << (samples - 1).bit_length()) // 2 - 1)
    return table


def alone(it: Setting) -> dict[str, Any]:
    """The thresholds and rules of a job that tries one setting."""
    return {"quantiles": [it.quantile], "margins": [it.margin], "rules": [[it.on, it.of, it.off]]}


def together(worths: Sequence[Worth]) -> Worth:
    """What a setting comes to on several recordings: the mean; the worst of what must not happen on any."""
    mean = [sum(getattr(each, key) for each in worths) / len(worths) for key in ("onset", "onset_false", "false")]
    over, bound = (max(getattr(each, key) for each in worths) for key in ("over", "bound"))
    return Worth(mean[0], min(each.least for each in worths), mean[1], mean[2], over, bound)


def worths(result: Mapping[str, Any]) -> list[Worth]:
    """What each setting of a job `search` came to."""
    normal = result["normal"]
    return [
        Worth(a / WHOLE, b / WHOLE, c / WHOLE, 1000 * false / normal, over / normal, highest_rate(over, normal))
        for a, b, c, false, over, _ in result["rows"]
    ]


def best(start: Chosen, tried: Mapping[str, Any], results: Sequence[tuple[Trial, list[Worth]]]) -> tuple[Chosen, Worth]:
    """The setting to choose, with what it came to: a calm one, if there is any; raises ValueError for no results."""
    every = [found for trial, found_worths in results for found in _smoothed(trial, tried, found_worths)]
    quietest = min(worth.bound for _, worth, _ in every)
    every = [each for each in every if each[1].is_calm or each[1].bound == quietest]
    most = max(value for _, _, value in every)
    alike = [(chosen, worth) for chosen, worth, value in every if value >= most - ALIKE]
    return min(alike, key=lambda pair: _distance(start, pair[0]))


def _smoothed(trial: Trial, tried: Mapping[str, Any], found: list[Worth]) -> Iterator[tuple[Chosen, Worth, float]]:
    """Each setting, what it came to, and the mean of that with its neighbours in margin, if that is less."""
    margins, rules = len(tried["margins"]), len(tried["rules"])
    for place, setting in enumerate(settings(tried["quantiles"], tried["margins"], tried["rules"])):
        at = place // rules % margins
        near = [place + rules * step for step in (-1, 0, 1) if 0 <= at + step < margins]
        mean = sum(found[each].total for each in near) / len(near)
        yield Chosen(trial, setting), found[place], min(mean, found[place].total)


def _distance(start: Chosen, it: Chosen) -> float:
    """How far a setting is from the family's own, in parts of that."""
    ours, its = start.setting, it.setting
    pairs = [(start.trial.windows, it.trial.windows), (ours.margin, its.margin), (ours.on / ours.of, its.on / its.of)]
    pairs += [(int(start.trial.features.get("bands", 1)), int(it.trial.features.get("bands", 1))), (ours.of, its.of)]
    return sum(abs(math.log(a / b)) for a, b in pairs) + 10 * abs(ours.quantile - its.quantile)
