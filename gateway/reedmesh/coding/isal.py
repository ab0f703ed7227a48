"""Matrix times shards by Intel's ISA-L, where that library is found: the bytes of `panel.py`, several times as fast.

Looked for as the system's (Debian: libisal2) and as the copy inside the `pyeclib` wheel, which has x86-64 and aarch64.
The latter's name is nobody's promise, so `kernel.py` believes a library only after comparing its results with stored
ones.
"""

import ctypes
import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.coding.matrices import Bytes

SYSTEM = "libisal.so.2"
TABLE = 32  # bytes ISA-L expands each coefficient to


class Isal:
    """The library at `path`; raises OSError when it cannot be loaded, AttributeError when it is another one."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self._init_tables = library.ec_init_tables
        self._encode_data = library.ec_encode_data
        self._init_tables.restype = self._encode_data.restype = None

    def multiply(self, matrix: Bytes, shards: Sequence[Bytes], out: Sequence[Bytes]) -> None:
        """out[i] = sum_j matrix[i, j] * shards[j], for shards [n] of one length; no `out` may overlap a shard."""
        rows, columns = matrix.shape
        if not rows:
            return
        length = _length([*shards, *out])
        coefficients = np.ascontiguousarray(matrix)
        tables = np.empty(TABLE * rows * columns, np.uint8)
        sources, targets = _addresses(shards), _addresses(out)
        self._init_tables(columns, rows, _at(coefficients), _at(tables))
        self._encode_data(length, columns, rows, _at(tables), _at(sources), _at(targets))


def candidates() -> Iterator[str]:
    """Where the library may be, the system's first."""
    yield SYSTEM
    wheel = importlib.util.find_spec("pyeclib")
    for folder in (wheel and wheel.submodule_search_locations) or []:
        yield from map(str, Path(folder).parent.glob("pyeclib.libs/libisal*"))


def _length(shards: Sequence[Bytes]) -> int:
    """The one length of `shards`; raises ValueError, because C would write beyond the end of a shorter one."""
    length = len(shards[0])
    if any(s.shape != (length,) or s.dtype != np.uint8 or s.strides != (1,) for s in shards):
        raise ValueError("shards of different lengths, or not rows of bytes")
    return length


def _addresses(shards: Sequence[Bytes]) -> NDArray[np.uintp]:
    return np.array([shard.ctypes.data for shard in shards], np.uintp)


def _at(array: NDArray[np.uint8] | NDArray[np.uintp]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
