"""Reads a user's file or folder, whose type follows from its first bytes; refuses others with the reason."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.recordings.arrays import read_array
from reedmesh.recordings.csv_table import read_csv
from reedmesh.recordings.recording import NORMAL, is_neutral
from reedmesh.recordings.signal import MOST_BYTES, NORMAL_WORDS, Signal, label_of
from reedmesh.recordings.wav import read_wav

HEAD = 512  # bytes that are looked at
KINDS = (".csv", ".txt", ".tsv", ".wav", ".npy", ".npz")
MOST_FILES = 10_000
OTHERS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG", "a PNG picture: bring the numbers it was drawn from"),
    (b"\xff\xd8\xff", "a JPEG picture: bring the numbers it was drawn from"),
    (b"%PDF", "a PDF: export its table as CSV"),
    (b"MATLAB 5.0", "a MATLAB file: save it from there with writematrix(x, 'x.csv')"),
    (b"\x89HDF", "HDF5 (or MATLAB 7.3): export the data set as .npy or CSV"),
    (b"PAR1", "Parquet: export it as CSV, for example with pandas: to_csv('x.csv', index=False)"),
    (b"\xd0\xcf\x11\xe0", "an old Excel file: save the sheet as CSV"),
    (b"SQLite format 3", "an SQLite database: export the table as CSV"),
    (b"\x1f\x8b", "packed with gzip: unpack it first (gunzip)"),
    (b"BZh", "packed with bzip2: unpack it first (bunzip2)"),
    (b"7z\xbc\xaf", "a 7z archive: unpack it first"),
    (b"fLaC", "FLAC sound: save it as WAV (flac -d)"),
    (b"ID3", "MP3 sound: compression removes what faults sound like; record WAV"),
    (b"OggS", "Ogg sound: compression removes what faults sound like; record WAV"),
    (b"\x80\x04\x95", "a Python pickle, which can run code when it is read: save numbers with np.save"),
    (b"TFL3", "a TensorFlow Lite model, no recording"),
)


def read(path: Path, columns: Sequence[str] = ()) -> list[Signal]:
    """The signals in a file or in the files of a folder; columns: of a CSV file that are axes.

    Raises ConfigError "this is X; do Y" for what cannot be read.
    """
    if path.is_dir():
        return _folder(path, columns)
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file")
    if path.stat().st_size > MOST_BYTES:
        raise ConfigError(f"{path}: {path.stat().st_size >> 20} MiB are too many at once; cut the file")
    with path.open("rb") as file:
        head = file.read(HEAD)
    return [_read(path, head, columns)]


def _read(path: Path, head: bytes, columns: Sequence[str]) -> Signal:
    if not head:
        raise ConfigError(f"{path}: is empty")
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return read_wav(path)
    if head[:6] == b"\x93NUMPY":
        return read_array(path)
    if head[:2] == b"PK":
        return _archive(path)
    for start, what in OTHERS:
        if head.startswith(start) or head[4:8] == start:
            raise ConfigError(f"{path}: this is {what}")
    if head.lstrip()[:1] in (b"{", b"["):
        raise ConfigError(f"{path}: this is JSON: write the readings as CSV, a line for each moment")
    if b"\0" in head:
        raise ConfigError(f"{path}: this is binary of an unknown kind; CSV, WAV, .npy and .npz are read")
    return read_csv(path, columns)


def _archive(path: Path) -> Signal:
    """An .npz; every other zip says what it is."""
    if path.suffix.lower() == ".npz":
        return read_array(path)
    what = (
        "an Excel file: save the sheet as CSV"
        if path.suffix.lower() in (".xlsx", ".xlsm")
        else "a zip: unpack it first"
    )
    raise ConfigError(f"{path}: this is {what}")


def _folder(folder: Path, columns: Sequence[str]) -> list[Signal]:
    """All files of the known kinds; where a file names no labels, its folder or its own name is the label."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in KINDS and path.is_file())
    if not paths:
        raise ConfigError(f"{folder}: holds no {', '.join(KINDS)} file")
    if len(paths) > MOST_FILES:
        raise ConfigError(f"{folder}: {len(paths)} files are too many; at most {MOST_FILES}")
    if neutral := [path for path in paths if is_neutral(path)]:
        raise ConfigError(f"{neutral[0]}: is in the neutral format already: name it, not its folder")
    return [_labelled(folder, path, signal) for path in paths for signal in read(path, columns)]


def _labelled(folder: Path, path: Path, signal: Signal) -> Signal:
    if any("labels" in each for each in signal.said):
        return signal
    place = path.relative_to(folder)
    label = _label(place.parts[0] if len(place.parts) > 1 else place.stem)
    source = "folders" if len(place.parts) > 1 else "names of files"
    return replace(signal, labels=np.full(len(signal.values), label), said=(*signal.said, f"labels from {source}"))


def _label(text: str) -> str:
    """normal for `normal_3` or `ok-2024`, else the name without its last number."""
    words = text.lower().replace("-", "_").split("_")
    if any(word in NORMAL_WORDS - {"no", "0", "", "none"} for word in words):
        return NORMAL
    return label_of("-".join(word for word in words if not word.isdigit()) or text)
