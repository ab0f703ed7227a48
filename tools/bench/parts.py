"""`make bench-parts`: how well parts are judged OK or NOK, beside known methods on the same recordings in the same run.

wafer (a recording that is not bundled): OK parts alone, 20 labelled NOK ones, all labels of its training half; judged
on its test half. robot_grasp: five-fold on problems 1, 4 and 5, alone and as three gateways with a third of the parts
each. All models are int8 and judged as gateways do; of wafer also in floating point, and some parts on the sensor's
engine under MicroPython. Settings of the classifier were chosen on both recordings (docs/decisions/0040), the range of
the gripper's readings and the sum over faults on its problems 1 to 4 alone.

    python -m tools.bench.parts [--seeds 3] [--data FOLDER] [--only wafer 1 4 5]
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.features import extract
from reedmesh.inference.model import Judgement, Model
from reedmesh.learning import delta, told
from reedmesh.learning.delta import Delta
from reedmesh.learning.parts import model, together
from reedmesh.learning.parts.limits import Costs
from reedmesh.learning.parts.model import PartModel, Taught
from reedmesh.learning.parts.together import Heard, Learnt
from reedmesh.learning.verify import verify
from reedmesh.protocol import verdict
from reedmesh.protocol.recipe import Cycle
from tools.bench import report
from tools.bench.support import parts_twins
from tools.bench.support.parts_baselines import Baselines
from tools.checkout import ROOT
from tools.simulate.gripper import COUNTS
from tools.simulate.gripper import RECORDING as GRIPPER

ALL = ("wafer", "1", "4", "5")  # recordings; of the gripper its problems
DATA = ROOT.parent / "shared" / "data"
WAFER, GRASP = Cycle(152, 1, 76), Cycle(15, 6, 5)
WAFER_COUNTS, GRASP_COUNTS = 2048, COUNTS  # counts for one unit of the recordings
ENGINE = 500  # parts that MicroPython judges, too
DRAWS = 10  # of 200 OK and 20 NOK parts
FOLDS, GATEWAYS = 5, 3
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
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL)
    given = parser.parse_args()
    print(report.machine())
    if (given.data / "wafer").is_dir() and ALL[0] in given.only:
        wafer(*wafers(given.data), given.seeds)
    elif ALL[0] in given.only:
        print(f"wafer is not in {given.data}: see models/parts/card.md for its source")
    for problem in (each for each in ALL[1:] if each in given.only):
        grasp(int(problem), grasps(int(problem)), given.seeds)


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
    made = model.learn(Taught(ok.parts, ok.labels, ["OK"]), WAFER, Costs())
    alone = judged(made.tflite, tested.parts)
    _twins("OK parts alone", made, ok.parts, tested, alone)
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


def _twins(name: str, made: PartModel, ok: Windows, tested: Recording, said: list[Judgement]) -> None:
    """Print what int8 costs, and whether the sensor's engine judges as gateways do."""
    nok, some = tested.labels > 0, slice(0, ENGINE)
    exact = _area(parts_twins.floating(made, ok, WAFER, tested.parts), nok)
    same = parts_twins.on_the_engine(made.tflite, tested.parts[some], said[some])
    print(
        f"wafer, {name}: AUC in int8 {area(said, nok):.4f}, in float {exact:.4f}; MicroPython: {same} of {ENGINE} alike"
    )
    key = name.replace(" ", "_").lower()
    report.save(f"parts_wafer_int8_{key}", area(said, nok), "AUC", {"float": exact, f"alike of {ENGINE}": same})


def _few(learnt: Recording, draw: int) -> bytes:
    """The model of 200 OK and 20 NOK parts, drawn at random."""
    random = np.random.default_rng(draw)
    drawn = [random.choice(np.flatnonzero((learnt.labels > 0) == nok), n, False) for nok, n in ((0, 200), (1, 20))]
    return model.learn(learnt[np.sort(np.concatenate(drawn))].taught, WAFER, Costs(), draw).tflite


def _accuracy(learnt: Recording, tested: Recording, seed: int) -> float:
    """Of passing OK parts and no others."""
    made = model.learn(learnt.taught, WAFER, EQUAL, seed)
    said = judged(made.tflite, tested.parts)
    if seed == 1:
        _twins("all labels", made, learnt.taught.ok, tested, said)
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


def _folds(labels: Labels, seed: int, count: int = FOLDS) -> Labels:
    """A fold for each part, its class spread evenly over them."""
    random, out = np.random.default_rng(seed), np.zeros(len(labels), np.intp)
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        out[rows] = (np.arange(len(rows)) + random.integers(count)) % count
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
    return [model.learn(rest.taught, GRASP, Costs(), seed, fewest=FEWEST).tflite]


def _three(rest: Recording, seed: int) -> list[list[bytes]]:
    """Three gateways with a third of the parts each: alone; and together, after each told the others once."""
    owner = _folds(rest.labels, seed, GATEWAYS)
    thirds = [rest[owner == each] for each in range(GATEWAYS)]
    alone = [_learnt(each, {}, seed) for each in thirds]
    heard = {str(own): _heard(each) for own, each in enumerate(alone)}
    joined = [
        _learnt(each, {name: it for name, it in heard.items() if name != str(own)}, seed)
        for own, each in enumerate(thirds)
    ]
    return [[each.made.tflite for each in kind] for kind in (alone, joined)]


def _learnt(known: Recording, heard: dict[str, Heard], seed: int) -> Learnt:
    """As a gateway's worker learns a station."""
    hidden = _family().architecture.hidden[-1]
    return together.learn(known.taught, GRASP, Costs(), heard, hidden, seed, FEWEST)


def _heard(it: Learnt) -> Heard:
    """What it tells as neighbours have it: packed, verified and unpacked as updates of gateways are."""
    whole = it.told.scatter
    sums_of = told.pack(it.told, told.nothing(len(whole.matrix)))
    snapshot = Delta(it.weights, whole.freedom, 0.0, np.diagonal(whole.matrix).astype(np.float32), sums_of)
    peer = verify(_family(), None, 1, 1, delta.pack(snapshot, _family().tensors, delta.PROFILES["full"])[0])
    assert peer.told
    return Heard(peer.told, peer.weights)


@cache
def _family() -> Family:
    """That of stations with the gripper's recipe."""
    return replace(load_family(find_family("parts")), features=GRASP.table())


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
