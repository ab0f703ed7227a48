"""Records of process variables in the format of SKAB, converted to windows in the neutral format.

    python -m tools.simulate.skab SKAB/data build/skab.npz [--family process] [--by record]

SKAB (Katser and Kozitsin 2020, github.com/waico/SKAB, GPL-3: benchmark with it, do not bundle it) is a water circuit at
1 Hz: a folder of CSV files, one fault each, in folders by kind of fault. The same in one .npz: `files`, and of each
file NAME `NAME_x` float [n, axes] and `NAME_anomaly` [n].
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.inference import family, features
from reedmesh.protocol.recipe import Recipe

LEARN = 400  # rows of each record to learn from; the leaderboard's
REACH = 16.0  # standard deviations of these to each end of the range that an installer would set
GROUPS = ("valve1", "valve2", "other")  # as gateways


@dataclass(frozen=True)
class Record:
    """One run of the process. x: float [n, axes], a row a second. anomaly: whether a row is within the fault."""

    name: str
    group: str
    x: NDArray[np.float64]
    anomaly: NDArray[np.bool_]

    def counts(self) -> NDArray[np.int16]:
        """The rows as a sensor's readings, whose channels have their ranges from the rows to learn from."""
        learn = self.x[:LEARN]
        middle, deviation = np.median(learn, axis=0), np.maximum(learn.std(axis=0), 1e-9)
        return np.clip(np.rint((self.x - middle) / (REACH * deviation) * 32768), -32768, 32767).astype(np.int16)

    def windows(self, recipe: Recipe) -> tuple[NDArray[np.int16], NDArray[np.intp]]:
        """The windows of a sensor, int16 [m, samples, axes], and the row that each ends with."""
        made = features.slide(self.counts(), recipe)
        return made, recipe.samples - 1 + recipe.hop * np.arange(len(made))


def load(path: Path) -> list[Record]:
    """The records with a fault in a folder of CSV files or an .npz; raises ConfigError for anything else."""
    try:
        found = _folder(path) if path.is_dir() else _archive(path)
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise ConfigError(f"DATA={path}: no records as SKAB has them: {error}") from error
    if not found:
        raise ConfigError(f"DATA={path}: no record with a fault in it")
    return sorted(found, key=lambda record: (GROUPS.index(record.group), len(record.name), record.name))


def _folder(path: Path) -> list[Record]:
    """CSV files of a time, the variables, and the columns anomaly and changepoint, with ; between."""
    found = []
    for group in GROUPS:
        for file in (path / group).glob("*.csv"):
            head, *lines = file.read_text().splitlines()
            if head.split(";")[-2:] != ["anomaly", "changepoint"]:
                raise ValueError(f"{file.name} does not end with the columns anomaly and changepoint")
            rows = np.array([line.split(";")[1:-1] for line in lines], dtype=np.float64)
            if rows.shape != (len(lines), head.count(";") - 1) or not np.isfinite(rows).all():
                raise ValueError(f"{file.name} has a line that is not a number in each column")
            found.append(Record(f"{group}_{file.stem}", group, rows[:, :-1], rows[:, -1] > 0))
    return found


def _archive(path: Path) -> list[Record]:
    with np.load(path, allow_pickle=False) as arrays:
        names = [str(name) for name in arrays["files"] if f"{name}_anomaly" in arrays]
        pairs = {name: (arrays[f"{name}_x"].astype(np.float64), arrays[f"{name}_anomaly"] > 0) for name in names}
    return [Record(name, name.rpartition("_")[0], *pairs[name]) for name in names]


def convert(records: list[Record], recipe: Recipe, out: Path, by: str = "group") -> int:
    """Write the neutral format: a gateway by kind of fault ("group") or "record", windows of one condition each.

    Returns how many there are. Raises ConfigError when the records have other axes than the recipe.
    """
    whose = [record.group if by == "group" else record.name for record in records]
    groups = list(dict.fromkeys(whose))
    parts = [(*_labelled(record, recipe), groups.index(it)) for record, it in zip(records, whose, strict=True)]
    split, label = (np.concatenate([part[i] for part in parts]) for i in (1, 2))
    gateway = np.concatenate([np.full(len(part[0]), part[3], np.int8) for part in parts])
    x = np.concatenate([part[0] for part in parts])
    out.parent.mkdir(parents=True, exist_ok=True)
    one = {"rate_hz": np.float32(1), "lsb_per_g": np.float32(0), "names": np.array(groups)}
    np.savez_compressed(out, x=x, split=split, label=label, gateway=gateway, **one)
    return len(x)


def _labelled(record: Record, recipe: Recipe) -> tuple[NDArray[np.int16], NDArray[np.str_], NDArray[np.str_]]:
    """A record's windows, their split and label; the rig takes its time to recover, so after the fault is another."""
    if record.x.shape[1] != recipe.axes:
        raise ConfigError(f"{record.name} has {record.x.shape[1]} variables, the family listens to {recipe.axes}")
    windows, ends = record.windows(recipe)
    begins = ends - recipe.samples + 1
    changes = np.concatenate([[0], np.cumsum(np.diff(record.anomaly.astype(int)) != 0)])
    train = (ends < LEARN) & ~record.anomaly[ends]
    whole = (changes[begins] == changes[ends]) & (train | (begins >= LEARN))
    split = np.where(train, "train", "test")
    fault = record.group if record.group != "other" else record.name
    normal = np.where(np.cumsum(record.anomaly)[ends] > 0, "normal-after", "normal")
    label = np.where(record.anomaly[ends], fault, normal)
    return windows[whole], split[whole], label[whole]


def main() -> int:
    """Write the file; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="SKAB's folder `data`, or the same as .npz")
    parser.add_argument("out", type=Path, help="file of windows, .npz")
    parser.add_argument("--family", default="process", help="that will judge them")
    parser.add_argument("--by", choices=("group", "record"), default="group", help="what is one machine")
    chosen = parser.parse_args()
    try:
        recipe = family.read_plan(family.find_family(chosen.family)).recipe
        count = convert(load(chosen.data), recipe, chosen.out, chosen.by)
    except ReedmeshError as error:
        print(f"skab: {error}", file=sys.stderr)
        return 2
    print(f"{chosen.out}: {count} windows of {recipe.samples} readings of {recipe.axes} variables")
    return 0


if __name__ == "__main__":
    sys.exit(main())
