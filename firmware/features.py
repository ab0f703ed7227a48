"""Window -> features on the sensor: the bytes that `gateway/reedmesh/features.py` makes with numpy, in viper.

Integers from end to end; the recipe and its tables are in `recipe.py`, and the steps are numpy's. Viper's `ptr16` reads
without a sign and its `ptr32` reads negative numbers differently on 32- and 64-bit machines, so signed values rest in
memory as unsigned 16-bit words, 32768 more than they are. Sums of squares and of fourth powers outgrow 32 bits and are
kept as two words that stand for (high << 16) + low.
"""

from array import array

import micropython
from micropython import const
from recipe import KURTOSIS_OFFSET, LIMIT, LOG2, POWER_OFFSET, Recipe, log2, sine_table

_ZERO = const(32768)  # a signed value's 0, in memory
_SINE_ONE = const(14)  # the sine table's 1.0, as a power of two

# What a kernel leaves in `words`.
_SQUARES = const(0)  # sum of squares: high, low
_FOURTHS = const(2)  # sum of fourth powers of samples rounded to 7 bits: high, low
_COARSE = const(4)  # sum of squares of the same
_PEAK = const(5)  # largest magnitude


class Extractor:
    """Makes features by `recipe`; everything it needs is allocated here, nothing per window.

    Holds about 7 bytes a sample and 5 a transform bin beside the tables' 2.5 KiB.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._half = recipe.fft // 2
        self._sine = sine_table()
        self._hann = recipe.hann(self._sine)
        self._order = _bit_reversed(self._half)
        self._edges = array("H", recipe.edges())
        self._signal = array("H", bytes(2 * recipe.samples))
        self._re = array("H", bytes(2 * self._half))
        self._im = array("H", bytes(2 * self._half))
        self._words = array("i", bytes(24))
        self._samples_level = log2(recipe.samples)
        self._power_offset = recipe.power_offset() + 128  # 128: |X / 4|² put back to |X|²

    def extract(self, samples: array, into: bytearray) -> None:
        """int16 `samples` as recorded ([n][axis], an array("h")) -> int8 bytes at the start of `into`.

        Raises ValueError when either has not the recipe's size.
        """
        recipe = self._recipe
        if len(samples) != recipe.samples * recipe.axes or len(into) < recipe.length:
            raise ValueError("features: the window or the vector has not the recipe's size")
        for axis in range(recipe.axes):
            self._axis(samples, axis, into, axis * (recipe.length // recipe.axes))

    def _axis(self, samples: array, axis: int, into: bytearray, at: int) -> None:
        shift = self._normalise(samples, axis)
        self._statistics(shift, into, at + self._recipe.bands)
        scale = self._transform()
        self._bands(64 * (scale - shift), into, at)

    def _normalise(self, samples: array, axis: int) -> int:
        """Remove the axis's mean and shift it left (or right) so that its peak has 15 bits; returns the shift."""
        n, axes = self._recipe.samples, self._recipe.axes
        whole = total(samples, n, axis, axes)
        mean = whole // n
        shift = _left_shift(peak(samples, n, axis, axes, mean))
        rest = (whole - n * mean << max(shift, 0)) // n  # of the mean behind the point, 0 when shifted right
        normalise(samples, self._signal, n, axis, axes, mean, shift, rest)
        return shift

    def _statistics(self, shift: int, into: bytearray, at: int) -> None:
        words = self._words
        moments(self._signal, words, self._recipe.samples)
        most = words[_PEAK] * words[_PEAK]
        squares = log2_words(words[_SQUARES], words[_SQUARES + 1], LOG2)
        coarse = log2_words(0, words[_COARSE], LOG2)
        fourths = log2_words(words[_FOURTHS], words[_FOURTHS + 1], LOG2)
        into[at] = _power(squares - self._samples_level - 64 * shift)
        into[at + 1] = _power(log2_words(most >> 16, most & 65535, LOG2) - 64 * shift)
        into[at + 2] = _int8(((fourths + self._samples_level - 2 * coarse + 1) >> 1) - KURTOSIS_OFFSET)

    def _transform(self) -> int:
        """FFT of even + i odd samples under Hann's taper; returns how often the result was halved."""
        re, im, half = self._re, self._im, self._half
        blank(re, half)
        blank(im, half)
        taper(re, im, self._signal, self._hann, self._order, self._recipe.samples)
        scale, width = 0, 1
        while width < half:
            grown = largest(re, im, half) * 5 >> 1  # a stage's results are at most 1 + sqrt(2) times its peak
            shift = (grown > LIMIT) + (grown >> 1 > LIMIT)
            stage(re, im, self._sine, half, width, shift)
            scale += shift
            width *= 2
        return scale

    def _bands(self, level: int, into: bytearray, at: int) -> None:
        words, edges = self._words, self._edges
        level += self._power_offset
        for i in range(self._recipe.bands):
            band_power(self._re, self._im, self._sine, words, self._half, edges[i], edges[i + 1])
            into[at + i] = _power(log2_words(words[_SQUARES], words[_SQUARES + 1], LOG2) + level)


