"""Linear algebra that gives the same bits on every processor: element by element, in a fixed order. Pure.

BLAS and LAPACK choose their order of sums, and fused multiply-adds, by the processor they find. IEEE 754 fixes the
results of +, -, *, / and the square root; so arrays are only ever combined element by element here, and integers are
summed as integers.
"""

import numpy as np

from reedmesh.learning.arrays import Doubles

GRID = float(1 << 20)  # fractions are rounded to 2**-20 where many of them are summed
_LOG2 = 0.6931471805599453


def product(a: Doubles, b: Doubles) -> Doubles:
    """a [m, k] times b [k, n], summed over k in order."""
    out = np.zeros((len(a), b.shape[1]))
    for k in range(len(b)):
        out += a[:, k, None] * b[k]
    return out


def cholesky(matrix: Doubles) -> Doubles:
    """The lower triangle L with L L' = matrix [p, p]; raises ValueError unless that is positive definite."""
    left, lower = np.array(matrix, np.float64), np.zeros_like(matrix, np.float64)
    for k in range(len(left)):
        pivot = left[k, k]
        if not pivot > 0:
            raise ValueError("the covariance is not positive definite")
        lower[k:, k] = left[k:, k] / np.sqrt(pivot)
        left[k + 1 :, k + 1 :] -= lower[k + 1 :, k, None] * lower[k + 1 :, k]
    return lower


def inverse(lower: Doubles) -> Doubles:
    """The inverse of a lower triangle [p, p], itself a lower triangle."""
    out = np.eye(len(lower))
    for k in range(len(lower)):
        out[k] /= lower[k, k]
        out[k + 1 :] -= lower[k + 1 :, k, None] * out[k]
    return out


def total(values: Doubles) -> float:
    """The sum of numbers below 2**20 in size, each rounded to 2**-20: no order of summing changes it."""
    return int(np.rint(values * GRID).astype(np.int64).sum()) / GRID


def logarithm(values: Doubles) -> Doubles:
    """Natural logarithms of numbers above zero, to about 1e-12, from +, *, / alone."""
    mantissa, exponent = np.frexp(values)
    t = (mantissa - 0.75) / (mantissa + 0.75)
    square, power, out = t * t, t, np.zeros_like(t)
    for k in range(1, 31, 2):
        out += power * (1.0 / k)
        power = power * square
    return np.asarray(2.0 * out + exponent * _LOG2 - 0.2876820724517809)  # log(0.75)
