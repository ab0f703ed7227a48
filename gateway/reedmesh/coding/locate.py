"""Wrong shards without hashes: which of a block's shards contradict the others, for links that do not sign each one.

Metzner and Kapturowski (1990): in an interleaved code an error is a wrong *row*, and all columns together say which.
Let e shards more than k be there. Their differences to what the first k say of them are the syndromes S [e, length];
with the check matrix H [e, k + e], S = H E for the error rows E. As long as at most e - 1 rows are wrong, and no wrong
row is a combination of others, a row is wrong exactly when its column of H lies in the span of S. Classical decoding,
column by column, corrects e / 2.

Where wrong rows do depend on each other (two were swapped, or all errors lie in a few columns), `reedsolo` decodes
columns one by one, until the rows it finds wrong explain the rest, or all columns are mended.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import reedsolo
from numpy.typing import NDArray

from reedmesh.coding import kernel
from reedmesh.coding.matrices import EXP, LOG, PLACES, PRODUCTS, Bytes, weights
from reedmesh.errors import WireError

MOST_COLUMNS = 64  # to decode one by one: 10 to 40 ms each


def correct(shards: Mapping[int, Bytes], k: int) -> dict[int, Bytes]:
    """The shards without the wrong ones, or with their columns corrected: at least k of them.

    shards: rows, uint8 [length], by index; at least k. Raises WireError when they contradict each other and the wrong
    ones cannot be found. More errors than (count - k) / 2 may go unseen: the SHA-256 of the payload decides.
    """
    order = sorted(shards)
    relation = weights(order[k:], order[:k])
    syndromes = _syndromes(relation, [shards[i] for i in order])
    dirty = np.flatnonzero(syndromes.any(axis=0))
    if not len(dirty):
        return dict(shards)
    wrong = _wrong_rows(np.hstack([relation, np.eye(len(relation), dtype=np.uint8)]), syndromes, dirty)
    if wrong is not None:
        return _without({order[row] for row in wrong}, shards)
    return _column_by_column(shards, k, dirty)


def _syndromes(relation: Bytes, rows: Sequence[Bytes]) -> Bytes:
    """What the rows after the first k differ from what those k say of them."""
    k = relation.shape[1]
    syndromes = np.empty((len(relation), len(rows[0])), np.uint8)
    kernel.multiply(relation, rows[:k], list(syndromes))
    for syndrome, row in zip(syndromes, rows[k:], strict=True):
        syndrome ^= row
    return syndromes


def _without(wrong: set[int], shards: Mapping[int, Bytes]) -> dict[int, Bytes]:
    return {index: row for index, row in shards.items() if index not in wrong}


def _agree(shards: Mapping[int, Bytes], k: int) -> bool:
    """Whether there are more than k shards and none contradicts the others."""
    order = sorted(shards)
    return len(order) > k and not _syndromes(weights(order[k:], order[:k]), [shards[i] for i in order]).any()


def _wrong_rows(check: Bytes, syndromes: Bytes, dirty: NDArray[np.intp]) -> set[int] | None:
    """The rows whose errors explain all syndromes; None when they depend on each other or are too many."""
    sample = dirty[np.linspace(0, len(dirty) - 1, min(len(dirty), 2 * len(check))).astype(int)]
    while True:
        null = left_null_space(syndromes[:, sample])
        if not len(null):
            return None
        unexplained = np.flatnonzero(_product(null, syndromes).any(axis=0))
        if not len(unexplained):
            break
        sample = np.append(sample, unexplained[: len(check)])  # each raises the rank: at most e rounds
    wrong = np.flatnonzero(~_product(null, check).any(axis=0))
    return set(wrong.tolist()) if len(wrong) == len(check) - len(null) else None


def left_null_space(matrix: Bytes) -> Bytes:
    """N, uint8 [rows - rank, rows], of full rank, with N times `matrix`, uint8 [rows, columns], = 0; by elimination."""
    rows, columns = matrix.shape
    work = np.hstack([matrix, np.eye(rows, dtype=np.uint8)])
    rank = 0
    for column in range(columns):
        pivots = np.flatnonzero(work[rank:, column])
        if not len(pivots):
            continue
        work[[rank, rank + pivots[0]]] = work[[rank + pivots[0], rank]]
        below = work[rank + 1 :]
        inverse = EXP[PLACES - LOG[work[rank, column]]]
        factors = PRODUCTS[inverse, below[:, column]]
        below ^= PRODUCTS[factors[:, None], work[rank]]
        rank += 1
        if rank == rows:
            break
    return work[rank:, columns:]


def _product(a: Bytes, b: Bytes) -> Bytes:
    out = np.empty((len(a), b.shape[1]), np.uint8)
    kernel.multiply(a, list(np.ascontiguousarray(b)), list(out))
    return out


def _column_by_column(shards: Mapping[int, Bytes], k: int, dirty: NDArray[np.intp]) -> dict[int, Bytes]:
    codec = reedsolo.RSCodec(PLACES - k, nsize=PLACES)
    mended = {index: row.copy() for index, row in shards.items()}
    wrong: set[int] = set()
    for column in dirty[:MOST_COLUMNS].tolist():
        found = _mend_column(codec, mended, column)
        if not found <= wrong:
            wrong |= found
            if _agree(_without(wrong, shards), k):
                return _without(wrong, shards)
    if not _agree(mended, k):
        raise WireError(f"{len(shards)} shards contradict each other in {len(dirty)} columns: more shards are needed")
    return mended


def _mend_column(codec: reedsolo.RSCodec, rows: dict[int, Bytes], column: int) -> set[int]:
    """Let reedsolo correct one column of `rows`; returns the indices of the rows that were wrong."""
    word = bytearray(rows[i][column] if i in rows else 0 for i in range(PLACES))
    try:
        _, right, _ = codec.decode(word, erase_pos=[i for i in range(PLACES) if i not in rows])
    except reedsolo.ReedSolomonError as error:
        raise WireError(f"{len(rows)} shards contradict each other: {error}") from error
    wrong = {i for i in rows if rows[i][column] != right[i]}
    for i in wrong:
        rows[i][column] = right[i]
    return wrong
