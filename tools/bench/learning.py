"""Whether gateways know better for learning together: on recordings, over lossy links, with liars among the neighbours.

Compares, on the same windows and as many epochs: each gateway alone; federated, by float weights and by the int8 models
in service; all windows in one gateway (pooled); and FedAvg with a server. All but the last go the path of the service,
over brokers in memory or a real mosquitto. Mean and worst of several seeds. With liars, the same without them and a
plain mean of all are run, too.

    python -m tools.bench.learning [--data windows.npz] [--gateways 8] [--loss 0.3] [--liars 1] [--profile narrow10]
"""

import argparse
import asyncio
import json
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ReedmeshError
from reedmesh.inference.family import NETWORK, Family, find_family, load_family
from reedmesh.learning import delta
from tools.bench import report
from tools.bench.detect import auc
from tools.bench.support import lossy_links
from tools.simulate import recordings
from tools.simulate.comparisons import served
from tools.simulate.liars import LIES
from tools.simulate.machines import MachineData, SimulatedLine, machines_of
from tools.simulate.neighbourhood import Neighbourhood, Setting, neighbourhood

WAYS = ("local", "federated float", "federated int8", "pooled", "server")
Cell = tuple[float, float, float]  # AUC against normal windows, false alarms on those, share over the threshold


@dataclass
class Outcome:
    """The outcome of one seed. cells: (way, machine, condition) -> Cell. course: mean AUC after each round."""

    cells: dict[tuple[str, str, str], Cell] = field(default_factory=dict)
    course: list[float] = field(default_factory=list)
    told: float = 0.0  # bytes of payload, a gateway and round
    air: float = 0.0  # bytes published
    seconds: float = 0.0  # of a round, all gateways
    refused: dict[str, int] = field(default_factory=dict)
    scores: dict[str, tuple[dict[str, NDArray[np.int64]], int]] = field(default_factory=dict)

    def area(self, way: str) -> float:
        """The mean AUC of a way, over machines and faults."""
        return float(np.mean([cell[0] for (each, _, label), cell in self.cells.items() if each == way and _bad(label)]))

    def false(self, way: str) -> float:
        """The most false alarms of a machine."""
        return max(cell[1] for (each, _, _), cell in self.cells.items() if each == way)


def main() -> int:
    """Print the tables; returns the exit status."""
    chosen = _arguments()
    try:
        family, at = world(chosen.data, chosen.gateways, chosen.family)
        with ExitStack() as stack:
            port = stack.enter_context(lossy_links.broker())[1] if chosen.broker == "mosquitto" else 0
            setting = _setting(chosen, port)
            print(f"{_words(chosen, len(at))}; {report.machine()}", file=sys.stderr)
            outcomes = [compare(family, at, replace(setting, seed=seed), chosen.rounds) for seed in _seeds(chosen)]
            against = [_liars(family, at, replace(setting, seed=s), chosen.rounds) for s in _seeds(chosen)]
    except (ReedmeshError, OSError) as error:
        print(f"bench_learn: {error}", file=sys.stderr)
        return 2
    told = summary(family, outcomes) | {key: float(np.mean([each[key] for each in against])) for key in against[0]}
    print(json.dumps(told, indent=1) if chosen.json else table(outcomes) + "\n" + lines(told, outcomes))
    keep(_name(chosen.data), told)
    if chosen.plot:
        _plot(chosen.plot, outcomes, told["bytes"])
    return 0


def world(data: str, gateways: int | None = None, family: str = "vibration") -> tuple[Family, list[MachineData]]:
    """A family that teaches a network, made for a recording, and the places of the recording's machines."""
    known = load_family(find_family(family))
    known = replace(known, training=replace(known.training, kind=NETWORK))
    return machines_of(known, recordings.find(data or None, known.recipe), gateways)


def compare(family: Family, at: list[MachineData], setting: Setting, rounds: int) -> Outcome:
    """One seed: all ways of learning."""
    return asyncio.run(_compare(family, at, setting, rounds))


async def _compare(family: Family, at: list[MachineData], setting: Setting, rounds: int) -> Outcome:
    outcome = Outcome()
    apart = [[place] for place in at]
    async with neighbourhood(family, apart, setting) as it:
        began = time.perf_counter()
        async for _ in it.rounds(rounds):
            outcome.course.append(mean_area(it))
        outcome.seconds = (time.perf_counter() - began) / rounds
        outcome.told, outcome.air = (size / len(at) / rounds for size in (it.payload_bytes, it.air_bytes))
        for account in it.accounts:
            for name, known in account.neighbours.items():
                outcome.refused[name] = outcome.refused.get(name, 0) + known.refused
        judge(outcome, "federated int8", [it.lines[i] for i in honest(it)])
    alone = Setting(topology="none", seed=setting.seed)
    async with neighbourhood(family, apart, alone) as local:
        async for _ in local.rounds(rounds):
            pass
        judge(outcome, "local", local.lines)
    async with neighbourhood(family, [at], alone) as pooled:
        async for _ in pooled.rounds(rounds):
            pass
        judge(outcome, "pooled", pooled.lines)
    judge(outcome, "server", served(family, at, rounds, 1000 * setting.seed))
    return outcome


