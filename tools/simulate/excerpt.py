"""Makes recordings/*.npz from the public originals, the same readings each time: `make recordings`.

    python -m tools.simulate.excerpt [--actuators archive.zip] [--fan accelerometer.csv] [--check]

Without a path an original is fetched from its public address. The excerpt of the actuators is every stroke, with the
mean of three readings in place of each three; the fan's is all of it.
"""

import argparse
import csv
import io
import re
import sys
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from tools.simulate import recordings
from tools.simulate.recordings import Part, Recording

ACTUATORS_COMMIT = "f9926eb53e1c324d7ffafc4536f2494b7508d7ed"
ACTUATORS = f"https://codeload.github.com/vtnsi/actuator_dataset/zip/{ACTUATORS_COMMIT}"
FAN = "https://archive.ics.uci.edu/static/public/846/accelerometer.zip"
MAX_DOWNLOAD = 128 << 20
DIGESTS = {  # SHA-256 of the readings as int16, so that a changed original is noticed
    "actuators": "518791fdaec10ca3f121b0a6806f90570f03f8b32fe66fcd2bd14d2da9b7afde",
    "fan": "734fd0f73dc641e8dc60b9079301ea1d7dd59ba4613755f22fadcbd552e853b3",
}

STROKE, ROW = 3000, 3  # readings of a stroke that are kept, and how many of them become their mean
TRAIN = 0.6  # of what a healthy machine did, by time: to learn from
HEALTHY = {"Act_1": "actuator1", "Act_2": "actuator2", "Act_5": "actuator5", "Act_6": "actuator6"}
FAULTY = {"Act_3 (Gear Damage)": "gear", "Act_4 (Seal Defect)": "seal"}
EVERYBODY = -1  # as in the neutral format: shown to every gateway

WINDOW, COUNTS_PER_G = 60, 4096  # three seconds of the fan at 20 Hz
WEIGHTS = {"1": "normal", "2": "perpendicular", "3": "opposite"}
SPEEDS = {"slow": 50, "medium": 80, "fast": 101}  # per cent of the highest speed, below which each ends


def main() -> int:
    """Write the excerpts, or with --check compare; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actuators", type=Path, help=f"the archive of {ACTUATORS}")
    parser.add_argument("--fan", type=Path, help=f"accelerometer.csv, or the archive of {FAN}")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files are other ones")
    chosen = parser.parse_args()
    try:
        _make("actuators", actuators, _content(chosen.actuators, ACTUATORS), chosen.check)
        _make("fan", fan, _content(chosen.fan, FAN), chosen.check)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, ConfigError) as error:
        print(f"excerpt: {error}", file=sys.stderr)
        return 1
    return 0


def actuators(archive: bytes) -> Recording:
    """Every stroke of six hydraulic actuators, three accelerometer axes: [n, 1000, 3] counts."""
    parts: list[Part] = []
    with zipfile.ZipFile(io.BytesIO(archive)) as files:
        for gateway, folder in enumerate(HEALTHY):
            strokes = _strokes(files, folder)
            cut = int(len(strokes) * TRAIN)
            parts += [(strokes[:cut], gateway, "train", "normal"), (strokes[cut:], gateway, "test", "normal")]
        parts += [(_strokes(files, folder), EVERYBODY, "test", fault) for folder, fault in FAULTY.items()]
    return recordings.put_together(parts, 0.0, 0.0, tuple(HEALTHY.values()), "")


def fan(content: bytes) -> Recording:
    """A cooler fan at 17 speeds, without and with weights on its blades: [n, 60, 3] counts of 1/4096 g."""
    runs: dict[tuple[int, str], list[list[float]]] = {}
    for row in csv.reader(io.StringIO(_table(content).decode())):
        if row and row[0] in WEIGHTS:
            runs.setdefault((int(row[1]), row[0]), []).append([float(cell) for cell in row[2:5]])
    parts = [part for (speed, weight), rows in sorted(runs.items()) for part in _speed(speed, WEIGHTS[weight], rows)]
    return recordings.put_together(parts, 20.0, COUNTS_PER_G, tuple(SPEEDS), "")


def _strokes(files: zipfile.ZipFile, folder: str) -> NDArray[np.int16]:
    """The strokes in a folder, in the order in which they were recorded."""
    wanted = re.compile(rf"/Data/{re.escape(folder)}/[^/]+_([\d-]+ [AP]M)\.txt$")
    found = [(match[1], name) for name in files.namelist() if (match := wanted.search(name))]
    if not found:
        raise ValueError(f"the archive has no strokes in Data/{folder}")
    found.sort(key=lambda each: datetime.strptime(each[0], "%m-%d-%Y-%I-%M-%S %p"))
    return np.array([_stroke(files.read(name).decode("latin-1"), name) for _, name in found])


def _stroke(text: str, name: str) -> NDArray[np.int16]:
    readings = np.array([line.split("\t")[1:4] for line in text.splitlines()[1 : STROKE + 1]], dtype=np.int32)
    if readings.shape != (STROKE, 3):
        raise ValueError(f"{name}: {len(readings)} readings; expected {STROKE}")
    return np.rint(readings.reshape(-1, ROW, 3).mean(axis=1)).astype(np.int16)


def _speed(speed: int, label: str, rows: list[list[float]]) -> Iterator[Part]:
    """The windows of one speed and weight, cut into what is learnt from and what is not."""
    gateway = next(i for i, end in enumerate(SPEEDS.values()) if speed < end)
    counts = np.clip(np.rint(np.array(rows) * COUNTS_PER_G), -32768, 32767).astype(np.int16)
    windows = counts[: len(counts) // WINDOW * WINDOW].reshape(-1, WINDOW, 3)
    cut = int(len(windows) * TRAIN) if label == "normal" else 0
    if cut:
        yield windows[:cut], gateway, "train", label
    yield windows[cut:], gateway, "test", label


def _table(content: bytes) -> bytes:
    """accelerometer.csv, by itself or out of its archive."""
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return content
    with zipfile.ZipFile(io.BytesIO(content)) as files:
        return files.read("accelerometer.csv")


def _content(path: Path | None, source: str) -> bytes:
    if path:
        return path.read_bytes()
    print(f"fetching {source}")
    with urllib.request.urlopen(source, timeout=60) as answer:  # noqa: S310 - an address of ours
        return bytes(answer.read(MAX_DOWNLOAD))


def _make(name: str, build: Callable[[bytes], Recording], content: bytes, check: bool) -> None:
    recording, path = build(content), recordings.BUNDLED / f"{name}.npz"
    found = recordings.digest(recording)
    if found != DIGESTS[name]:
        raise ConfigError(f"the original of {name} holds other readings than it did: SHA-256 {found}")
    if not check:
        path.write_bytes(recordings.to_bytes(recording))
    elif not _same(recordings.load(path), recording):
        raise ConfigError(f"{path.name} is not what its original gives; run `make recordings`")
    print(f"{found}  {path.stat().st_size:7}  {path.name}")


def _same(one: Recording, other: Recording) -> bool:
    """Whether two hold the same readings with the same marks."""
    arrays = all(
        np.array_equal(getattr(one, name), getattr(other, name)) for name in ("x", "gateway", "split", "label")
    )
    return arrays and (one.names, one.rate_hz, one.lsb_per_g) == (other.names, other.rate_hz, other.lsb_per_g)


if __name__ == "__main__":
    sys.exit(main())
