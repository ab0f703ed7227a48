"""Quantisation scales in exact integers: what TFLite computes in double precision, on boards that have none.

A float32 is taken from its bits as mantissa * 2**exponent. Quotients are rounded as IEEE 754 rounds them: to nearest,
ties to the even mantissa.
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


def steps_of_six(scale: tuple) -> int:
    """round(6 / scale), the quotient in single precision and halves away from zero; 256 for anything more."""
    mantissa, exponent = quotient(6 << 48, scale[0], 24)
    exponent -= 48 + scale[1]
    if exponent > -15:
        return 256
    return min(256, (mantissa + (1 << (-exponent - 1))) >> -exponent)
