"""Matrix times shards by Intel's ISA-L, where that library is found: the bytes of `numpy_kernel.py`, faster.

Looked for as the system's (Debian: libisal2) and as the copy inside the `pyeclib` wheel, which has x86-64 and aarch64.
The latter's name is nobody's promise, so `kernel.py` believes a library only after comparing its results with stored
ones.
"""

import ctypes
import importlib.util
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.coding.matrices import Bytes

SYSTEM = "libisal.so.2"
TABLE = 32  # bytes ISA-L expands each coefficient to
KEPT = 4  # matrices whose tables are kept, at most 0.5 MB each: the blocks of a payload share theirs

Rows = Sequence[Bytes] | Bytes  # shards one by one, or as the rows of one array [n, length]


class Isal:
    """The library at `path`; raises OSError when it cannot be loaded, AttributeError when it is another one."""

    def __init__(self, path: str) -> None:
        library = ctypes.CDLL(path)
        self._init_tables = library.ec_init_tables
        self._encode_data = library.ec_encode_data
        self._init_tables.restype = self._encode_data.restype = None
        self._tables = lru_cache(KEPT)(self._expanded)

    def multiply(self, matrix: Bytes, shards: Rows, out: Rows) -> None:
        """out[i] = sum_j matrix[i, j] * shards[j], for shards [n] of one length; no `out` may overlap a shard.

        Raises ValueError when lengths differ, or when a shard is no row of bytes side by side.
        """
        rows, columns = matrix.shape
        if not rows:
            return
        length = _length(shards)
        if (len(out), len(shards)) != matrix.shape or _length(out) != length:
            raise ValueError(f"shards of different lengths, or not {columns} of them for {rows} results")
        tables, sources, targets = self._tables(matrix.tobytes(), rows), _addresses(shards), _addresses(out)
        self._encode_data(length, columns, rows, _at(tables), _at(sources), _at(targets))

    def _expanded(self, coefficients: bytes, rows: int) -> Bytes:
        """ISA-L's tables of a matrix of `rows` rows."""
        tables = np.empty(TABLE * len(coefficients), np.uint8)
        self._init_tables(len(coefficients) // rows, rows, coefficients, _at(tables))
        return tables


def candidates() -> Iterator[str]:
    """Names and paths under which the library is looked for, the system's first."""
    yield SYSTEM
    wheel = importlib.util.find_spec("pyeclib")
    for folder in (wheel and wheel.submodule_search_locations) or []:
        yield from map(str, Path(folder).parent.glob("pyeclib.libs/libisal*"))


def _length(shards: Rows) -> int:
    """The one length of `shards`; raises ValueError, because C would write beyond the end of a shorter one."""
    length = len(shards[0])
    one_by_one = [shards[0]] if isinstance(shards, np.ndarray) else shards  # rows of one array are alike
    if any(s.shape != (length,) or s.strides != (1,) or s.dtype != np.uint8 for s in one_by_one):
        raise ValueError("shards of different lengths, or not rows of bytes")
    return length


def _addresses(shards: Rows) -> NDArray[np.uintp]:
    if isinstance(shards, np.ndarray):
        first: int = shards.__array_interface__["data"][0]
        return first + np.arange(len(shards), dtype=np.uintp) * np.uintp(shards.strides[0])
    return np.array([shard.__array_interface__["data"][0] for shard in shards], np.uintp)


def _at(array: NDArray[np.uint8] | NDArray[np.uintp]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)
