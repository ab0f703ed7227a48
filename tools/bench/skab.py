"""The process family on SKAB under its leaderboard's protocol: F1, false and missed alarms, beside what is published.

    python -m tools.bench.skab SKAB/data [--seeds 3]

Each of the 34 records is a machine: its first 400 rows are learnt, as a gateway would, the rest is judged row by row,
and rows of all records count together. What is said of a row is said of the window that ends with it: that it is above
the threshold, or within an alert by the gateway's rule. Scores are those of the int8 model that sensors run.

    local      each record by itself: `commission`
    federated  three gateways, one for each kind of fault, learn one set of weights in three rounds of what runs in
               service (`update.update`); each record keeps its scaling; the threshold follows the neighbours'

For comparison, in the same run: Mahalanobis' distance of single rows under the covariance of Ledoit and Wolf (2004),
with the 99 % quantile of the 400 rows as the threshold; and calling every row a fault.
"""

import argparse
import asyncio
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ReedmeshError
from reedmesh.inference import features
from reedmesh.inference.family import NETWORK, Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning import summed
from reedmesh.learning.arrays import Windows
from reedmesh.learning.candidate import commission
from tools.bench import report
from tools.bench.detect import auc
from tools.simulate import neighbourhood, skab
from tools.simulate.machines import MachineData
from tools.simulate.skab import LEARN, Record

ROUNDS = 3  # of learning together: the candidate of a new machine, and two more
# F1, false alarms and missed alarms in %: the README of github.com/waico/SKAB at b2c0d46. Not run here.
PUBLISHED = {
    "Conv-AE": (0.78, 13.55, 28.02),
    "MSET": (0.78, 39.73, 14.13),
    "T-squared + Q (PCA)": (0.76, 26.62, 24.92),
    "LSTM-AE": (0.74, 29.96, 25.92),
    "T-squared": (0.66, 19.21, 42.6),
    "LSTM-VAE": (0.56, 9.13, 55.03),
    "Vanilla LSTM": (0.54, 12.54, 59.53),
    "Vanilla AE": (0.39, 2.59, 75.15),
    "Isolation forest": (0.29, 2.56, 82.89),
}

Flags = NDArray[np.bool_]
Scores = NDArray[np.float64]
Whole = NDArray[np.int64]
REST = "rest"  # the rows to judge


class Judged:
    """Rows of one record after the first 400: scores, the threshold, and whether each is within the fault."""

    def __init__(self, scores: Scores, threshold: float, fault: Flags) -> None:
        self.scores, self.threshold, self.fault = scores, threshold, fault

    @property
    def over(self) -> Flags:
        """Rows above the threshold."""
        return np.asarray(self.scores > self.threshold)

    @property
    def alerted(self) -> Flags:
        """Rows after which an alert stood."""
        watcher, standing = Watcher("record", AlertRule()), []
        for row, score in enumerate(self.scores.tolist()):
            watcher.judge(score, self.threshold, float(row))
            standing.append(watcher.alert is not None)
        return np.array(standing)


