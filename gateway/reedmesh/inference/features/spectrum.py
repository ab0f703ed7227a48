"""Spectra in numpy: log-spaced bands, RMS, peak and kurtosis of each axis, by integers from end to end.

Block floating point, radix-2 FFT. The transform of a real signal by a complex one of half the length is Press et al.,
Numerical Recipes, section 12.3.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.features.axis import Ints, as_int8, as_power, log2, normalise, rms
from reedmesh.protocol import recipe as tables
from reedmesh.protocol.recipe import Spectrum

_SINE = np.array(tables.sine_table(), dtype=np.int64)


def columns(rows: Ints, recipe: Spectrum) -> NDArray[np.int8]:
    """The features of single axes: [m, samples] -> int8 [m, bands + 3]."""
    signal, shift = normalise(rows)
    re, im, scale = half_transform(signal, recipe)
    powers = band_powers(re, im, recipe) + recipe.power_offset() + 64 * (scale - shift)[:, None]
    return np.concatenate([as_power(powers), statistics(signal, shift)], axis=1)


def half_transform(signal: Ints, recipe: Spectrum) -> tuple[Ints, Ints, Ints]:
    """FFT of even + i odd samples under Hann's taper: re, im [n, fft / 2], and how often each row was halved."""
    padded = np.zeros((len(signal), recipe.fft), dtype=np.int64)
    padded[:, : recipe.samples] = (signal * _hann(recipe.samples) + 16384) >> 15
    order = _bit_reversed(recipe.fft // 2)
    re, im = padded[:, 0::2][:, order], padded[:, 1::2][:, order]
    scale = np.zeros(len(signal), dtype=np.int64)
    width = 1
    while width < recipe.fft // 2:
        shift = _headroom(np.maximum(np.abs(re).max(axis=1), np.abs(im).max(axis=1)))
        re, im = _stage(re, im, width, shift)
        scale += shift
        width *= 2
    return re, im, scale


def _stage(re: Ints, im: Ints, width: int, shift: Ints) -> tuple[Ints, Ints]:
    """One radix-2 decimation-in-time stage: butterflies `width` apart, each result shifted right by `shift`."""
    n, half = re.shape
    angle = np.arange(width) * (512 // width)
    sin, cos = _SINE[angle], _SINE[angle + 256]
    re, im = re.reshape(n, -1, 2, width), im.reshape(n, -1, 2, width)
    ar, ai, br, bi = re[:, :, 0], im[:, :, 0], re[:, :, 1], im[:, :, 1]
    tr = (br * cos + bi * sin + 8192) >> 14
    ti = (bi * cos - br * sin + 8192) >> 14
    by = shift[:, None, None]
    re = np.stack([(ar + tr) >> by, (ar - tr) >> by], axis=2)
    im = np.stack([(ai + ti) >> by, (ai - ti) >> by], axis=2)
    return re.reshape(n, half), im.reshape(n, half)


def _headroom(peak: Ints) -> Ints:
    """The right shift that keeps a stage's results, at most 1 + sqrt(2) times the peak, within 15 bits."""
    grown = peak * 5 >> 1
    return (grown > tables.LIMIT).astype(np.int64) + (grown >> 1 > tables.LIMIT)


def band_powers(re: Ints, im: Ints, recipe: Spectrum) -> Ints:
    """log2 of each band's summed |X / 4|², in 1/32 octave: [n, bands]; the four is put back as 128."""
    half = recipe.fft // 2
    k = np.arange(1, half)
    angle = k * (1024 // recipe.fft)
    sin, cos = _SINE[angle], _SINE[angle + 256]
    even_re, even_im = re[:, k] + re[:, half - k], im[:, k] - im[:, half - k]
    odd_re, odd_im = im[:, k] + im[:, half - k], re[:, half - k] - re[:, k]
    xr = (even_re + ((odd_re * cos + odd_im * sin + 8192) >> 14) + 4) >> 3
    xi = (even_im + ((odd_im * cos - odd_re * sin + 8192) >> 14) + 4) >> 3
    starts = np.array(recipe.edges()[:-1]) - 1
    return log2(np.add.reduceat(xr * xr + xi * xi, starts, axis=1)) + 128


def statistics(signal: Ints, shift: Ints) -> NDArray[np.int8]:
    """RMS and peak as powers in counts², and kurtosis, of normalised rows: int8 [n, 3]."""
    samples = log2(np.array([signal.shape[1]]))
    coarse = (signal + 128) >> 8  # 7 bits, so that the sensor's fourth powers fit in 32
    peak = log2((signal**2).max(axis=1)) - 64 * shift
    kurtosis = log2((coarse**4).sum(axis=1)) + samples - 2 * log2((coarse**2).sum(axis=1))
    powers = as_power(np.stack([rms(signal, shift), peak], axis=1))
    return np.column_stack([powers, as_int8(((kurtosis + 1) >> 1) - tables.KURTOSIS_OFFSET)])


@lru_cache(maxsize=16)
def _hann(samples: int) -> Ints:
    return np.array(Spectrum(samples, 1, 1).hann(tables.sine_table()), dtype=np.int64)


@lru_cache(maxsize=16)
def _bit_reversed(size: int) -> Ints:
    order = np.zeros(1, dtype=np.int64)
    while len(order) < size:
        order = np.concatenate([order * 2, order * 2 + 1])
    return order