def honest(it: Neighbourhood) -> list[int]:
    """Gateways that do not lie and were not killed."""
    return [i for i in it.alive if i not in it.setting.liars]


def judge(outcome: Outcome, way: str, lines: list[SimulatedLine] | Any) -> None:
    """Each machine in each condition, by its model in service."""
    for site in lines:
        for name in site.at:
            scores, threshold = site.scores(name)
            false = float((scores["normal"] > threshold).mean())
            for label, each in scores.items():
                cell = auc(scores["normal"], each), false, float((each > threshold).mean())
                outcome.cells[way, name, label] = cell
            if way == "federated int8":
                outcome.scores[name] = scores, threshold
                exact = site.float_scores(name)
                for label, values in exact.items():
                    outcome.cells["federated float", name, label] = auc(exact["normal"], values), 0.0, float("nan")


def mean_area(it: Neighbourhood) -> float:
    """The mean AUC of the honest over their faults, by the models in service."""
    outcome = Outcome()
    for i in honest(it):
        for name in it.lines[i].at:
            scores, _ = it.lines[i].scores(name)
            for label, each in scores.items():
                outcome.cells["", name, label] = auc(scores["normal"], each), 0.0, 0.0
    return outcome.area("")


async def played(family: Family, at: list[MachineData], setting: Setting, rounds: int) -> float:
    """The mean AUC of the honest gateways after `rounds` rounds."""
    async with neighbourhood(family, [[place] for place in at], setting) as it:
        async for _ in it.rounds(rounds):
            pass
        return mean_area(it)


def _liars(family: Family, at: list[MachineData], setting: Setting, rounds: int) -> dict[str, float]:
    """With liars: what the same gateways reach without them, with them, and with them in a plain mean."""
    if not setting.liars:
        return {}
    keys = {"honest": replace(setting, liars={}), "lied": setting, "mean": replace(setting, robust=False)}
    found = {key: asyncio.run(played(family, at, each, rounds)) for key, each in keys.items()}
    return found | {"cost": found["honest"] - found["lied"], "cost of a plain mean": found["honest"] - found["mean"]}


def summary(family: Family, outcomes: list[Outcome]) -> dict[str, Any]:
    """The figures of all seeds: mean and worst."""
    areas = {way: [outcome.area(way) for outcome in outcomes] for way in WAYS}
    false = [outcome.false("federated int8") for outcome in outcomes]
    told, air, seconds = (
        float(np.mean([getattr(each, key) for each in outcomes])) for key in ("told", "air", "seconds")
    )
    whole = 4 * sum(family.tensors)
    return {
        "auc": {way: {"mean": float(np.mean(each)), "worst": min(each)} for way, each in areas.items()},
        "far": {"mean": float(np.mean(false)), "worst": max(false)},
        "bytes": {"told": told, "air": air, "float32": whole, "ratio": whole / told},
        "seconds": seconds,
    }


def table(outcomes: list[Outcome]) -> str:
    """AUC, then false alarms or detections, of each machine and condition: the mean of the seeds, and the worst."""
    lines = ["AUC: mean (worst), and below it the share of windows over the threshold"]
    lines.append(f"{'machine':<10} {'condition':<14}" + "".join(f"{way:>20}" for way in WAYS))
    for name, label in sorted({key[1:] for key in outcomes[0].cells}):
        rows = {way: np.array([outcome.cells[way, name, label] for outcome in outcomes]) for way in WAYS}
        if label != "normal":
            cells = [f"{rows[way][:, 0].mean():.4f} ({rows[way][:, 0].min():.4f})" for way in WAYS]
            lines.append(f"{name:<10} {label:<14}" + "".join(f"{cell:>20}" for cell in cells))
        cells = ["" if way == "federated float" else f"{rows[way][:, 2].mean():.1%}" for way in WAYS]
        lines.append(f"{name:<10} {label:<14}" + "".join(f"{cell:>20}" for cell in cells))
    return "\n".join(lines)


