"""CSV files: with or without a header, a time column, a label column; commas, semicolons or tabs."""

import csv
from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.recordings.signal import MOST_READINGS, Signal, label_of, make_signal

TIMES = {"time", "t", "timestamp", "datetime", "date", "seconds", "ms", "us", "time_s", "time_ms", "time_us"}
LABELS = {"label", "labels", "state", "class", "fault", "anomaly", "condition", "target", "status"}
DELIMITERS = (";", "\t", ",")
UNITS = ((1e-6, ("us", "time_us")), (1e-3, ("ms", "time_ms")))
DATE_PLACES = 10  # digits of a date, at least


def read_csv(path: Path, chosen: Sequence[str] = ()) -> Signal:
    """The readings of a CSV file; chosen: the columns that are axes, otherwise all numbers but time and label.

    Raises ConfigError that names the line for what is no table of numbers.
    """
    rows = _rows(path)
    header = None if all(_is_number(cell) or _is_date(cell) for cell in rows[0]) else rows[0]
    names = [cell.strip() or f"column{i + 1}" for i, cell in enumerate(header or [""] * len(rows[0]))]
    body, first = (rows[1:], 2) if header else (rows, 1)
    if not body:
        raise ConfigError(f"{path}: has a header and no readings")
    if wide := [i for i, row in enumerate(body) if len(row) != len(names)][:1]:
        line = wide[0] + first
        raise ConfigError(f"{path}: line {line} has {len(body[wide[0]])} cells, the first has {len(names)}")
    time, label = _column(names, TIMES), _column(names, LABELS)
    if time is None and all(_is_date(row[0]) for row in body[:3]):
        time = 0
    axes = _axes(path, names, chosen, {time, label}, body[0])
    if len(body) * len(axes) > MOST_READINGS:
        raise ConfigError(f"{path}: {len(body)} lines are too many at once; cut the file")
    values = np.array([_numbers(path, row, axes, i + first) for i, row in enumerate(body)])
    labels = np.array([label_of(row[label]) for row in body]) if label is not None else "normal"
    rate = _rate([row[time] for row in body], names[time]) if time is not None else 0.0
    said = [f"rate from column {names[time]}"] if rate and time is not None else []
    said += [f"labels from column {names[label]}"] if label is not None else []
    return make_signal(str(path), values, labels, rate, tuple(names[i] for i in axes), tuple(said))


def _rows(path: Path) -> list[list[str]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is no text (byte {error.start}): save it as CSV in UTF-8") from error
    first = text.lstrip().split("\n", 1)[0]
    delimiter = next((each for each in DELIMITERS if each in first), ",")
    rows = [row for row in csv.reader(text.splitlines(), delimiter=delimiter) if any(cell.strip() for cell in row)]
    if not rows:
        raise ConfigError(f"{path}: is empty")
    return [[_with_point(cell) for cell in row] for row in rows] if delimiter == ";" else rows


def _with_point(cell: str) -> str:
    """A number whose decimals are behind a comma, as others write it."""
    other = cell.replace(",", ".")
    return other if _is_number(other) else cell


def _axes(path: Path, names: list[str], chosen: Sequence[str], other: set[int | None], row: list[str]) -> list[int]:
    """The columns that are axes."""
    if unknown := [name for name in chosen if name not in names]:
        raise ConfigError(f"{path}: has no column {unknown[0]!r}; there are {', '.join(names)}")
    if chosen:
        return [names.index(name) for name in chosen]
    found = [i for i, cell in enumerate(row) if i not in other and _is_number(cell)]
    if not found:
        raise ConfigError(f"{path}: no column holds numbers that could be readings; there are {', '.join(names)}")
    return found


def _column(names: list[str], known: set[str]) -> int | None:
    return next((i for i, name in enumerate(names) if name.lower().split("[")[0].strip(" ()") in known), None)


def _numbers(path: Path, row: list[str], axes: list[int], line: int) -> list[float]:
    try:
        return [float(row[i]) for i in axes]
    except ValueError as error:
        raise ConfigError(f"{path}: line {line}: {error}; leave such lines or columns out (--columns)") from error


def _rate(cells: list[str], name: str) -> float:
    """Readings a second, from the median step of the time column; 0: it does not say."""
    try:
        times = [float(cell) for cell in cells[:1000]]
    except ValueError:
        times = [_seconds(cell) for cell in cells[:1000]]
    steps = sorted(late - early for early, late in pairwise(times))
    unit = next((unit for unit, known in UNITS if name.lower() in known), 1.0)
    middle = steps[len(steps) // 2] * unit if steps else 0.0
    return round(1 / middle, 3) if middle > 0 else 0.0


def _seconds(cell: str) -> float:
    try:
        return datetime.fromisoformat(cell.strip()).timestamp()
    except ValueError:
        return 0.0


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _is_date(cell: str) -> bool:
    return len(cell.strip()) >= DATE_PLACES and _seconds(cell) != 0.0
