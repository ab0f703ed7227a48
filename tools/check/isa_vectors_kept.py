"""Random calls of the kernels of what keeps something, SVDF and LSTM, with their right results in Python's integers."""

from random import Random
from struct import pack

from tools.check.isa import Argument, Block
from tools.check.isa_reference import LIMIT, Vector, scaled, words

EXPONENTIALS = (25520, 19875, 12055, 4435, 600, 11, 0)  # exp(-1/4), of -1/2, -1 ... -16, times 2**15


def halfwords(values: list[int]) -> bytes:
    """As int16."""
    return pack(f"<{len(values)}h", *values)


def int16s(rng: Random, count: int) -> list[int]:
    """Random int16, the extremes among them."""
    return [rng.choice((-32768, 32767, 0, rng.randrange(-32768, 32768), rng.randrange(-99, 99))) for _ in range(count)]


def factor(rng: Random, least: int, most: int) -> tuple[bytes, int, int]:
    """Words of a factor of 31 bits and a power of two, and both."""
    bits, power = rng.randrange(1 << 30, 1 << 31), rng.randrange(least, most)
    return pack("<4H", bits & 0xFFFF, bits >> 16, max(power, 0), max(-power, 0)), bits, power


def clamped(value: int, low: int = -32768, high: int = 32767) -> int:
    """The nearest number of a range."""
    return min(max(value, low), high)


def to_int16(rng: Random) -> Vector:
    """recurrent/to_int16: sums to every other int16, added to what is there or not."""
    rows, kept = rng.randrange(1, 9), rng.randrange(2)
    made, bits, power = factor(rng, -20, 3)
    sums, old = [rng.randrange(-(1 << 27), 1 << 27) for _ in range(rows)], int16s(rng, 2 * rows + 1)
    out, expected = Block(halfwords(old)), list(old)
    for i, value in enumerate(sums):
        expected[1 + 2 * i] = clamped(scaled(value, bits, power) + kept * old[1 + 2 * i])
    call: list[Argument] = [Block(words([LIMIT + value for value in sums])), Block(made), out, 1, 2, rows, kept]
    return Vector(("to_int16", call), None, ((out, halfwords(expected)),))


def forget(rng: Random) -> Vector:
    """recurrent/svdf: all values move on."""
    values = int16s(rng, rng.randrange(1, 40))
    block = Block(halfwords(values))
    return Vector(("forget", (block, len(values))), None, ((block, halfwords([*values[1:], values[-1]])),))


def respond(rng: Random) -> Vector:
    """recurrent/svdf: sums that wrap at 32 bits, by a factor."""
    units, taps, zero = rng.randrange(1, 5), rng.randrange(1, 30), rng.randrange(256)
    made, bits, power = factor(rng, -30, 2)
    state, times = int16s(rng, units * taps + 3), int16s(rng, units * taps)
    biases = [rng.randrange(-(1 << 31), 1 << 31) for _ in range(units)]
    y, expected = Block(bytes(units + 2)), []
    for unit, bias in enumerate(biases):
        total = bias + sum(state[3 + unit * taps + i] * times[unit * taps + i] for i in range(taps))
        total = (total + (1 << 31)) % (1 << 32) - (1 << 31)
        cap = (1 << 29) >> (power - 1) if power > 0 else 1 << 32
        expected.append(clamped(scaled(clamped(total, -cap, cap), bits, power) + zero, 0, 255))
    parts = words([part for bias in biases for part in ((bias >> 15) + 65536, bias & 32767)])
    call: list[Argument] = [Block(halfwords(state)), Block(halfwords(times)), 3, taps, Block(parts), Block(made), y]
    return Vector(("respond", [*call, 2, units + 2, zero]), None, ((y, bytes([0, 0, *expected])),))


def _high(a: int, b: int) -> int:
    return (a * b + (1 << 14)) >> 15


