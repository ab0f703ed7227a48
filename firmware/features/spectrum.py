"""Spectra on the sensor: the bytes that `gateway/reedmesh/inference/features/spectrum.py` makes with numpy, in viper.

The steps are numpy's, the tables are `recipe.py`'s, and what words hold is said in `axis.py`.
"""

from array import array

import micropython
from micropython import const
from protocol.recipe import KURTOSIS_OFFSET, LIMIT, LOG2, Spectrum

from features.axis import COARSE, FOURTHS, PEAK, Axis, as_int8, as_power, log2_words

_ZERO = const(32768)  # a signed value's 0, in memory
_SINE_ONE = const(14)  # the sine table's 1.0, as a power of two
_HIGH = const(0)  # words of a band's sum of squares
_LOW = const(1)


class Features(Axis):
    """Bands and statistics. Holds about 7 bytes a sample and 5 a transform bin beside the tables' 2.5 KiB."""

    def __init__(self, recipe: Spectrum) -> None:
        from protocol.recipe import sine_table

        super().__init__(recipe)
        self._count = recipe.bands
        self._half = recipe.fft // 2
        self._sine = sine_table()
        self._hann = recipe.hann(self._sine)
        self._order = _bit_reversed(self._half)
        self._edges = array("H", recipe.edges())
        self._re = array("H", bytes(2 * self._half))
        self._im = array("H", bytes(2 * self._half))
        self._power_offset = recipe.power_offset() + 128  # 128: |X / 4|² put back to |X|²

    def features(self, samples: array, axis: int, into: bytearray, at: int) -> None:
        """Write the features of one axis to into[at ...]."""
        shift = self.take(samples, axis)
        self._statistics(shift, into, at + self._count)
        scale = self._transform()
        self._bands(64 * (scale - shift), into, at)

    def _statistics(self, shift: int, into: bytearray, at: int) -> None:
        words = self.words
        most = words[PEAK] * words[PEAK]
        coarse = log2_words(0, words[COARSE], LOG2)
        fourths = log2_words(words[FOURTHS], words[FOURTHS + 1], LOG2)
        into[at] = self.rms(shift)
        into[at + 1] = as_power(log2_words(most >> 16, most & 65535, LOG2) - 64 * shift)
        into[at + 2] = as_int8(((fourths + self.samples_level - 2 * coarse + 1) >> 1) - KURTOSIS_OFFSET)

    def _transform(self) -> int:
        """FFT of even + i odd samples under Hann's taper; returns how often the result was halved."""
        re, im, half = self._re, self._im, self._half
        blank(re, half)
        blank(im, half)
        taper(re, im, self.signal, self._hann, self._order, self.samples)
        scale, width = 0, 1
        while width < half:
            grown = largest(re, im, half) * 5 >> 1  # a stage's results are at most 1 + sqrt(2) times its peak
            shift = (grown > LIMIT) + (grown >> 1 > LIMIT)
            stage(re, im, self._sine, half, width, shift)
            scale += shift
            width *= 2
        return scale

    def _bands(self, level: int, into: bytearray, at: int) -> None:
        words, edges = self.words, self._edges
        level += self._power_offset
        for i in range(self._count):
            band_power(self._re, self._im, self._sine, words, self._half, edges[i], edges[i + 1])
            into[at + i] = as_power(log2_words(words[_HIGH], words[_LOW], LOG2) + level)


def _bit_reversed(size: int) -> array:
    order = array("H", bytes(2 * size))
    width = 1
    while width < size:
        for i in range(width):
            order[i] *= 2
            order[i + width] = order[i] + 1
        width *= 2
    return order


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
    words[_HIGH] = high
    words[_LOW] = low
