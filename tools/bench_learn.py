"""Whether gateways know better for learning together: on recordings, over lossy links, with liars among the neighbours.

Compares, on the same windows and epochs: each gateway alone; federated, in float32 and as the int8 model that would go
into service; all windows in one place; and FedAvg with a server. Mean and worst of several seeds. Links lose shards,
and payloads are coded as between gateways; the broker is left out. With liars, the same without them and a plain mean
of all are run, too.

    python tools/bench_learn.py [--data windows.npz] [--gateways 8] [--loss 0.3] [--liars 1] [--profile narrow10]
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from reedmesh import delta
from reedmesh import family as families
from reedmesh.errors import ReedmeshError
from reedmesh.learner import Learner
from tools import learning, recordings, results
from tools.bench_detect import auc
from tools.learning import Neighbourhood, Place

WAYS = ("local", "federated float", "federated int8", "pooled", "server")
HEADINGS = f"{'gateway':<10} {'condition':<14}" + "".join(f"{way:>20}" for way in WAYS)
Table = dict[tuple[str, str, str], list[tuple[float, float, float]]]


def main() -> int:
    """Print the tables; returns the exit status."""
    chosen = _arguments()
    try:
        family = families.load(families.find(chosen.family))
        recording = recordings.find(chosen.data or None, family.recipe)
        family, places = learning.places(family, recording, chosen.gateways)
        print(f"{recording.origin}; {results.machine()}")
        print(_words(chosen, len(places)))
        table: Table = {}
        runs = [_run(family, places, chosen, seed, table) for seed in range(1, chosen.seeds + 1)]
    except ReedmeshError as error:
        print(f"bench_learn: {error}", file=sys.stderr)
        return 2
    _print(table)
    _keep(chosen, recording.names, table, runs)
    if chosen.plot:
        _plot(chosen.plot, runs)
    return 0


def _run(family: Any, places: list[Place], chosen: argparse.Namespace, seed: int, table: Table) -> dict[str, Any]:
    """One seed: all ways of learning, into the table; what the federated one cost."""
    liars = dict.fromkeys(range(chosen.liars), chosen.lie)
    profile = delta.PROFILES[chosen.profile]
    together = Neighbourhood(family, places, profile, chosen.topology, chosen.loss, seed, liars)
    began, course = time.monotonic(), []
    honest = [i for i in range(len(places)) if i not in liars]
    for number in together.rounds(chosen.rounds, chosen.epochs):
        course.append(float(np.mean([_area(together.learners[i], places[i]) for i in honest])))
        print(
            f"\rseed {seed}, round {number} of {chosen.rounds}, AUC {course[-1]:.4f} ",
            end="",
            file=sys.stderr,
            flush=True,
        )
    seconds = time.monotonic() - began
    print(file=sys.stderr)
    compared = _without(family, places, chosen, seed, liars) | {"lied": course[-1]} if liars else {}
    epochs = chosen.rounds * chosen.epochs
    ways = {
        "local": learning.alone(family, places, epochs, seed),
        "federated int8": together.learners,
        "pooled": learning.pooled(family, places, epochs, seed),
        "server": learning.served(family, places, chosen.rounds, chosen.epochs, seed),
    }
    for way, learners in ways.items():
        for i in honest:
            _judge(table, way, learners[i], places[i])
    for i in honest:
        _judge_float(table, together.learners[i], places[i])
    told = together.payload_bytes / len(places) / chosen.rounds
    air = together.air_bytes / len(places) / chosen.rounds
    scores = {places[i].name: _over_time(together.learners[i], places[i]) for i in honest}
    return {"told": told, "air": air, "fp32": 4 * len(together.learners[0].weights), "course": course,
            "seconds": seconds, "scores": scores, "refused": _refused(together), **compared}  # fmt: skip


def _without(
    family: Any, places: list[Place], chosen: argparse.Namespace, seed: int, liars: dict[int, str]
) -> dict[str, float]:
    """Mean AUC of the honest gateways without the liars, and with them when everybody is believed."""
    areas = {}
    for key, lying, robust in (("honest", {}, True), ("mean", liars, False)):
        profile = delta.PROFILES[chosen.profile]
        other = Neighbourhood(family, places, profile, chosen.topology, chosen.loss, seed, lying, robust=robust)
        for _ in other.rounds(chosen.rounds, chosen.epochs):
            pass
        honest = [i for i in range(len(places)) if i not in liars]
        areas[key] = float(np.mean([_area(other.learners[i], places[i]) for i in honest]))
    return areas


def _judge(table: Table, way: str, learner: Learner, place: Place) -> None:
    """A way's AUC, false alarms and detections of each condition at one gateway, by the int8 model."""
    model = learning.model(learner)
    scores = {label: model.scores(windows) for label, windows in place.tests.items()}
    false = float((scores["normal"] > model.threshold).mean())
    for label, each in scores.items():
        row = (auc(scores["normal"], each), false, float((each > model.threshold).mean()))
        table.setdefault((place.name, label, way), []).append(row)


def _judge_float(table: Table, learner: Learner, place: Place) -> None:
    scores = {label: learning.float_scores(learner, windows) for label, windows in place.tests.items()}
    for label, each in scores.items():
        row = (auc(scores["normal"], each), float("nan"), float("nan"))
        table.setdefault((place.name, label, "federated float"), []).append(row)


def _area(learner: Learner, place: Place) -> float:
    """Mean AUC over a gateway's faults, by its weights as they are."""
    normal = learning.float_scores(learner, place.tests["normal"])
    faults = [label for label in place.tests if not label.startswith("normal")]
    return float(np.mean([auc(normal, learning.float_scores(learner, place.tests[label])) for label in faults]))


