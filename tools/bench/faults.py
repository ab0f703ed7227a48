"""Whether faults alarm and nothing else does: the yardstick of learning, on recordings, by the gateway's alert rule.

    python -m tools.bench.faults [--data windows.npz ...] [--seeds 3] [--rounds 3] [--plot build/faults.svg]

For each recorded machine and fault: the share of onsets that raise an alert within 60 windows and after how many, false
alerts in 1000 normal windows, and normal windows above the threshold. Learnt by each machine alone and by all together
on the path of the service (`update.update`, over brokers in memory), by sums and by a network; and by Ledoit and Wolf's
covariance, five nearest neighbours and an isolation forest on the same features. Then what a gateway with few windows
gains from its neighbours, eight honest gateways after ten rounds, and what one liar costs the others.
"""

import argparse
import asyncio
import logging
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.inference.family import BEST, NETWORK, SUMS, Family, find_family, load_family
from reedmesh.inference.model import Model
from tools.bench import report, young
from tools.bench.support import baselines
from tools.bench.support.fault_table import SERVED, Row, Table, comparisons, print_table
from tools.bench.support.judged import of_model
from tools.bench.support.onsets import of_fault, of_normal
from tools.checkout import ROOT
from tools.simulate import recordings
from tools.simulate.liars import LIES
from tools.simulate.machines import MachineData, machines_of
from tools.simulate.neighbourhood import Setting, neighbourhood

OURS = {"sums": SUMS, "network": NETWORK, "best": BEST}
FAMILIES = {"ecg100": "heartbeat"}  # of recordings that are no vibration
BESIDE = ROOT.parent / "shared" / "data"
EIGHT, ROUNDS = 8, 10


@dataclass(frozen=True)
class Worst:
    """Of each recording, in points of onset: what the worst sensor gains by neighbours, and what a liar costs it."""

    gain: dict[str, float] = field(default_factory=dict)
    cost: dict[str, float] = field(default_factory=dict)

    def save(self) -> None:
        """Keep the worst of all recordings, each beside it."""
        if self.gain:
            report.save("faults_together_minus_alone", min(self.gain.values()), "points of onset", self.gain)
            report.save("faults_liar_cost", max(self.cost.values()), "points of onset", self.cost)


