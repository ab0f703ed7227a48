"""Matrix times shards in numpy alone: one table lookup gives the products of a byte with up to 32 coefficients.

For each source shard a table [256][rows] holds every byte's products with the column of the matrix. A row of it is
fetched for each byte and added (exclusive or) as 64-bit words; the sum's transpose is the result. That costs 3 passes
of numpy per 32 coefficients where the obvious way costs 2 for each.
"""

from collections.abc import Sequence

import numpy as np

from reedmesh.coding.isal import Rows
from reedmesh.coding.matrices import PRODUCTS, Bytes

ROWS = 32  # at most, of one panel: 4 words a byte
COLUMNS = 8192  # bytes of each shard at a time: what they fetch, at most 256 KiB, stays in the cache


def multiply(matrix: Bytes, shards: Rows, out: Rows) -> None:
    """out[i] = sum_j matrix[i, j] * shards[j]; all rows uint8 [length]. No `out` may overlap a shard."""
    for top in range(0, len(matrix), ROWS):
        _panel(matrix[top : top + ROWS], shards, out[top : top + ROWS])


def _panel(matrix: Bytes, shards: Rows, out: Rows) -> None:
    tables = _tables(matrix)
    words = tables.shape[2]
    length = len(shards[0])
    total = np.empty((min(COLUMNS, length), words), np.uint64)
    product = np.empty_like(total)
    for left in range(0, length, COLUMNS):
        columns = slice(left, min(left + COLUMNS, length))
        n = columns.stop - left
        _sum_of_products(tables, [shard[columns] for shard in shards], total[:n], product[:n])
        for row, sums in zip(out, total[:n].view(np.uint8).T, strict=False):
            row[columns] = sums


def _sum_of_products(tables: np.ndarray, shards: Sequence[Bytes], total: np.ndarray, product: np.ndarray) -> None:
    into = total
    for table, shard in zip(tables, shards, strict=True):
        table.take(shard, axis=0, out=into, mode="clip")  # "clip": numpy then writes to `out` without a copy
        if into is product:
            np.bitwise_xor(total, product, out=total)
        into = product


def _tables(matrix: Bytes) -> np.ndarray:
    """[columns, 256, words]: the products of each byte with the coefficients of a column, padded to whole words."""
    rows, columns = matrix.shape
    tables = np.zeros((columns, 256, -(-rows // 8) * 8), np.uint8)
    tables[:, :, :rows] = PRODUCTS[matrix.T].transpose(0, 2, 1)
    return tables.view(np.uint64)
