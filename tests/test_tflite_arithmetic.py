"""The engine's integer arithmetic against the floating point that TFLite specifies, and its plan of the arena."""

import struct
from array import array
from types import SimpleNamespace
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tests import int32

scales = int32.load("tflite.scales")
kernel = int32.load("tflite.requantise")
arena = int32.load("tflite.arena")

SUMS = st.integers(-(1 << 29) + 1, (1 << 29) - 1) | st.integers(-100, 100)
FLOATS = st.floats(2.0**-100, 2.0**20, width=32)


def bits(value: float) -> int:
    return int(struct.unpack("<I", struct.pack("<f", value))[0])


def split(value: float) -> tuple[int, int]:
    """(mantissa of 53 bits, exponent) of a double above zero."""
    fraction, exponent = np.frexp(value)
    return int(fraction * 2**53), int(exponent) - 53


def requantised(total: int, scale: float) -> int:
    """What the kernel makes of one sum, within -128..127."""
    sums, out = array("i", [total + kernel.LIMIT]), bytearray(1)
    factor = kernel.factor(*split(scale))
    kernel.requantise(sums, factor, array("H", bytes(18)), out, 1, 0, 0, -128, 127)
    return int(np.int8(out[0] - 256 * (out[0] > 127)))


def rounded(total: int, scale: float) -> int:
    """round() of C on the product of doubles, halves away from zero, clamped."""
    product = abs(total) * scale
    nearest = int(product) + (product - int(product) >= 0.5) if product < 1e6 else 10**6
    return max(-128, min(127, nearest if total > 0 else -nearest))


@given(SUMS, st.floats(2.0**-40, 2.0**12))
@example(1, 0.5 - 2.0**-54)  # exact in 53 bits: below a half it stays
@example(3, 1 / 6)  # just below a half, and rounded to it
@example(3, (1 / 6) * (1 - 2.0**-52))
@example((1 << 29) - 1, 255.9)  # the product fills all its limbs
@example((1 << 29) - 1, 2.0**-30)
@example(1 << 20, 1e3)
@example(1 << 23, 1e3)  # only the highest limb is not zero
@example(0, 1e3)
def test_sums_are_scaled_as_doubles_are(total: int, scale: float) -> None:
    assert requantised(total, scale) == rounded(total, scale)


@given(st.integers(0, 127), st.integers(1, 1 << 29), st.integers(-3, 3))
def test_scales_that_end_beside_a_half(steps: int, total: int, nudge: int) -> None:
    """Scales that take `total` to a half, give or take a few of a double's last places."""
    total = min(total, kernel.LIMIT - 1)
    scale = (steps + 0.5) / total
    scale += nudge * np.spacing(scale)
    for sign in (1, -1):
        assert requantised(sign * total, scale) == rounded(sign * total, scale)


@given(FLOATS, FLOATS, FLOATS)
@example(1.0, 1.0, 6.0)
def test_the_product_of_scales_is_the_double_that_tflite_has(first: float, second: float, over: float) -> None:
    mantissa, exponent = scales.product(*[scales.parts(bits(value)) for value in (first, second, over)])
    assert float(mantissa) * 2.0**exponent == first * second / over and mantissa >> 52 == 1


@given(st.integers(1 << 23, (1 << 24) - 1), st.integers(0, 4))
def test_quotients_tie_to_even(mantissa: int, bits_off: int) -> None:
    for numerator in (mantissa << 30, (mantissa << 30) + (1 << 29 + bits_off)):
        got, exponent = scales.quotient(numerator, 1, 24)
        assert float(got) * 2.0**exponent == float(np.float32(numerator))


@given(st.floats(2.0**-149, 2.0**127, width=32))
def test_six_in_steps_is_single_precision_s(scale: float) -> None:
    exact = float(np.float32(6) / np.float32(scale)) if scale > 1e-37 else np.inf
    expected = 256 if exact > 255.5 else int(exact + 0.5)
    assert scales.steps_of_six(scales.parts(bits(scale))) == expected


def test_only_scales_above_zero_and_finite_have_parts() -> None:
    for value in (0.0, -0.0, -1.0, float("inf"), float("-inf"), float("nan")):
        assert scales.parts(bits(value)) is None
    assert scales.parts(bits(2.0**-149)) == (1 << 23, -172)


@given(st.data())
def test_no_tensor_stands_where_another_still_lives(data: Any) -> None:
    made = [SimpleNamespace(size=data.draw(st.integers(1, 50)))]
    steps = []
    for _ in range(data.draw(st.integers(1, 8))):
        inputs = data.draw(st.lists(st.integers(0, len(made) - 1), min_size=1, max_size=3))
        made.append(SimpleNamespace(size=data.draw(st.integers(1, 50))))
        steps.append(([Key(made[i], i) for i in inputs], [Key(made[-1], len(made) - 1)]))
    first, last = Key(made[0], 0), steps[-1][1][0]
    places, size = arena.plan(steps, first, last)

    where = {tensor.number: (at, at + tensor.size) for tensor, at in places}
    assert sorted(where) == list(range(len(made))) and size == max(end for _, end in where.values())
    for step, (_, [output]) in enumerate(steps):
        needed = {t.number for inputs, _ in steps[step:] for t in inputs if t.number < output.number}
        for other in needed:
            assert where[other][1] <= where[output.number][0] or where[output.number][1] <= where[other][0]


class Key:
    """A tensor as `plan` sees it."""

    def __init__(self, tensor: SimpleNamespace, number: int) -> None:
        self.size, self.number = tensor.size, number

    def __hash__(self) -> int:
        return self.number

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Key) and self.number == other.number