def _bit_reversed(size: int) -> array:
    order = array("H", bytes(2 * size))
    width = 1
    while width < size:
        for i in range(width):
            order[i] *= 2
            order[i + width] = order[i] + 1
        width *= 2
    return order


def _left_shift(top: int) -> int:
    if top > LIMIT:
        return -1
    shift = 0
    while top and top << shift < 16384:  # a dead axis stays as it is
        shift += 1
    return shift


def _power(level: int) -> int:
    return _int8(((level + 2) >> 2) - POWER_OFFSET)


def _int8(value: int) -> int:
    return min(max(value, -128), 127) & 255


@micropython.viper
def total(samples: ptr16, n: int, axis: int, axes: int) -> int:
    """Sum of one axis, each sample 32768 more than it is."""
    end = n * axes
    out = 0
    while axis < end:
        out += samples[axis] ^ _ZERO
        axis += axes
    return out


@micropython.viper
def peak(samples: ptr16, n: int, axis: int, axes: int, mean: int) -> int:
    """The largest distance of one axis from its mean: at most 65535."""
    end = n * axes
    out = 0
    while axis < end:
        value = (samples[axis] ^ _ZERO) - mean
        if value < 0:
            value = 0 - value
        if value > out:
            out = value
        axis += axes
    return out


@micropython.viper
def normalise(samples: ptr16, signal: ptr16, n: int, axis: int, axes: int, mean: int, shift: int, rest: int):
    """One axis less its mean, shifted, less the mean's rest: 16 bits with sign."""
    i = 0
    while i < n:
        value = (samples[axis] ^ _ZERO) - mean
        if shift < 0:
            value >>= 1
        else:
            value <<= shift
        signal[i] = value - rest + _ZERO
        axis += axes
        i += 1


@micropython.viper
def moments(signal: ptr16, words: ptr32, n: int):
    """Sums of squares and of fourth powers, and the peak. 1024 squares have 40 bits, fourth powers of 7 bits 38."""
    high = low = fourths_high = fourths_low = coarse = top = i = 0
    while i < n:
        value = signal[i] - _ZERO
        square = value * value
        high += square >> 16
        low += square & 65535
        if value < 0:
            if 0 - value > top:
                top = 0 - value
        elif value > top:
            top = value
        value = (value + 128) >> 8
        square = value * value
        coarse += square
        square *= square
        fourths_high += square >> 16
        fourths_low += square & 65535
        i += 1
    words[_SQUARES] = high
    words[_SQUARES + 1] = low
    words[_FOURTHS] = fourths_high
    words[_FOURTHS + 1] = fourths_low
    words[_COARSE] = coarse
    words[_PEAK] = top


