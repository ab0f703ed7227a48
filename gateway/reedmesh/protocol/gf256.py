"""GF(256) as Reed-Solomon's field: bytes that add by exclusive or, and multiply by adding logarithms.

The field of `reedsolo` and QR codes: polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11d), generator 2. Runs under CPython and
MicroPython.
"""

POLYNOMIAL = 0x11D
ORDER = 255  # of the multiplicative group: 2**255 == 1


def _powers() -> bytes:
    powers, value = bytearray(2 * ORDER), 1
    for exponent in range(ORDER):
        powers[exponent] = powers[exponent + ORDER] = value
        value <<= 1
        if value > 255:
            value ^= POLYNOMIAL
    return bytes(powers)


def _logarithms(powers: bytes) -> bytes:
    logarithms = bytearray(256)
    for exponent in range(ORDER):
        logarithms[powers[exponent]] = exponent
    return bytes(logarithms)


EXP = _powers()  # 2**0 .. 2**509: twice around, so that the sum of two logarithms needs no modulo
LOG = _logarithms(EXP)  # LOG[0] stands for nothing: zero has no logarithm


def multiply(a: int, b: int) -> int:
    """Return the product of two bytes, 0..255 each, in GF(256) with the polynomial 0x11d.

    >>> multiply(2, 128), multiply(7, 0)
    (29, 0)
    """
    return EXP[LOG[a] + LOG[b]] if a and b else 0
