"""The code's matrices in closed form: how any k shards of a block give any other, without inverting a matrix.

A codeword of `reedsolo.RSCodec(255 - k, nsize=255)` holds in place i the value v_i P(X_i) of a polynomial P of degree
below k, with X_i = 2**(254 - i) and v_i = 1 / prod_{l != i} (X_i + X_l) = X_i (all 255 powers of 2 are the roots of
x**255 - 1, whose derivative at X is 1 / X). Lagrange's interpolation through the known places K then gives

    c_i = sum_{j in K} w_ij c_j,    w_ij = X_i D(X_i) / (X_j D'(X_j) (X_i + X_j)),    D(x) = prod_{l in K} (x + X_l)

With K = 0..k-1 that encodes, with any other K it decodes. It is a Cauchy matrix but for factors of its rows and
columns, so every square part of it can be inverted: any k shards are enough.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from reedmesh.protocol import gf256

Bytes = NDArray[np.uint8]

PLACES = gf256.ORDER
EXP = np.frombuffer(gf256.EXP, np.uint8)
LOG = np.frombuffer(gf256.LOG, np.uint8).astype(np.int64)
# PRODUCTS[a, b] = a * b
PRODUCTS: Bytes = np.where(np.outer(range(256), range(256)) > 0, EXP[LOG[:, None] + LOG], 0).astype(np.uint8)


def weights(wanted: Sequence[int], known: Sequence[int]) -> Bytes:
    """w, uint8 [len(wanted), len(known)]: the shards `wanted` are w times the shards `known`.

    All indices are different, 0..254; len(known) is the number of data shards. The logarithm of the point X of an
    index
    is 254 - index.
    """
    targets, sources = PLACES - 1 - np.asarray(wanted, np.int64), PLACES - 1 - np.asarray(known, np.int64)
    rows = targets + _sums(targets, sources).sum(axis=1)
    columns = sources + _sums(sources, sources).sum(axis=1)
    w: Bytes = EXP[(rows[:, None] - columns - _sums(targets, sources)) % PLACES]
    return w


def _sums(a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.int64]:
    """LOG[X_a + X_b] for all pairs; 0 where both are the same, so that it drops out of a sum."""
    logarithms: NDArray[np.int64] = LOG[EXP[a][:, None] ^ EXP[b]]
    return logarithms