@micropython.viper
def blank(buffer: ptr16, n: int):
    """Fill with zeros."""
    while n:
        n -= 1
        buffer[n] = _ZERO


@micropython.viper
def taper(re: ptr16, im: ptr16, signal: ptr16, hann: ptr16, order: ptr16, n: int):
    """Signal under Hann's taper, even samples to `re` and odd ones to `im`, in bit-reversed order."""
    i = 0
    while i < n:
        value = (((signal[i] - _ZERO) * hann[i] + 16384) >> 15) + _ZERO
        if i & 1:
            im[order[i >> 1]] = value
        else:
            re[order[i >> 1]] = value
        i += 1


@micropython.viper
def largest(re: ptr16, im: ptr16, half: int) -> int:
    """The largest magnitude of a real or imaginary part."""
    top = bottom = _ZERO
    while half:
        half -= 1
        value = re[half]
        if value > top:
            top = value
        elif value < bottom:
            bottom = value
        value = im[half]
        if value > top:
            top = value
        elif value < bottom:
            bottom = value
    top -= _ZERO
    bottom = _ZERO - bottom
    return top if top > bottom else bottom


@micropython.viper
def stage(re: ptr16, im: ptr16, sine: ptr16, half: int, width: int, shift: int):
    """One radix-2 decimation-in-time stage: butterflies `width` apart, results shifted right."""
    turn = 512 // width
    j = 0
    while j < width:
        sin = (sine[j * turn] ^ _ZERO) - _ZERO
        cos = (sine[j * turn + 256] ^ _ZERO) - _ZERO
        a = j
        while a < half:
            b = a + width
            br = re[b] - _ZERO
            bi = im[b] - _ZERO
            tr = (br * cos + bi * sin + 8192) >> _SINE_ONE
            ti = (bi * cos - br * sin + 8192) >> _SINE_ONE
            ar = re[a] - _ZERO
            ai = im[a] - _ZERO
            re[a] = ((ar + tr) >> shift) + _ZERO
            re[b] = ((ar - tr) >> shift) + _ZERO
            im[a] = ((ai + ti) >> shift) + _ZERO
            im[b] = ((ai - ti) >> shift) + _ZERO
            a = b + width
        j += 1


@micropython.viper
def band_power(re: ptr16, im: ptr16, sine: ptr16, words: ptr32, half: int, first: int, last: int):
    """Sum of |X / 4|² over the real signal's bins first..last - 1, from the transform of half its length."""
    turn = 512 // half
    high = low = 0
    k = first
    while k < last:
        m = half - k
        even_re = re[k] + re[m] - 65536
        even_im = im[k] - im[m]
        odd_re = im[k] + im[m] - 65536
        odd_im = re[m] - re[k]
        sin = (sine[k * turn] ^ _ZERO) - _ZERO
        cos = (sine[k * turn + 256] ^ _ZERO) - _ZERO
        xr = (even_re + ((odd_re * cos + odd_im * sin + 8192) >> _SINE_ONE) + 4) >> 3
        xi = (even_im + ((odd_im * cos - odd_re * sin + 8192) >> _SINE_ONE) + 4) >> 3
        power = xr * xr + xi * xi
        high += power >> 16
        low += power & 65535
        k += 1
    words[_SQUARES] = high
    words[_SQUARES + 1] = low


@micropython.viper
def log2_words(high: int, low: int, table: ptr8) -> int:
    """32 * log2((high << 16) + low), rounded as `recipe.log2` does; low may hold 31 bits, high 26."""
    high += low >> 16
    low &= 65535
    exponent = 7
    value = low
    if high > 255:
        exponent = 23
        value = high
    elif high:
        exponent = 15
        value = (high << 8) + (low >> 8)
    else:
        if low == 0:
            return 0
    while value > 255:
        value >>= 1
        exponent += 1
    while value < 128:
        value <<= 1
        exponent -= 1
    return (exponent << 5) + table[value & 127]