def main() -> int:
    """Print the tables and keep the figures; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", nargs="*", default=[], help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="", help="else vibration, of an electrocardiogram heartbeat")
    parser.add_argument("--seeds", type=int, default=3, help="of what has any: networks and the forest")
    parser.add_argument("--rounds", type=int, default=3, help="that gateways learn together")
    parser.add_argument("--history", default="", help="file of lines by commit to add to, docs/figures/faults.csv")
    parser.add_argument("--plot", default="", help="file for a plot of onsets, .svg or .png")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    files = [Path(each) for each in chosen.data] or sorted(BESIDE.glob("*/windows.npz")) or bundled()
    told: dict[str, Table] = {}
    worst = Worst()
    for file in files:
        try:
            family = chosen.family or FAMILIES.get(_name(file), "vibration")
            told[_name(file)] = judge(file, family, chosen.seeds, chosen.rounds, worst)
        except ReedmeshError as error:
            print(f"{file}: left out: {error}", file=sys.stderr)
    worst.save()
    lost = keep_history(told, Path(chosen.history)) if chosen.history and told else []
    for each in lost:
        print(f"worse: {each}", file=sys.stderr)
    if chosen.plot and told:
        plot(told, Path(chosen.plot))
    return 1 if lost else 0 if told else 2


def bundled() -> list[Path]:
    """The recordings that ship."""
    return sorted(recordings.BUNDLED.glob("*.npz"))


def _name(file: Path) -> str:
    """What a recording is called: its own name, or that of its folder."""
    return file.parent.name if file.stem == "windows" else file.stem


def judge(file: Path, name: str, seeds: int, rounds: int, worst: Worst) -> Table:
    """All of one recording; raises ConfigError for what it lacks."""
    kept, (family, at) = _name(file), places(file, name)
    print(f"\n{kept}: {len(at)} machines, {len(at[0].learn)} windows to learn; {report.machine()}")
    table = everything(family, at, range(1, seeds + 1), rounds)
    print_table(table)
    print_comparison(kept, table)
    served = table[SERVED]
    best = {way: rows for way, rows in table.items() if not way.startswith((SERVED, family.training.kind))}
    report.save(
        f"faults_{kept}_onset",
        min(row.onset.share for row in served),
        "share of onsets, worst sensor and fault",
        {way: min(row.onset.share for row in rows) for way, rows in best.items()},
    )
    for key, unit in (("false", "alerts in 1000 normal windows, worst machine"), ("over", "share of normal windows")):
        value = {way: max(getattr(row.normal, key) for row in rows) for way, rows in table.items()}
        report.save(f"faults_{kept}_{key}", value.pop(SERVED), unit, value)
    if len(at) > 1:
        tell_young(family, at, kept)
        apart = table[f"{family.training.kind} alone"]
        gains = [100 * (a.net - b.net) for a, b in zip(served, apart, strict=True)]
        print(f"together less alone: {min(gains):.0f} points of onset on the worst sensor")
        worst.gain[kept], worst.cost[kept] = min(gains), liars(family, at)
    if kept == "esp32_fan":
        eight(file, name)
    return table


def places(file: Path, name: str, gateways: int | None = None) -> tuple[Family, list[MachineData]]:
    """A family made for the recording, and its machines; raises ConfigError when it has no fault.

    A family of one axis hears the first of a recording.
    """
    known, recording = load_family(find_family(name)), recordings.load(file)
    if known.recipe.axes == 1:
        recording = replace(recording, x=recording.x[:, :, :1])
    family, at = machines_of(known, recording, gateways)
    if not any(faults(place) for place in at):
        raise ConfigError("there is no fault in it")
    return family, at


def faults(place: MachineData) -> list[str]:
    """Names of the faults that can be judged."""
    return [label for label in sorted(place.tests) if not label.startswith("normal")]


def everything(family: Family, at: list[MachineData], seeds: range, rounds: int) -> Table:
    """Each way of learning."""
    table: Table = {}
    for way, kind in OURS.items():
        chosen = replace(family, training=replace(family.training, kind=kind))
        for seed in seeds if kind == NETWORK else seeds[:1]:
            for name, topology in (("alone", "none"), ("together", "full")):
                if name == "alone" or len(at) > 1:
                    setting, said = Setting(topology, seed=seed), f"{way} {name}" if seed == seeds[0] else ""
                    rows = asyncio.run(ours(chosen, at, setting, rounds if len(at) > 1 else 1, said))
                    table.setdefault(f"{way} {name}", []).extend(rows)
    for way in baselines.WAYS:
        for seed in seeds if way == "isolation forest" else seeds[:1]:
            table.setdefault(way, []).extend(baseline(family, at, way, seed))
    if len(at) > 1:
        table["pooled"] = pooled(family, at)
    kind = family.training.kind
    return table | {SERVED: table.get(f"{kind} together") or table[f"{kind} alone"]}


def print_comparison(kept: str, table: Table) -> None:
    """The served models beside the best baseline; keeps the share of faults on which they hold their own."""
    found = comparisons(table, [*baselines.WAYS, "pooled"])
    print("\n".join(["served, beside the best baseline: onset, false alerts in 1000", *map(str, found)]))
    report.save(f"faults_{kept}_holds", sum(each.holds for each in found) / len(found), "of machines and faults")


async def ours(family: Family, at: list[MachineData], setting: Setting, rounds: int, way: str = "") -> list[Row]:
    """The service's own path; of honest gateways. way: its name, where what it costs is to be told."""
    began = time.process_time()
    async with neighbourhood(family, [[place] for place in at], setting) as it:
        async for _ in it.rounds(rounds):
            pass
        if way:
            _tell_cost(way, (time.process_time() - began) / rounds / len(at), it.payload_bytes / rounds / len(at))
        rows: list[Row] = []
        for i, site in enumerate(it.lines):
            if i not in setting.liars:
                model = Model(site.candidates[at[i].name].model)
                normal, found = of_model(model, at[i].tests, family.alerts)
                rows += [Row(at[i].name, label, found[label], normal) for label in faults(at[i])]
        return rows


def _tell_cost(way: str, seconds: float, size: float) -> None:
    """Of a machine and round; what is in service is renewed, or at first made, in each."""
    print(f"{way}: {seconds:.2f} s of processor and {size / 1000:.1f} kB told, a gateway and round")


def baseline(family: Family, at: list[MachineData], way: str, seed: int) -> list[Row]:
    """Each machine by itself."""
    rows = []
    for place in at:
        scorer, threshold = baselines.learnt(family, way, place.learn, seed)
        rows += of_machine(place, {label: (scorer(x), threshold) for label, x in place.tests.items()}, family.alerts)
    return rows


def pooled(family: Family, at: list[MachineData]) -> list[Row]:
    """Ledoit and Wolf's covariance about each machine's mean, from all windows of all machines in one place."""
    every = np.concatenate([_centred(place, place.learn) for place in at])
    scorer, threshold = baselines.learnt(family, "Ledoit-Wolf", every, 1)
    rows = []
    for place in at:
        scored = {label: (scorer(_centred(place, x)), threshold) for label, x in place.tests.items()}
        rows += of_machine(place, scored, family.alerts)
    return rows


def _centred(place: MachineData, windows: np.ndarray) -> np.ndarray:
    return np.asarray(np.clip(np.rint(windows - place.learn.mean(axis=0)), -128, 127), np.int8)


