"""`make bench-parts`: how well parts are judged OK or NOK, beside known methods on the same recordings in the same run.

wafer (a recording that is not bundled): OK parts alone, 20 labelled NOK ones, all labels of its training half; judged
on its test half. robot_grasp: five-fold on problems 1, 4 and 5, alone and as three gateways with a third of the parts
each. All models are int8 and judged as gateways do; `--engine` has MicroPython judge some of the parts, too. Settings
of the classifier were chosen on both recordings (docs/decisions/0040).

    python -m tools.bench.parts [--seeds 3] [--data FOLDER]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference import normalisation
from reedmesh.inference.features import extract
from reedmesh.inference.model import Judgement, Model
from reedmesh.learning import sums
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import classifier, detector, model
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import Taught
from reedmesh.protocol import verdict
from reedmesh.protocol.recipe import Cycle
from tools.bench import report
from tools.bench.support.parts_baselines import Baselines
from tools.checkout import ROOT
from tools.simulate.gripper import RECORDING as GRIPPER

DATA = ROOT.parent / "shared" / "data"
WAFER, GRASP = Cycle(152, 1, 76), Cycle(15, 6, 5)
WAFER_COUNTS, GRASP_COUNTS = 2048, 16  # counts for one unit of the recordings
DRAWS = 10  # of 200 OK and 20 NOK parts
ROUNDS, ROUND_STEPS = 8, 400  # of three gateways
FOLDS, GATEWAYS = 5, 3
ENOUGH = 20  # OK parts of each gateway, for covariances to be shared: of fewer, the clipped one may be indefinite
FEWEST = 4  # OK parts: a third of what is left beside a fold is less than a gateway would begin with
EQUAL = Costs(1.0, 1.0, 0.1)  # accuracy counts each mistake alike; a tenth of the wafers is NOK
Labels = NDArray[np.intp]
Windows = NDArray[np.int8]


@dataclass(frozen=True)
class Recording:
    """parts: features, int8 [m, p]. labels: 0 for OK. names: of the classes, OK first. curves: as recorded."""

    parts: Windows
    labels: Labels
    names: list[str]
    curves: NDArray[np.float32]

    def __getitem__(self, rows: Any) -> "Recording":
        """A selection of the parts."""
        return Recording(self.parts[rows], self.labels[rows], self.names, self.curves[rows])

    @property
    def taught(self) -> Taught:
        """The parts to learn from."""
        return Taught(self.parts, self.labels, self.names)


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description="How well parts are judged.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=DATA)
    given = parser.parse_args()
    print(report.machine())
    if (given.data / "wafer").is_dir():
        wafer(*wafers(given.data), given.seeds)
    else:
        print(f"wafer is not in {given.data}: see models/parts/card.md for its source")
    for problem in (1, 4, 5):
        grasp(problem, grasps(problem), given.seeds)


def wafers(folder: Path) -> tuple[Recording, Recording]:
    """Training and test half."""
    data = np.load(folder / "wafer" / "wafer.npz")
    halves = []
    for half in ("train", "test"):
        curves = data[f"x_{half}"]
        counts = np.clip(np.rint(curves * WAFER_COUNTS), -32768, 32767).astype(np.int16)
        labels = data[f"nok_{half}"].astype(np.intp)
        halves.append(Recording(extract(counts[:, :, None], WAFER), labels, ["OK", "NOK"], curves))
    return halves[0], halves[1]


def grasps(problem: int) -> Recording:
    """One of the five problems of the recording that ships."""
    data = np.load(GRIPPER)
    rows = data["problem"] == problem
    curves, words = data["x"][rows], data["label"][rows]
    names = sorted(set(words.tolist()), key=lambda name: (name not in ("normal", "ok"), name))
    counts = np.clip(curves.astype(np.int64) * GRASP_COUNTS, -32768, 32767).astype(np.int16)
    labels = np.array([names.index(word) for word in words], np.intp)
    return Recording(extract(counts, GRASP), labels, [name[:24] for name in names], curves.astype(np.float32))


def wafer(learnt: Recording, tested: Recording, seeds: int) -> None:
    """OK parts alone, 20 NOK, all labels."""
    nok, base = tested.labels > 0, Baselines(learnt.curves, learnt.labels, tested.curves, tested.labels)
    ok = learnt[learnt.labels == 0]
    alone = judged(model.learn(Taught(ok.parts, ok.labels, ["OK"]), WAFER, Costs()).tflite, tested.parts)
    found, theirs = area(alone, nok), base.mahalanobis()
    passed = np.array([each.verdict == verdict.OK for each in alone])
    escape, overkill = float(passed[nok].mean()), float((~passed[~nok]).mean())
    print(f"wafer, OK parts alone: AUC {found:.4f}, escape {escape:.2%}, overkill {overkill:.2%}; {theirs}")
    report.save("parts_wafer_auc_ok_only", found, "", theirs)
    report.save("parts_wafer_escape", escape, "share", {"target": 0.001})
    report.save("parts_wafer_overkill", overkill, "share", {"target": 0.01})
    few = [area(judged(_few(learnt, draw), tested.parts), nok) for draw in range(DRAWS)]
    print(f"wafer, 200 OK and 20 NOK: AUC {np.mean(few):.4f}, worst {min(few):.4f}; {base.few(DRAWS)}")
    report.save("parts_wafer_auc_20", float(np.mean(few)), "", {"worst": min(few), **base.few(DRAWS)})
    right = [_accuracy(learnt, tested, seed) for seed in range(1, seeds + 1)]
    print(f"wafer, all labels: accuracy {right}; {base.accuracy()}")
    report.save("parts_wafer_accuracy", min(right), "of the worst seed", base.accuracy())


def _few(learnt: Recording, draw: int) -> bytes:
    """The model of 200 OK and 20 NOK parts, drawn at random."""
    random = np.random.default_rng(draw)
    drawn = [random.choice(np.flatnonzero((learnt.labels > 0) == nok), n, False) for nok, n in ((0, 200), (1, 20))]
    return model.learn(learnt[np.sort(np.concatenate(drawn))].taught, WAFER, Costs(), draw).tflite


def _accuracy(learnt: Recording, tested: Recording, seed: int) -> float:
    """Of passing OK parts and no others."""
    said = judged(model.learn(learnt.taught, WAFER, EQUAL, seed).tflite, tested.parts)
    passed = np.array([each.verdict == verdict.OK for each in said])
    return round(float((passed == (tested.labels == 0)).mean()), 4)


def grasp(problem: int, known: Recording, seeds: int) -> None:
    """OK against failure and all classes, beside a random forest; and three gateways."""
    whole, thirds = [], []
    for seed in range(seeds):
        fold = _folds(known.labels, seed)
        whole.append(_crossed(known, fold, lambda rest, seed=seed: [_one(rest, seed)])[0])
        thirds.append(_crossed(known, fold, lambda rest, seed=seed: _three(rest, seed)))
    areas, right = (float(np.mean([pair[i] for pair in whole])) for i in (0, 1))
    forest = Baselines.forest(known.curves, known.labels, _folds(known.labels, 0))
    alone, together = (float(np.mean([each[i][0] for each in thirds])) for i in (0, 1))
    print(f"robot_grasp {problem}: AUC {areas:.4f}, accuracy of classes {right:.3f}; {forest}")
    print(f"  three gateways with a third of the parts each: AUC alone {alone:.4f}, together {together:.4f}")
    against = {"accuracy": right, "thirds alone": alone, "thirds together": together, **forest}
    report.save(f"parts_grasp_auc_{problem}", areas, "", against)


def _folds(labels: Labels, seed: int) -> Labels:
    """A fold for each part, its class spread evenly over them."""
    random, out = np.random.default_rng(seed), np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        out[rows] = (np.arange(len(rows)) + random.integers(FOLDS)) % FOLDS
    return out


def _crossed(
    known: Recording, fold: Labels, learnt: Callable[[Recording], Sequence[Sequence[bytes]]]
) -> list[tuple[float, float]]:
    """AUC and accuracy of classes of each kind of model that `learnt` gives; of several of a kind, the mean."""
    kinds: list[list[tuple[NDArray[np.float64], NDArray[np.intp]]]] = []
    for each in range(FOLDS):
        held = np.flatnonzero(fold == each)
        for kind, models in enumerate(learnt(known[fold != each])):
            if kind == len(kinds):
                kinds.append([(np.zeros(len(fold)), np.zeros(len(fold), np.intp)) for _ in models])
            for at, tflite in enumerate(models):
                said = judged(tflite, known.parts[held])
                kinds[kind][at][0][held] = [it.against for it in said]
                kinds[kind][at][1][held] = [0 if it.fault == verdict.UNKNOWN else it.fault for it in said]
    nok = known.labels > 0
    measured = [[(_area(a, nok), float((c == known.labels).mean())) for a, c in models] for models in kinds]
    return [(float(np.mean([a for a, _ in each])), float(np.mean([c for _, c in each]))) for each in measured]


def _one(rest: Recording, seed: int) -> list[bytes]:
    return [_made(rest, seed)]


def _three(rest: Recording, seed: int) -> list[list[bytes]]:
    """Three gateways: alone; and together, by sums of OK parts and networks that are averaged round by round."""
    owner = np.random.default_rng(seed).permutation(len(rest.labels)) % GATEWAYS
    thirds = [rest[owner == each] for each in range(GATEWAYS)]
    return [[_made(each, seed) for each in thirds], _federated(thirds, seed)]


def _made(known: Recording, seed: int) -> bytes:
    return model.learn(known.taught, GRASP, Costs(), seed, fewest=FEWEST).tflite


def _federated(thirds: list[Recording], seed: int) -> list[bytes]:
    told = (
        [_scatter(each.taught.ok) for each in thirds] if min(len(each.taught.ok) for each in thirds) >= ENOUGH else []
    )
    names, features = thirds[0].names, thirds[0].parts.shape[1]
    z = []
    for own, each in enumerate(thirds):
        found = detector.learn(each.taught.ok, GRASP, _others(told, own), FEWEST).model
        z.append(normalisation.apply(each.parts, found.means, found.gains))
    net = classifier.start(features, len(names), seed)
    for turn in range(ROUNDS):
        trained = [
            classifier.fit(x, each.labels, len(names), seed + turn, net, ROUND_STEPS)
            for x, each in zip(z, thirds, strict=True)
        ]
        net = classifier.mean(trained, [float(len(each.labels)) for each in thirds])
    return [
        model.learn(each.taught, GRASP, Costs(), seed, _others(told, own), net, FEWEST).tflite
        for own, each in enumerate(thirds)
    ]


def _scatter(ok: Windows) -> Scatter:
    return Scatter(sums.of(ok).scatter, len(ok) - 1)


def _others(told: list[Scatter], own: int) -> list[Scatter]:
    return [of for at, of in enumerate(told) if at != own]


def judged(tflite: bytes, parts: Windows) -> list[Judgement]:
    """As gateway and sensor judge."""
    return Model(tflite).judgements(parts)


def area(said: list[Judgement], nok: NDArray[np.bool_]) -> float:
    """Under the receiver operating characteristic, by what speaks against each part."""
    return _area(np.array([each.against for each in said], np.float64), nok)


def _area(against: NDArray[np.float64], nok: NDArray[np.bool_]) -> float:
    """The chance that a NOK part has more against it than an OK one (Mann and Whitney), ties counting half."""
    ok, bad = np.sort(against[~nok]), against[nok]
    below = np.searchsorted(ok, bad, "left") + np.searchsorted(ok, bad, "right")
    return float(below.sum() / (2 * len(ok) * len(bad)))


if __name__ == "__main__":
    main()
