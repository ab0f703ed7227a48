"""Reed-Solomon for one short frame: parity that mends a few wrong bytes, wherever they are. Bytes are `reedsolo`'s.

A word is data and PARITY bytes, 255 in all at most: the coefficients of a polynomial that is zero at 2**0, 2**1, ..
2**(PARITY - 1). It is for links that flip bits; whole shards that are lost are what `erasure` is for. Runs under
CPython and MicroPython, where a frame without errors costs no field arithmetic, and its parity a few large integers.
"""

from .gf256 import EXP, LOG, ORDER, multiply
from .wire import WireError

PARITY = 16  # bytes; half as many wrong ones are mended
LONGEST = ORDER  # bytes of a word

_TOP = 8 * (PARITY - 1)
_REST = (1 << _TOP) - 1


def _generator() -> bytes:
    """Coefficients, highest first, of the product of all (x - 2**i), but for the leading 1."""
    poly = bytearray([1])
    for i in range(PARITY):
        poly.append(0)
        for j in range(len(poly) - 1, 0, -1):
            poly[j] ^= multiply(poly[j - 1], EXP[i])
    return bytes(poly[1:])


def _multiples(generator: bytes, shift: int) -> "list[int]":
    """The generator times 0 << shift .. 15 << shift, each as one integer: two lists of 16 stand for one of 256."""
    rows = [bytes([multiply(factor << shift, coefficient) for coefficient in generator]) for factor in range(16)]
    return [int.from_bytes(row, "big") for row in rows]


_LOW = _multiples(_generator(), 0)
_HIGH = _multiples(_generator(), 4)


def parity(data: "bytes | bytearray") -> bytes:
    """Return the PARITY bytes that belong after `data`, 1 to LONGEST - PARITY bytes.

    >>> word = bytearray(b"hello" + parity(b"hello"))
    >>> word[1] ^= 255
    >>> correct(word), bytes(word[:5])
    (1, b'hello')
    """
    rest = 0
    for byte in data:
        byte ^= rest >> _TOP
        rest = (rest & _REST) << 8 ^ _HIGH[byte >> 4] ^ _LOW[byte & 15]
    return rest.to_bytes(PARITY, "big")


def correct(word: bytearray) -> int:
    """Correct up to PARITY / 2 wrong bytes of `word`, at most 255 bytes, in place; returns how many were wrong.

    Raises WireError for more. More errors can look like fewer elsewhere: check the CRC of the result.
    """
    if not PARITY < len(word) <= LONGEST:
        raise WireError("word: {} bytes, {} to {} were expected".format(len(word), PARITY + 1, LONGEST))
    syndromes = _syndromes(word)
    if not any(syndromes):
        return 0
    locator = _locator(syndromes)
    errors = len(locator) - 1
    places = _places(locator, len(word)) if 2 * errors <= PARITY else []
    if len(places) != errors:
        raise WireError("word: more than {} wrong bytes".format(PARITY // 2))
    for place in places:
        word[place] ^= _error(locator, syndromes, len(word) - 1 - place)
    return len(places)


def _syndromes(word: bytearray) -> bytearray:
    """The word's values at 2**0 .. 2**(PARITY - 1), zero for a right one; from its remainder, which has the same."""
    remainder = bytearray(parity(word[:-PARITY]))
    for i in range(PARITY):
        remainder[i] ^= word[i - PARITY]
    return bytearray(_value(remainder, i) for i in range(PARITY))


def _value(poly: bytearray, logarithm: int) -> int:
    """Of a polynomial, highest coefficient first, at 2**logarithm."""
    value = 0
    for coefficient in poly:
        value = coefficient ^ multiply(value, EXP[logarithm])
    return value


def _locator(syndromes: bytearray) -> bytearray:
    """Berlekamp-Massey: the shortest recurrence of the syndromes, lowest coefficient first; roots are at 1 / X."""
    now, before = bytearray([1]), bytearray([1])
    length, since, scale = 0, 1, 1
    for n in range(PARITY):
        off = 0
        for i in range(min(length, len(now) - 1) + 1):
            off ^= multiply(now[i], syndromes[n - i])
        if not off:
            since += 1
            continue
        last = now
        now = _sum(now, before, EXP[(LOG[off] - LOG[scale]) % ORDER], since)
        if 2 * length <= n:
            length, since, scale, before = n + 1 - length, 1, off, last
        else:
            since += 1
    while not now[-1]:
        now = now[:-1]
    return now


def _sum(a: bytearray, b: bytearray, factor: int, shift: int) -> bytearray:
    """a + factor * x**shift * b, lowest coefficients first."""
    out = a + bytearray(max(0, len(b) + shift - len(a)))
    for i in range(len(b)):
        out[i + shift] ^= multiply(factor, b[i])
    return out


def _places(locator: bytearray, length: int) -> "list[int]":
    """The bytes of a word at whose X the locator has a root."""
    highest_first = bytearray(reversed(locator))
    return [place for place in range(length) if not _value(highest_first, (place + 1 - length) % ORDER)]


def _error(locator: bytearray, syndromes: bytearray, logarithm: int) -> int:
    """Forney: what is wrong with the byte of X = 2**logarithm: X times evaluator over the locator's derivative."""
    above = below = 0
    for n in range(len(locator) - 1):
        term = 0
        for i in range(n + 1):
            term ^= multiply(locator[i], syndromes[n - i])
        above ^= multiply(term, EXP[-logarithm * n % ORDER])
        if n % 2 == 0:
            below ^= multiply(locator[n + 1], EXP[-logarithm * n % ORDER])
    return EXP[(logarithm + LOG[above] - LOG[below]) % ORDER] if above else 0
