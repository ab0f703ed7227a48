"""The engine's integer arithmetic against the floating point that TFLite specifies, and its plan of the arena."""

import struct
from array import array
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from tests.support import int32

scales = int32.load("tflite.scales")
kernel = int32.load("tflite.requantise")
multiplier = int32.load("tflite.multiplier")
dot = int32.load("tflite.dot")
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
    sums, out = array("i", [total + dot.LIMIT]), bytearray(1)
    factor = kernel.factor(*split(scale))
    kernel.requantise(sums, factor, array("H", bytes(18)), out, 0, 1, 0, 128, 0, 255)
    return out[0] - 128


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
    total = min(total, dot.LIMIT - 1)
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
    assert scales.steps(6, scales.parts(bits(scale))) == expected


def test_only_scales_above_zero_and_finite_have_parts() -> None:
    for value in (0.0, -0.0, -1.0, float("inf"), float("-inf"), float("nan")):
        assert scales.parts(bits(value)) is None
    assert scales.parts(bits(2.0**-149)) == (1 << 23, -172)


@given(
    st.integers(-(1 << 29) + 1, (1 << 29) - 1) | st.integers(-100, 100),
    st.integers(1 << 29, (1 << 31) - 1),
    st.integers(-31, 30),
    st.integers(0, 255),
)
@example((1 << 29) - 1, (1 << 31) - 1, 0, 128)
@example(-(1 << 29) + 1, (1 << 31) - 1, -1, 128)
@example(1, (1 << 31) - 1, 30, 0)
@example(-3, 1 << 30, -1, 128)  # halves: away from zero when shifted, up when multiplied
@example(0, 0, 0, 7)
def test_the_31_bit_multiplier_is_tflite_s(total: int, bits: int, power: int, zero: int) -> None:
    """MultiplyByQuantizedMultiplier() as gemmlowp has it, but saturated where that would overflow."""
    value = max(-(1 << 31), min((1 << 31) - 1, total << max(power, 0)))
    product = value * bits
    nudge = (1 << 30) if product >= 0 else 1 - (1 << 30)
    high = abs(product + nudge) // (1 << 31) * (1 if product + nudge >= 0 else -1)
    mask = (1 << max(-power, 0)) - 1
    high = (high >> max(-power, 0)) + ((high & mask) > (mask >> 1) + (high < 0))

    sums, out = array("i", [total + dot.LIMIT]), bytearray(1)
    factor = multiplier.factor(bits, power)
    multiplier.requantise(sums, factor, array("i", [5]), out, 0, 1, 0, zero, 0, 255)
    assert out[0] == max(0, min(255, high + zero)) and sums[0] == 5
    assert multiplier.multiply(total, bits, power) == high or power > 0


@given(FLOATS)
def test_multipliers_are_those_of_a_double(scale: float) -> None:
    fraction, exponent = np.frexp(np.float64(scale))
    mantissa = int(fraction * 2**53)
    expected, power = int(np.floor(fraction * 2**31 + 0.5)), int(exponent)
    if expected == 1 << 31:
        expected, power = 1 << 30, power + 1
    if power < -31:
        expected, power = 0, 0
    assert scales.multiplier(mantissa, int(exponent) - 53) == (expected, power)
    assert scales.multiplier(*scales.parts(bits(scale))) == (expected, power)


@dataclass(frozen=True)
class Tensor:
    """A tensor as `plan` sees it."""

    number: int
    bytes: int


@given(st.data())
def test_no_tensor_stands_where_another_still_lives(data: Any) -> None:
    made = [Tensor(0, data.draw(st.integers(1, 50)))]
    steps = []
    for number in range(1, data.draw(st.integers(2, 9))):
        inputs = [made[i] for i in data.draw(st.lists(st.integers(0, number - 1), min_size=1, max_size=3))]
        size = data.draw(st.integers(1, 50) | st.sampled_from([tensor.bytes for tensor in inputs]))
        made.append(Tensor(number, size))
        steps.append((inputs, [made[-1]], data.draw(st.sampled_from([[], inputs, inputs[:1]]))))
    places, size = arena.plan(steps, made[0], made[-1])

    where = {tensor.number: (at, at + tensor.bytes) for tensor, at in places}
    assert sorted(where) == list(range(len(made))) and size == max(end for _, end in where.values())
    assert all(at % 4 == 0 for at, _ in where.values())
    for step, (_, [output], reusable) in enumerate(steps):
        later = {tensor.number for inputs, _, _ in steps[step + 1 :] for tensor in inputs if tensor != output}
        here = {tensor.number for tensor in steps[step][0] if tensor not in reusable}
        for other in {number for number in later | here if number < output.number}:
            assert where[other][1] <= where[output.number][0] or where[output.number][1] <= where[other][0]


def test_an_output_takes_the_place_of_an_input_that_nobody_reads_later() -> None:
    a, b, c = (Tensor(number, 8) for number in range(3))
    assert arena.plan([([a], [b], [a]), ([b], [c], [b])], a, c) == ([(a, 0), (b, 0), (c, 0)], 8)
    places, size = arena.plan([([a], [b], [a]), ([a, b], [c], [b])], a, c)
    assert dict(places) == {a: 0, b: 8, c: 8} and size == 16