def main() -> int:
    """Print the tables; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="SKAB's folder `data`, or the same as .npz")
    parser.add_argument("--family", default="process")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    try:
        family, records = load_family(find_family(chosen.family)), skab.load(chosen.data)
        family = replace(family, training=replace(family.training, kind=NETWORK))  # but for what says sums
        compare(family, records, range(1, chosen.seeds + 1))
    except ReedmeshError as error:
        print(f"bench_skab: {error}", file=sys.stderr)
        return 2
    return 0


def compare(family: Family, records: list[Record], seeds: range) -> None:
    """Run everything, print and keep it."""
    rows = np.concatenate([record.anomaly[LEARN:] for record in records])
    print(f"SKAB, {len(records)} records, {len(rows)} rows to judge, {rows.mean():.0%} of them faulty")
    print(f"{family.name}, {len(seeds)} seeds; {report.machine()}")
    made = [Heard(family, record) for record in records]
    ways: dict[str, list[list[Judged]]] = {
        "local": [[each.judged(commission(family, each.learn, seed).model) for each in made] for seed in seeds],
        "federated": [federated(family, made, seed) for seed in seeds],
        "sums alone": [[each.judged(summed.candidate(family, each.learn, []).model) for each in made]],
        "sums together": [by_sums(family, made)],
        "Ledoit-Wolf": [[mahalanobis(record) for record in records]],
    }
    print(f"{'':<28}{'F1':>6}{'false %':>9}{'missed %':>10}{'AUC':>8}   worst seed")
    figures = {}
    for way, runs in ways.items():
        for rule, flags in RULES.items():
            each = np.array([figures_of(run, flags) for run in runs])
            figures[way, rule] = each.mean(axis=0)
            print(line(f"{way}, {rule}", each))
    everything = [Judged(np.ones(len(it.fault)), 0, it.fault) for it in made]
    print(line("every row a fault", np.array([figures_of(everything, RULES["over the threshold"])])))
    for name, (f1, far, mar) in PUBLISHED.items():
        print(f"{name:<28}{f1:>6.2f}{far:>9.2f}{mar:>10.2f}{'':>8}   published, not run here")
    tell_alerts(ways["federated"][0], "federated")
    tell_alerts(ways["local"][0], "local")
    keep(figures)


def by_sums(family: Family, made: list["Heard"]) -> list[Judged]:
    """Three gateways, one for each kind of fault, tell each other the sums of their records."""
    told = {group: summed.telling(family, [it.learn for it in made if it.group == group])[0] for group in skab.GROUPS}
    others = {group: [each for name, each in told.items() if name != group] for group in skab.GROUPS}
    return [it.judged(summed.candidate(family, it.learn, others[it.group]).model) for it in made]


class Heard:
    """A record as features: those to learn from, the rest, and the labels of the rows that these end with."""

    def __init__(self, family: Family, record: Record) -> None:
        windows, ends = record.windows(family.recipe)
        found = features.extract(windows, family.recipe)
        self.name, self.group = record.name, record.group
        self.learn: Windows = found[ends < LEARN]
        self.rest: Windows = found[ends >= LEARN]
        self.fault: Flags = record.anomaly[ends[ends >= LEARN]]

    def judged(self, tflite: bytes) -> Judged:
        """The records, judged by an int8 model."""
        model = Model(tflite)
        return Judged(model.scores(self.rest).astype(np.float64), model.threshold, self.fault)


def federated(family: Family, made: list[Heard], seed: int) -> list[Judged]:
    """Three gateways learn together from the machines of their group."""
    groups = dict.fromkeys(each.group for each in made)
    at = [
        [MachineData(each.name, each.learn, {REST: each.rest}) for each in made if each.group == group]
        for group in groups
    ]
    found = asyncio.run(_learnt(family, at, seed))
    return [Judged(found[each.name][0][REST].astype(np.float64), found[each.name][1], each.fault) for each in made]


async def _learnt(family: Family, at: list[list[MachineData]], seed: int) -> dict[str, tuple[dict[str, Whole], int]]:
    """Scores and threshold of each machine, by what is in service at last."""
    async with neighbourhood.neighbourhood(family, at, neighbourhood.Setting(seed=seed)) as together:
        async for _ in together.rounds(ROUNDS):
            pass
        return {name: site.scores(name) for site in together.lines for name in site.at}


def mahalanobis(record: Record) -> Judged:
    """Distances of rows from the mean of the first 400, in their standard deviations."""
    learn = record.x[:LEARN]
    z = (record.x - learn.mean(axis=0)) / np.maximum(learn.std(axis=0), 1e-9)
    inverse = np.linalg.inv(ledoit_wolf(z[:LEARN]))
    distance = np.einsum("ni,ij,nj->n", z, inverse, z)
    return Judged(distance[LEARN:], float(np.quantile(distance[:LEARN], 0.99)), record.anomaly[LEARN:])


def ledoit_wolf(x: Scores) -> Scores:
    """The covariance of centred rows [n, p], shrunk to a multiple of the identity (Ledoit and Wolf 2004, section 3)."""
    n, p = x.shape
    sample = x.T @ x / n
    mean = np.trace(sample) / p
    distance = ((sample - mean * np.eye(p)) ** 2).sum() / p
    error = sum(((np.outer(row, row) - sample) ** 2).sum() for row in x) / p / n**2
    shrinkage = min(error, distance) / distance
    return shrinkage * mean * np.eye(p) + (1 - shrinkage) * sample


RULES: dict[str, Callable[[Judged], Flags]] = {
    "over the threshold": lambda it: it.over,
    "in alert": lambda it: it.alerted,
}


def figures_of(run: list[Judged], flags: Callable[[Judged], Flags]) -> tuple[float, float, float, float]:
    """F1, false alarms and missed alarms in percent, over the rows of all records; mean AUC of a record."""
    said, fault = (np.concatenate(each) for each in ([flags(it) for it in run], [it.fault for it in run]))
    hit, false, missed = ((a & b).sum() for a, b in ((said, fault), (said, ~fault), (~said, fault)))
    areas = [auc(it.scores[~it.fault], it.scores[it.fault]) for it in run if it.fault.any() and not it.fault.all()]
    return (
        2 * hit / (2 * hit + false + missed),
        100 * false / (~fault).sum(),
        100 * missed / fault.sum(),
        np.mean(areas),
    )


def line(name: str, runs: NDArray[np.float64]) -> str:
    """The mean of the seeds, and the worst of them by F1."""
    f1, far, mar, area = runs.mean(axis=0)
    worst = runs[runs[:, 0].argmin()]
    more = f"   {worst[0]:.3f} {worst[1]:.1f} {worst[2]:.1f} {worst[3]:.3f}" if len(runs) > 1 else ""
    return f"{name:<28}{f1:>6.3f}{far:>9.2f}{mar:>10.2f}{area:>8.3f}{more}"


def tell_alerts(run: list[Judged], way: str) -> None:
    """How it would look to people: faults that raised an alert, how long that took, alerts without a fault."""
    found, false, waits = 0, 0, []
    for it in run:
        standing = it.alerted
        raised = np.flatnonzero(np.diff(standing.astype(int), prepend=0) > 0)
        false += int((~it.fault[raised]).sum())
        during = np.flatnonzero(standing & it.fault)
        found += len(during) > 0
        waits += [int(during[0] - np.flatnonzero(it.fault)[0])] if len(during) else []
    hours = sum((~it.fault).sum() for it in run) / 3600
    print(
        f"{way}: {found} of {len(run)} faults in alert, half of them within {np.median(waits):.0f} s; "
        f"{false} alerts raised in {hours:.1f} hours without a fault"
    )


def keep(figures: dict[tuple[str, str], NDArray[np.float64]]) -> None:
    """The figures under their names: the federated model by the gateway's alert rule."""
    ours, others = figures["federated", "in alert"], {"local": figures["local", "in alert"]}
    others |= {"Ledoit-Wolf": figures["Ledoit-Wolf", "over the threshold"]}
    for i, (name, unit) in enumerate(
        (("f1", "F1"), ("far", "% of normal rows"), ("mar", "% of faulty rows"), ("auc", "AUC"))
    ):
        against = {way: round(float(each[i]), 4) for way, each in others.items()}
        published = {} if name == "auc" else {"Conv-AE, published": PUBLISHED["Conv-AE"][i]}
        report.save(f"skab_{name}", float(ours[i]), unit, against | published)


if __name__ == "__main__":
    sys.exit(main())
