"""`reedmesh import PATH`: a CSV, WAV, .npy or .npz file, or a folder of them, becomes windows; --learn tries them."""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh import atomic_file
from reedmesh.alerts.debounce import Watcher
from reedmesh.errors import ConfigError
from reedmesh.inference import features
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning import dataset, steps
from reedmesh.learning.aggregate import Merged
from reedmesh.learning.arrays import Windows
from reedmesh.learning.steps import TrainingSet
from reedmesh.recordings import files, proposal
from reedmesh.recordings.recording import NORMAL, TEST, TRAIN, Recording, is_neutral, load, to_bytes
from reedmesh.recordings.signal import label_of

LEAST_LEARNT = 20  # windows


def add(commands: Any) -> None:
    """The command's arguments."""
    text = "make windows of a CSV, WAV, .npy or .npz file, or of a folder of them, and learn them on trial"
    bring = commands.add_parser("import", help=text)
    bring.add_argument("path", type=Path, metavar="PATH", help="the file or folder; subfolders and names are labels")
    bring.add_argument("--out", type=Path, help="the recording to write (.npz); without it nothing is written")
    bring.add_argument("--rate", type=float, default=0.0, help="readings a second, where the file does not say it")
    bring.add_argument("--window", type=int, default=0, help="readings of a window")
    bring.add_argument("--family", default="", help="by which it will be judged")
    bring.add_argument("--columns", default="", help="of a CSV file, which are axes: ax,ay,az")
    bring.add_argument("--label", default="", help="what all of it is: normal, or a fault's name")
    bring.add_argument("--learn", action="store_true", help="learn the normal windows, and say what alarms")
    bring.set_defaults(run=_import)


def _import(chosen: argparse.Namespace) -> None:
    recording, family = _neutral(chosen) if is_neutral(chosen.path) else _cut(chosen)
    told = ", ".join(f"{count} {label}" for label, count in sorted(proposal.counts(recording).items()))
    print(f"windows: {told}")
    if chosen.learn:
        print("\n".join(learn(recording, family)))
    if chosen.out:
        atomic_file.write(chosen.out.absolute(), to_bytes(recording), 0o644)
        print(f"wrote {chosen.out}: make demo DATA={chosen.out} FAMILY={family} replays it if it has a fault")
    elif not chosen.learn:
        print("nothing was written: --out FILE.npz writes the windows, --learn tries them")


def _neutral(chosen: argparse.Namespace) -> tuple[Recording, str]:
    """A file in the neutral format says everything itself."""
    recording = load(chosen.path)
    print(f"{chosen.path}: in the neutral format already, of {', '.join(recording.names)}")
    return recording, chosen.family or "vibration"


def _cut(chosen: argparse.Namespace) -> tuple[Recording, str]:
    signals = files.read(chosen.path, [name.strip() for name in chosen.columns.split(",") if name.strip()])
    if chosen.label:
        signals = proposal.relabelled(signals, label_of(chosen.label))
    proposed = proposal.propose(signals, chosen.rate, chosen.window, chosen.family)
    print("\n".join((f"{chosen.path}:", *(f"  {line}" for line in proposed.why))))
    return proposal.cut(signals, proposed, str(chosen.path)), proposed.family


def learn(recording: Recording, family_name: str) -> list[str]:
    """Learn the first machine's normal windows as a gateway without neighbours would; says what would alarm."""
    family = fitted(load_family(find_family(family_name)), recording)
    train = recording.windows(0, TRAIN, NORMAL)
    if len(train) < LEAST_LEARNT:
        raise ConfigError(f"{len(train)} normal windows to learn from are too few: at least {LEAST_LEARNT} are needed")
    model = Model(alone(family, features.extract(train, family.recipe)[: family.training.windows]))
    lines = [f"learnt from {min(len(train), family.training.windows)} normal windows"]
    return lines + [_judged(recording, family, model, label) for label in (NORMAL, *recording.faults(0))]


def alone(family: Family, windows: Windows) -> bytes:
    """The int8 model that a gateway without neighbours makes of normal windows."""
    machine = TrainingSet(dataset.of(family, [windows]))
    epochs = steps.epochs(family, [machine])
    trained = steps.fit(family, [machine], [steps.start(family)], epochs, family.training.seed)
    return steps.make(family, machine, Merged(trained.weights, {}, {}), {}).model


def fitted(family: Family, recording: Recording) -> Family:
    """The family with windows of the recording's length."""
    table = {**family.features, "samples": recording.x.shape[1]}
    return replace(family, features=table | ({"hop": recording.x.shape[1]} if "hop" in table else {}))


def _judged(recording: Recording, family: Family, model: Model, label: str) -> str:
    windows = recording.windows(0, TEST, label)
    if not len(windows):
        return f"{label}: no later windows to judge"
    scores = model.scores(features.extract(windows, family.recipe))
    watcher = Watcher(label, family.alerts)
    changes = [watcher.judge(float(score), model.threshold, float(i)) for i, score in enumerate(scores)]
    raised = sum(change is not None and change.type == "new" for change in changes)
    over = f"{np.mean(scores > model.threshold):.0%} of {len(scores)} windows above the threshold"
    return f"{label}: {over}, {raised} {'alert' if raised == 1 else 'alerts'}"
