"""exp, logistic, tanh and reciprocal in gemmlowp's fixed point, to the bit, for tables that are made at load.

From gemmlowp's fixedpoint.h. A number is a Python int: the value times 2**31, or with `whole` bits before the point,
times 2**(31 - whole).
"""

from tflite.multiplier import halve, high

ONE = (1 << 31) - 1
_TWO_BITS_ONE = 1 << 29  # 1 with two bits before the point
_EXP = (1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242)  # exp(-1/4), of -1/2, -1, -2, -4, -8, -16


def exp(a: int, whole: int) -> int:
    """exp(a) for a <= 0 with `whole` bits, 5 at most, before the point."""
    if a == 0:
        return ONE
    quarter = 1 << 29 - whole
    rest = (a & quarter - 1) - quarter  # -1/4 to 0
    result = _exp_quarter(rest << whole)
    steps = rest - a  # in quarters
    for i in range(whole + 2):
        if steps >> 29 - whole + i & 1:
            result = high(result, _EXP[i])
    return result


def _exp_quarter(a: int) -> int:
    """exp(a) for a of -1/4 to 0: a Taylor series about -1/8."""
    x = a + (1 << 28)
    x2 = high(x, x)
    x3, x4 = high(x2, x), high(x2, x2)
    series = halve(high(halve(x4, 2) + x3, 715827883) + x2, 1)
    return 1895147668 + high(1895147668, x + series)


def _newton(half: int) -> int:
    """1 / half for half of 1/2 to 1, two bits before the point: Newton-Raphson from 48/17 - 32/17 * half."""
    x = 1515870810 + high(half, -1010580540)
    for _ in range(3):
        x += high(x, _TWO_BITS_ONE - high(half, x)) << 2
    return x


def _half_sum(a: int) -> int:
    """(a + 1) / 2."""
    return a + ONE + 1 >> 1


def logistic(a: int, whole: int) -> int:
    """1 / (1 + exp(-a)), with `whole` bits before the point of a."""
    if a == 0:
        return 1 << 30
    positive = min(ONE, _newton(_half_sum(exp(-abs(a), whole))) << 1)  # half of 1 / half
    return positive if a > 0 else ONE - positive


def tanh(a: int, whole: int) -> int:
    """tanh(a), with `whole` bits before the point of a."""
    if a == 0:
        return 0
    # exp(-2a): twice a is the same number with one bit more before the point
    below = min(ONE, _newton(_half_sum(exp(-abs(a), whole + 1))) - _TWO_BITS_ONE << 2)
    return below if a > 0 else -below