def _exp(a: int, whole: int) -> int:
    """exp(a) of a <= 0 with so many bits before the point, times 2**15 (exp_on_negative_values of gemmlowp)."""
    quarter = 1 << (13 - whole)
    rest = a % quarter - quarter
    x = (rest << whole) + (1 << 12)
    x2 = _high(x, x)
    series = (_high(((_high(x2, x2) + 2) >> 2) + _high(x2, x), 10923) + x2 + 1) >> 1
    result = clamped(28918 + _high(28918, x + series))
    for i in range(min(7, whole + 2)):
        if (rest - a) >> (13 - whole + i) & 1:
            result = _high(result, EXPONENTIALS[i])
    if whole > 5 and a < -(32 << (15 - whole)):
        result = 0
    return result if a else 32767


def _divided(half: int) -> int:
    """1 / half, with two bits before the point: three steps of Newton's."""
    x = 23130 + _high(half, -15420)
    for _ in range(3):
        x += clamped(_high(x, 8192 - _high(half, x)) << 2)
    return x


def curved(a: int, whole: int, tanh: int) -> int:
    """tanh or logistic of an int16 with so many bits before the point, times 2**15."""
    if a == 0:
        return 0 if tanh else 1 << 14
    inverse = _divided((_exp(-abs(a), whole + tanh) + 32768) >> 1)
    if tanh:
        return clamped((inverse - 8192) << 2) * (1 if a > 0 else -1)
    return clamped(inverse << 1) if a > 0 else 32767 - clamped(inverse << 1)


def curve(rng: Random) -> Vector:
    """recurrent/cells: logistic, or tanh with bits before the point."""
    n, tanh = rng.randrange(1, 20), rng.randrange(2)
    whole, values = rng.randrange(7) if tanh else 3, int16s(rng, n + 2)
    out = Block(bytes(2 * n + 2))
    expected = [0, *(curved(value, whole, tanh) for value in values[2:])]
    table = Block(pack("<7H", *EXPONENTIALS))
    return Vector(
        ("curve", (Block(halfwords(values)), 2, out, 1, n, whole, tanh, table)), None, ((out, halfwords(expected)),)
    )


def _rounded(value: int, times: int) -> int:
    half = 1 << times >> 1
    return value + half >> times if value >= 0 else -(-value + half >> times)


def update(rng: Random) -> Vector:
    """recurrent/cells: cells under four gates."""
    n, shift, clip = rng.randrange(1, 12), rng.randrange(15, 22), rng.choice((0, 32767, rng.randrange(1, 32767)))
    gates = [abs(clamped(value, -32767)) for value in int16s(rng, 2 * n)] + int16s(rng, 2 * n)
    cells = int16s(rng, n + 1)
    block, expected, limit = Block(halfwords(cells)), cells[:1], clip or 32768
    for i in range(n):
        value = _rounded(gates[n + i] * cells[1 + i], 15) + _rounded(gates[i] * gates[2 * n + i], shift)
        expected.append(clamped(clamped(value), -limit, limit))
    call: list[Argument] = [Block(halfwords(gates)), block, 1, n, shift, clip]
    return Vector(("update", call), None, ((block, halfwords(expected)),))


def emit(rng: Random) -> Vector:
    """recurrent/cells: what cells give out, twice."""
    n, zero = rng.randrange(1, 12), rng.randrange(256)
    made, bits, power = factor(rng, -26, -20)
    gates = int16s(rng, 3 * n) + [abs(clamped(value, -32767)) for value in int16s(rng, n)]
    hidden, y = Block(bytes(n + 1)), Block(bytes(n + 2))
    out = bytes(clamped(scaled(gates[3 * n + i] * gates[i], bits, power) + zero, 0, 255) for i in range(n))
    call: list[Argument] = [Block(halfwords(gates)), n, Block(made), zero, hidden, 1, y, 2]
    return Vector(("emit", call), None, ((hidden, bytes(1) + out), (y, bytes(2) + out)))
