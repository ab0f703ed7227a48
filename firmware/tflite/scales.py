"""Quantisation scales in exact integers: what TFLite computes in double or single precision, on boards with neither.

A float32 is taken from its bits as mantissa * 2**exponent. Quotients are rounded as IEEE 754 rounds them: to nearest,
ties to the even mantissa. A mantissa of 53 bits stands for a double, one of 24 bits for a float.
"""


def parts(bits: int):
    """(mantissa of 24 bits, exponent) of the float32 with these `bits`; None unless it is finite and above zero."""
    mantissa, exponent = bits & 0x7FFFFF, bits >> 23
    if exponent >= 255 or bits == 0:  # also every negative number: the sign makes it 256 and more
        return None
    if exponent:
        return mantissa | 0x800000, exponent - 150
    exponent = -149
    while mantissa < 0x800000:
        mantissa <<= 1
        exponent -= 1
    return mantissa, exponent


def quotient(numerator: int, denominator: int, bits: int) -> tuple:
    """numerator / denominator as (mantissa of `bits` bits, exponent); the quotient must be 2**bits at least."""
    exponent = 0
    while numerator // denominator >> bits:
        denominator <<= 1
        exponent += 1
    mantissa, rest = divmod(numerator, denominator)
    if 2 * rest > denominator or (2 * rest == denominator and mantissa & 1):
        mantissa += 1
    if mantissa >> bits:
        mantissa >>= 1
        exponent += 1
    return mantissa, exponent


def product(first: tuple, second: tuple, over: tuple) -> tuple:
    """first * second / over of three `parts`, as double precision has it: (mantissa of 53 bits, exponent)."""
    mantissa, exponent = quotient(first[0] * second[0] << 32, over[0], 53)
    return mantissa, exponent + first[1] + second[1] - over[1] - 32


def ratio(first: tuple, over: tuple, bits: int = 53) -> tuple:
    """first / over of two `parts`, as double precision (or, with 24 bits, single) has it."""
    mantissa, exponent = quotient(first[0] << 54, over[0], bits)
    return mantissa, exponent + first[1] - over[1] - 54


def single_product(first: tuple, second: tuple) -> tuple:
    """first * second of two `parts`, as single precision has it: (mantissa of 24 bits, exponent)."""
    mantissa, exponent = quotient(first[0] * second[0], 1, 24)
    return mantissa, exponent + first[1] + second[1]


def multiplier(mantissa: int, exponent: int) -> tuple:
    """(31 bits, power of two) for mantissa * 2**exponent: QuantizeMultiplier() of TFLite's quantization_util.cc.

    The number is close to bits * 2**(power - 31); bits has its top bit set, or is 0 where the number is below 2**-32.
    """
    size = 53 if mantissa >> 24 else 24
    bits = (mantissa << 53 - size) + (1 << 21) >> 22
    power = exponent + size
    if bits >> 31:
        bits, power = bits >> 1, power + 1
    if power < -31:
        return 0, 0
    return (bits, power) if power <= 30 else ((1 << 31) - 1, 30)


def steps(number: int, scale: tuple) -> int:
    """round(number / scale), the quotient in single precision and halves away from zero; 256 for anything more."""
    mantissa, exponent = quotient(number << 51, scale[0], 24)
    exponent -= 51 + scale[1]
    if exponent > -15:
        return 256
    return min(256, (mantissa + (1 << (-exponent - 1))) >> -exponent)