def _over_time(learner: Learner, place: Place) -> tuple[dict[str, Any], int]:
    model = learning.model(learner)
    return {label: model.scores(windows) for label, windows in place.tests.items()}, model.threshold


def _refused(together: Neighbourhood) -> dict[str, int]:
    counts: dict[str, int] = {}
    for learner in together.learners:
        for name, known in learner.reputation.items():
            counts[name] = counts.get(name, 0) + known.refused
    return counts


def _print(table: Table) -> None:
    """AUC, then false alarms or detections, of each gateway and condition: the mean of the seeds, and the worst."""
    print("AUC mean (worst), and below it the share of windows over the threshold\n" + HEADINGS)
    for name, label in sorted({key[:2] for key in table}):
        rows = {way: np.array(table[name, label, way]) for way in WAYS}
        if label != "normal":
            cells = [f"{rows[way][:, 0].mean():.4f} ({rows[way][:, 0].min():.4f})" for way in WAYS]
            print(f"{name:<10} {label:<14}" + "".join(f"{cell:>20}" for cell in cells))
        column = 1 if label == "normal" else 2
        cells = ["" if way == "federated float" else f"{rows[way][:, column].mean():.1%}" for way in WAYS]
        print(f"{name:<10} {label:<14}" + "".join(f"{cell:>20}" for cell in cells))


def _keep(chosen: argparse.Namespace, names: tuple[str, ...], table: Table, runs: list[dict[str, Any]]) -> None:
    """The figures under their names, and what the exchange cost."""
    data = Path(chosen.data).parent.name if chosen.data else "fan" if "low" in names else "simulated"
    faults = [key for key in table if not key[1].startswith("normal")]
    areas = {
        way: float(np.mean([table[key][s][0] for key in faults if key[2] == way for s in range(chosen.seeds)]))
        for way in WAYS
    }
    false = max(
        float(np.mean([row[1] for row in rows]))
        for key, rows in table.items()
        if key[1:] == ("normal", "federated int8")
    )
    told, air, fp32 = (float(np.mean([run[key] for run in runs])) for key in ("told", "air", "fp32"))
    print(f"AUC over all: {', '.join(f'{way} {areas[way]:.4f}' for way in WAYS)}")
    print(f"most false alarms of a gateway, federated int8: {false:.1%}")
    print(
        f"{told:.0f} bytes a gateway and round, {fp32 / told:.1f} times fewer than float32; {air:.0f} on air to hearers"
    )
    took = 1000 * float(np.mean([run["seconds"] for run in runs])) / chosen.rounds
    print(f"refused, by neighbour: {runs[0]['refused']}; {took:.0f} ms a round")
    if chosen.liars:
        _keep_liars(runs)
    results.save(
        f"learn_{data}_auc_int8",
        areas["federated int8"],
        "AUC",
        {way: areas[way] for way in WAYS if way != "federated int8"},
    )
    results.save(f"learn_{data}_far", false, "of normal windows")
    results.save("learn_bytes_ratio", fp32 / told, "times fewer than float32")


def _keep_liars(runs: list[dict[str, Any]]) -> None:
    """What liars cost us, and what they cost a plain mean."""
    honest, lied, mean = (float(np.mean([run[key] for run in runs])) for key in ("honest", "lied", "mean"))
    print(f"AUC without the liars {honest:.4f}, with them {lied:.4f}, with them by a plain mean {mean:.4f}")
    results.save("learn_liar_cost", honest - lied, "AUC", {"plain mean": honest - mean})


def _words(chosen: argparse.Namespace, gateways: int) -> str:
    """What is run, in a line."""
    much = f"{gateways} gateways, {chosen.topology}, {chosen.profile}, {chosen.rounds} rounds of {chosen.epochs} epochs"
    return f"{much}, {chosen.loss:.0%} of shards lost, {chosen.liars} liars ({chosen.lie}), {chosen.seeds} seeds"


def _plot(folder: Path, runs: list[dict[str, Any]]) -> None:
    """Scores over time, AUC by round and bytes, as PNG files in `folder`."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    folder.mkdir(parents=True, exist_ok=True)
    figure, axes = pyplot.subplots(len(runs[0]["scores"]), 1, figsize=(9, 2.5 * len(runs[0]["scores"])), squeeze=False)
    for axis, (name, (scores, threshold)) in zip(axes[:, 0], runs[0]["scores"].items(), strict=True):
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
    for seed, run in enumerate(runs, 1):
        axis.plot(range(1, len(run["course"]) + 1), run["course"], label=f"seed {seed}")
    axis.set(xlabel="round", ylabel="AUC, mean of gateways and faults")
    axis.legend()
    _save(figure, folder / "auc.png")
    figure, axis = pyplot.subplots(figsize=(6, 3))
    axis.barh(["float32", "update", "on air, all hearers"], [runs[0]["fp32"], runs[0]["told"], runs[0]["air"]])
    axis.set(xlabel="bytes a gateway and round")
    _save(figure, folder / "bytes.png")


def _save(figure: Any, place: Path) -> None:
    figure.tight_layout()
    figure.savefig(place, dpi=100)
    print(place)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="vibration")
    parser.add_argument("--gateways", type=int, help="default: one for each recorded machine")
    parser.add_argument("--loss", type=float, default=0.0, help="share of shards lost on each link")
    parser.add_argument("--liars", type=int, default=0, help="how many gateways lie")
    parser.add_argument("--lie", default="flip", choices=learning.LIES)
    parser.add_argument("--profile", default="full", choices=delta.PROFILES)
    parser.add_argument("--topology", default="full", help="ring, k4 or full")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=3, help="in each round")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--plot", type=Path, help="folder for PNG files")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
