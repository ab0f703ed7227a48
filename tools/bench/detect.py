"""How well a family tells a fault from normal: learns each recorded machine as a gateway would, then judges the rest.

    python -m tools.bench.detect [--data windows.npz] [--windows 240] [--skip 25]

Prints, per machine and for the family's model as int8 and as float, the AUC of single windows, how many windows were
over the threshold, and for how much of the time an alert stood (the gateway's own rule, windows in recorded order).
"""

import argparse
import sys

import numpy as np
from numpy.typing import NDArray

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ReedmeshError
from reedmesh.inference import features, normalisation, runtime
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning import calibrate, quantise
from reedmesh.learning.candidate import Candidate, commission
from reedmesh.protocol import scaling
from tools.bench import report
from tools.simulate import recordings
from tools.simulate.recordings import Recording

RULE = AlertRule()
HEADINGS = f"{'machine':<10} {'condition':<16} {'windows':>7} {'AUC int8':>9} {'float':>6} {'over':>7} {'in alert':>9}"


def main() -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="vibration")
    parser.add_argument("--windows", type=int, help="to learn from; otherwise what the family says")
    parser.add_argument("--skip", type=int, default=0, help="training windows to leave out at the beginning")
    chosen = parser.parse_args()
    try:
        family = load_family(find_family(chosen.family))
        family, recording = recordings.matched(family, recordings.find(chosen.data or None, family.recipe))
        count = chosen.windows or family.training.windows
        print(f"{recording.origin}; {family.name} learnt from {count} windows; {report.machine()}")
        print(HEADINGS)
        for gateway in range(len(recording.names)):
            judge(family, recording, gateway, slice(chosen.skip, chosen.skip + count))
    except (ReedmeshError, ValueError) as error:
        print(f"bench_detect: {error}", file=sys.stderr)
        return 2
    return 0


def judge(family: Family, recording: Recording, gateway: int, learn: slice) -> None:
    """Learn one machine and print a row for each condition of its test windows."""
    learnt = features.extract(recording.windows(gateway, "train", "normal"), family.recipe)
    candidate = commission(family, learnt[learn], family.training.seed)
    model = Model(candidate.model)
    conditions = {label: recording.windows(gateway, "test", label) for label in ("normal", *others(recording, gateway))}
    found = {label: features.extract(windows, family.recipe) for label, windows in conditions.items()}
    exact = {label: as_float(family, candidate, each) for label, each in found.items()}
    scores = {label: model.scores(each) for label, each in found.items()}
    for label, each in scores.items():
        over, alerted = (each > model.threshold).mean(), in_alert(each, model.threshold, family.alerts)
        areas = f"{auc(scores['normal'], each):>9.4f} {auc(exact['normal'], exact[label]):>6.4f}"
        areas = f"{'':>9} {'':>6}" if label == "normal" else areas
        print(f"{recording.names[gateway]:<10} {label:<16} {len(each):>7} {areas} {over:>7.1%} {alerted:>9.1%}")


def others(recording: Recording, gateway: int) -> list[str]:
    """Other recordings of a machine: faults, and normal conditions that it did not learn."""
    mine = ((recording.gateway == gateway) | (recording.gateway == -1)) & (recording.split == "test")
    return sorted({str(label) for label in recording.label[mine]} - {"normal"})


def as_float(family: Family, candidate: Candidate, found: NDArray[np.int8]) -> NDArray[np.float64]:
    """Scores by the trained weights before they were quantised."""
    weights = np.frombuffer(candidate.weights, dtype=np.float32)
    interpreter = runtime.reference(quantise.with_weights(family.float_tflite, weights))
    (entry,), (end,) = interpreter.get_input_details(), interpreter.get_output_details()
    z = normalisation.apply(found, *calibrate.scaling_of(candidate.model)).astype(np.float32) / scaling.ONE
    interpreter.resize_tensor_input(entry["index"], z.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(entry["index"], z)
    interpreter.invoke()
    return np.asarray(((z - interpreter.get_tensor(end["index"])) ** 2).sum(axis=1), dtype=np.float64)


def auc(normal: NDArray[np.generic], fault: NDArray[np.generic]) -> float:
    """The chance that a window of the fault scores above a normal one; ties count half."""
    above, same = fault[:, None] > normal, fault[:, None] == normal
    return float(above.mean() + same.mean() / 2)


def in_alert(scores: NDArray[np.int64], threshold: int, rule: AlertRule = RULE) -> float:
    """The share of windows after which an alert stood."""
    watcher, standing = Watcher("machine", rule), 0
    for i, score in enumerate(scores.tolist()):
        watcher.judge(score, threshold, float(i))
        standing += watcher.alert is not None
    return standing / len(scores)


if __name__ == "__main__":
    sys.exit(main())
