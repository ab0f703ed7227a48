"""A recording as CSV, WAV or NumPy file: a gateway's, of features, or one of readings in the neutral format."""

import csv
import io
import wave
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.recordings import recording

KINDS = (".csv", ".npz", ".wav")
LARGEST = 200 << 20  # bytes of a file of features when it is unpacked


def exported(path: Path, kind: str, label: str = "") -> tuple[bytes, str]:
    """The content for a file that ends in `kind`, and what it is in words; raises ConfigError.

    label: only its windows, of the neutral format.
    """
    if kind not in KINDS:
        raise ConfigError(f"{kind or 'no ending'}: a file that ends in {', '.join(KINDS)} can be written")
    if recording.is_neutral(path):
        return _readings(path, kind, label)
    if kind == ".wav":
        raise ConfigError(f"{path}: holds features, as sensors publish them; .wav is for readings: .csv or .npz")
    found = _features(path)
    told = f"{len(found['features'])} windows, {str(found['label'])!r}, of {found['sensor']}"
    return (path.read_bytes() if kind == ".npz" else _features_csv(found)), told


def _features(path: Path) -> dict[str, NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as files:
            if sum(each.file_size for each in files.infolist()) > LARGEST:
                raise ValueError("too large")
        with np.load(path) as arrays:
            return {name: arrays[name] for name in ("features", "at", "label", "sensor", "names")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise ConfigError(f"{path}: neither a gateway's recording nor the neutral format: {error}") from error


def _features_csv(found: dict[str, NDArray[np.generic]]) -> bytes:
    width = found["features"].shape[1]
    names = [str(each) for each in found["names"]]
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["time", *(names if len(names) == width else [f"feature {i}" for i in range(width)]), "label"])
    for at, window in zip(found["at"], found["features"], strict=True):
        rows.writerow([f"{float(at):.3f}", *map(int, window), str(found["label"])])
    return out.getvalue().encode()


def _readings(path: Path, kind: str, label: str) -> tuple[bytes, str]:
    """Windows of readings, one after the other."""
    found = recording.load(path)
    chosen = found.label == label if label else np.ones(len(found.label), bool)
    if not chosen.any():
        raise ConfigError(f"{path}: no window is called {label!r}; there are {', '.join(sorted(set(found.label)))}")
    x = found.x[chosen]
    told = f"{len(x)} windows of {x.shape[1]} readings on {x.shape[2]} axes, {found.rate_hz:g} a second"
    if kind == ".npz":
        return path.read_bytes(), told
    flat = x.reshape(-1, x.shape[2])
    return (_wav(flat, found.rate_hz) if kind == ".wav" else _csv(flat, found, chosen)), told


def _csv(flat: NDArray[np.int16], found: recording.Recording, chosen: NDArray[np.bool_]) -> bytes:
    samples, labels = found.x.shape[1], np.repeat(found.label[chosen], found.x.shape[1])
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(["time", *(f"axis{i}" for i in range(flat.shape[1])), "label"])
    rate = found.rate_hz or float(samples)
    for i, (reading, label) in enumerate(zip(flat, labels, strict=True)):
        rows.writerow([f"{i / rate:.6f}", *map(int, reading), label])
    return out.getvalue().encode()


def _wav(flat: NDArray[np.int16], rate: float) -> bytes:
    if rate < 1:
        raise ConfigError("a .wav file needs a whole number of readings a second: write .csv")
    out = io.BytesIO()
    with wave.open(out, "wb") as file:
        file.setnchannels(flat.shape[1])
        file.setsampwidth(2)
        file.setframerate(round(rate))
        file.writeframes(flat.astype("<i2").tobytes())
    return out.getvalue()
