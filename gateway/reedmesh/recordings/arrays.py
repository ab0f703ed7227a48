"""NumPy files: .npy and .npz with one array of readings, and .npz in the neutral format."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.recordings.signal import MOST_BYTES, MOST_READINGS, Signal, make_signal

MOST_AXES = 16
USUAL = ("x", "data", "signal", "values", "readings", "arr_0")
RATES = ("rate_hz", "rate", "fs", "sampling_rate", "sample_rate", "hz")
OBJECTS = "holds Python objects, which can run code when read; save numbers: np.save(path, np.asarray(x, float))"


def read_array(path: Path) -> Signal:
    """The readings of an .npy or .npz file: [n], [n, axes] or [windows, samples, axes]; raises ConfigError."""
    try:
        _refuse_large(path)
        loaded = np.load(path)
        if isinstance(loaded, np.ndarray):
            return _signal(path, loaded, 0.0)
        with loaded:
            return _of_archive(path, loaded)
    except (EOFError, OSError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise ConfigError(f"{path}: is cut short or damaged ({error}); copy or save it again") from error
    except ValueError as error:
        known = OBJECTS if "pickle" in str(error) or "object" in str(error).lower() else f"cannot be read: {error}"
        raise ConfigError(f"{path}: {known}") from error


def _refuse_large(path: Path) -> None:
    """Raise ConfigError for what would take too much memory, before any of it is taken: by the headers alone."""
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            _refuse_shape(path, file)
        return
    with zipfile.ZipFile(path) as files:
        for member in files.infolist():
            if member.file_size > MOST_BYTES:
                raise ConfigError(f"{path}: {member.filename} has {member.file_size >> 20} MiB unpacked; cut it")
            if member.filename.endswith(".npy"):
                with files.open(member) as file:
                    _refuse_shape(path, file)


def _refuse_shape(path: Path, file: IO[bytes]) -> None:
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, _ = read(file)
    if math.prod(shape) > MOST_READINGS:
        raise ConfigError(f"{path}: {math.prod(shape)} readings are too many at once; cut the file")


def _of_archive(path: Path, arrays: "np.lib.npyio.NpzFile") -> Signal:
    names = list(arrays.files)
    chosen = next((name for name in USUAL if name in names), names[0] if len(names) == 1 else None)
    if chosen is None:
        raise ConfigError(f"{path}: holds {', '.join(names) or 'nothing'}; call the array with the readings x")
    rate = next((float(arrays[name]) for name in RATES if name in names and arrays[name].size == 1), 0.0)
    return _signal(path, arrays[chosen], rate)


def _signal(path: Path, found: NDArray[np.generic], rate: float) -> Signal:
    if found.dtype.kind not in "iufb":
        raise ConfigError(f"{path}: holds {found.dtype}; readings are real numbers")
    said = ("rate from the file",) if rate else ()
    values, window = found.astype(np.float64), 0
    if values.ndim == 1:
        values = values[:, None]
    elif values.ndim == 3:  # windows that were cut already
        window, values = values.shape[1], values.reshape(-1, values.shape[2])
    elif values.ndim == 2 and values.shape[1] > MOST_AXES >= values.shape[0]:
        values, said = values.T, (*said, "axes are the rows")
    if values.ndim != 2 or values.shape[1] > MOST_AXES:
        shape = "[n], [n, axes] or [windows, samples, axes]"
        raise ConfigError(f"{path}: has the shape {found.shape}; readings are {shape}, with at most {MOST_AXES} axes")
    return make_signal(str(path), np.ascontiguousarray(values), rate_hz=rate, said=said, window=window)