def lines(told: dict[str, Any], outcomes: list[Outcome]) -> str:
    """The figures of all seeds, in words."""
    areas = ", ".join(f"{way} {each['mean']:.4f} ({each['worst']:.4f})" for way, each in told["auc"].items())
    size = told["bytes"]
    lines = [
        f"AUC over all: {areas}",
        f"most false alarms of a machine, federated int8: {told['far']['mean']:.1%} ({told['far']['worst']:.1%})",
        f"server: the same rounds, {2 * size['float32']} bytes a gateway and round, float32 up and down",
        "{told:.0f} bytes a gateway and round, {ratio:.1f} times fewer than float32; {air:.0f} on air".format(**size),
        f"refused, by neighbour: {outcomes[0].refused}; {1000 * told['seconds']:.0f} ms a round",
    ]
    if "lied" in told:
        keys = "honest", "lied", "mean"
        lines.append(
            "AUC without the liars {:.4f}, with them {:.4f}, in a plain mean {:.4f}".format(*map(told.get, keys))
        )
    return "\n".join(lines)


def keep(data: str, told: dict[str, Any]) -> None:
    """The figures under their names."""
    areas = {way: each["mean"] for way, each in told["auc"].items()}
    report.save(f"learn_{data}_auc_int8", areas.pop("federated int8"), "AUC", areas)
    report.save(f"learn_{data}_far", told["far"]["mean"], "of normal windows, the worst machine")
    report.save("learn_bytes_ratio", told["bytes"]["ratio"], "times fewer than float32")
    if "cost" in told:
        report.save("learn_liar_cost", told["cost"], "AUC", {"plain mean": told["cost of a plain mean"]})


def _bad(label: str) -> bool:
    return not label.startswith("normal")


def _name(data: str) -> str:
    return Path(data).parent.name.replace("-", "_") if data else "default"


def _seeds(chosen: argparse.Namespace) -> range:
    return range(1, chosen.seeds + 1)


def _setting(chosen: argparse.Namespace, port: int) -> Setting:
    liars = dict.fromkeys(range(chosen.liars), chosen.lie)
    return Setting(chosen.topology, chosen.profile, chosen.loss, liars=liars, port=port)


def _words(chosen: argparse.Namespace, gateways: int) -> str:
    """What is run, in a line."""
    much = f"{gateways} gateways, {chosen.topology}, {chosen.profile}, {chosen.rounds} rounds, broker {chosen.broker}"
    return f"{much}, {chosen.loss:.0%} of shards lost, {chosen.liars} liars ({chosen.lie}), {chosen.seeds} seeds"


def _plot(folder: Path, outcomes: list[Outcome], size: dict[str, float]) -> None:
    """Scores over time, AUC by round and bytes, as PNG files in `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    first = outcomes[0]
    figure, axes = pyplot.subplots(len(first.scores), 1, figsize=(9, 2.5 * len(first.scores)), squeeze=False)
    for axis, (name, (scores, threshold)) in zip(axes[:, 0], first.scores.items(), strict=True):
        at = 0
        for label, each in scores.items():
            axis.plot(range(at, at + len(each)), each, ".", markersize=2, label=label)
            at += len(each)
        axis.axhline(threshold, color="black", linewidth=1)
        axis.set(title=name, ylabel="score", yscale="log")
        axis.legend(loc="upper left", fontsize=7)
    axes[-1, 0].set_xlabel("test window")
    _save(figure, folder / "scores.png")
    figure, axis = pyplot.subplots(figsize=(6, 4))
    for seed, outcome in enumerate(outcomes, 1):
        axis.plot(range(1, len(outcome.course) + 1), outcome.course, label=f"seed {seed}")
    axis.set(xlabel="round", ylabel="AUC, mean of gateways and faults")
    axis.legend()
    _save(figure, folder / "auc.png")
    figure, axis = pyplot.subplots(figsize=(6, 3))
    axis.barh(["float32", "update", "on air, all hearers"], [size["float32"], size["told"], size["air"]])
    axis.set(xlabel="bytes a gateway and round")
    _save(figure, folder / "bytes.png")


def _save(figure: Any, place: Path) -> None:
    figure.tight_layout()
    figure.savefig(place, dpi=100)
    print(place, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="vibration")
    parser.add_argument("--gateways", type=int, help="default: one for each recorded machine")
    parser.add_argument("--loss", type=float, default=0.0, help="share of shards lost on each link")
    parser.add_argument("--liars", type=int, default=0, help="how many gateways lie")
    parser.add_argument("--lie", default="flip", choices=LIES)
    parser.add_argument("--profile", default="full", choices=delta.PROFILES)
    parser.add_argument("--topology", default="full", help="ring, k4 or full")
    parser.add_argument("--broker", default="memory", choices=("memory", "mosquitto"))
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--json", action="store_true", help="for programs")
    parser.add_argument("--plot", type=Path, help="folder for PNG files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