def of_machine(place: MachineData, scored: dict[str, tuple[np.ndarray, float]], rule: AlertRule) -> list[Row]:
    """A row for each fault."""
    normal = of_normal(*scored["normal"], rule)
    return [Row(place.name, label, of_fault(*scored[label], rule), normal) for label in faults(place)]


def tell_young(family: Family, at: list[MachineData], name: str) -> None:
    """Each machine in turn with few windows, its neighbours with all of theirs: alone and together."""
    for way in young.WAYS:
        print(f"about {young.FEW} windows {way}, alone | together: onset, false onset, over, answers | gain")
        found = list(young.cases(family, at, way))
        print("\n".join(case.row() for case in found))
        mean, worst = (float(of([case.gain for case in found])) for of in (np.mean, min))
        calmer = float(np.mean([case.calmer for case in found]))
        told = {"worst sensor": worst, "points fewer normal windows over": calmer}
        key = f"faults_{name}_young_{way.replace(',', '').replace(' ', '_')}"
        report.save(key, mean, "points that neighbours add, mean", told)


def eight(file: Path, name: str) -> None:
    """Eight honest gateways: no sensor far below its onset alone."""
    family, at = places(file, name, EIGHT)
    apart = asyncio.run(ours(family, at, Setting("none"), 1))
    together = asyncio.run(ours(family, at, Setting("full"), ROUNDS))
    shares = [b.onset.share / a.onset.share for a, b in zip(apart, together, strict=True) if a.onset.share]
    for a, b in zip(apart, together, strict=True):
        print(f"  {a.machine:<10} alone {a.onset.share:.0%}, of eight after {ROUNDS} rounds {b.onset.share:.0%}")
    report.save("faults_eight_onset", min(shares), "of the onset alone, worst of eight honest gateways")


def liars(family: Family, at: list[MachineData]) -> float:
    """The cost of one liar, of the worst kind, to the worst honest sensor, in points of onset."""
    honest = asyncio.run(ours(family, at, Setting("full"), 2))
    costs = {}
    for lie in LIES:
        found = asyncio.run(ours(family, at, Setting("full", liars={0: lie}), 2))
        before = {(row.machine, row.fault): row.onset.share for row in honest}
        costs[lie] = 100 * max(before[row.machine, row.fault] - row.onset.share for row in found)
    print("points of onset that a liar costs: " + ", ".join(f"{lie} {cost:.0f}" for lie, cost in costs.items()))
    return max(costs.values())


def plot(told: dict[str, Table], file: Path) -> None:
    """Onsets of each fault, by way, the false alerts beside."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    ways = list(dict.fromkeys(way for table in told.values() for way in table))
    figure, axes = plt.subplots(1, len(told), figsize=(4 * len(told), 4), squeeze=False)
    for axis, (name, table) in zip(axes[0], told.items(), strict=True):
        axis.barh(list(table), [float(np.mean([row.onset.share for row in rows])) for rows in table.values()])
        axis.set(title=name, xlim=(0, 1), xlabel="onsets that alert")
        for y, false in enumerate(_false(table)):
            axis.text(0.02, y, f"{false:.1f} false / 1000", va="center", fontsize=7)
    figure.suptitle(f"{len(ways)} ways of learning")
    figure.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)


def keep_history(told: dict[str, Table], file: Path) -> list[str]:
    """Add a line for each recording: the commit, and of what is served the mean onset, and of the worst
    machine false alerts and over. Returns what became worse than in the lines before, in words."""
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    before = file.read_text().splitlines() if file.exists() else ["commit,recording,onset,false_per_1000,over"]
    found = {name: _figures(table[SERVED]) for name, table in told.items()}
    lines = [f"{commit},{name},{onset:.4f},{false:.2f},{over:.4f}" for name, (onset, false, over) in found.items()]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join([*before, *lines]) + "\n")
    return [text for name, figures in found.items() if (text := worse(before[1:], name, figures))]


def worse(before: list[str], name: str, now: tuple[float, float, float]) -> str:
    """What is worse than in the last line of a recording, "" if nothing is: a point of onset, any false alert."""
    last = [line.split(",") for line in before if line.split(",")[1] == name][-1:]
    for commit, _, onset, false, _ in last:
        if now[0] < float(onset) - 0.01 or now[1] > float(false) + 0.005:
            return f"{name}: onset {now[0]:.1%}, {now[1]:.1f} false alerts; {float(onset):.1%}, {false} at {commit}"
    return ""


def _figures(rows: list[Row]) -> tuple[float, float, float]:
    onset = float(np.mean([row.onset.share for row in rows]))
    return onset, max(row.normal.false for row in rows), max(row.normal.over for row in rows)


def _false(table: Table) -> Iterator[float]:
    for rows in table.values():
        yield max(row.normal.false for row in rows)


if __name__ == "__main__":
    sys.exit(main())
