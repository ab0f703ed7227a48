"""The feature recipe: the integer tables with which sensor and gateway turn a window into the same int8 vector.

This file runs unchanged under CPython and MicroPython. It holds all that both sides must agree on; only loops differ
(`features/` here in numpy, `firmware/features/` in viper). Every table is made with integers alone, because the boards
calculate floats in single precision and would round differently.

Recipes are of kinds, and a kind is a class below with a file of its name in both of those folders. Axis after axis,

    spectrum   `bands` band powers, then RMS, peak and kurtosis: what vibrates
    trend      level, slope and spread: slow process variables, such as pressures, temperatures, flows
    cycle      the curve and its largest steps in `points` parts, then statistics: one part made by a press, a gripper

Powers (spread among them) are in counts², in eighths of an octave (0.376 dB), offset so that int8 spans 2**-4 to 2**28
counts²; kurtosis is log2 in sixteenths, less 64. A level is in 256ths of an axis's range, a slope (how far the mean of
the later half of a window is above that of the earlier half) in 512ths. A cycle's curve, highest and lowest reading
are levels; its steps, from a reading to the next, are in 1024ths of the range, less 128. All saturate.
"""

from array import array

MAX_SAMPLES = 1024  # bounds the sensor's buffers: 8 KiB for the transform, 2 KiB an axis for the samples
MAX_AXES = 3
MAX_BANDS = 32
STATISTICS = 3  # RMS, peak, kurtosis follow the bands of each axis
TREND = 3  # level, slope, spread of each axis
MAX_TREND_AXES = 16
MAX_CYCLE_AXES = 16
MAX_POINTS = 128
MAX_LENGTH = 512  # features of a window, which is what a frame carries
CYCLE = 4  # highest, lowest, spread, largest step of each axis follow its curve and its steps

DEFAULT = "spectrum"  # the kind of a table that names none, as those of the first families do not
LIMIT = 32767  # largest |re| or |im| between two FFT stages: 15 bits, so that every product fits in 32 bits
HANN_POWER = 77  # log2(2 / 0.375) in 1/32: one-sided spectrum, and what Hann's taper takes from a signal's power
POWER_OFFSET = 96  # int8 -128 stands for 2**-4 counts²
KURTOSIS_OFFSET = 64


def bit_length(value: int) -> int:
    """The bits of a positive integer; the int of MicroPython has no such method.

    >>> bit_length(255), bit_length(256)
    (8, 9)
    """
    return len(bin(value)) - 2


# round(32 * log2(1 + (i + 0.5) / 128)), exactly: an integer's bit length less one is the floor of its binary logarithm.
LOG2 = bytes((bit_length((2 * i + 257) ** 64) - 512) // 2 for i in range(128))


class Recipe:
    """How a window of `samples` readings on `axes` axes becomes `length` features; a kind derives from it.

    hop: readings by which a window begins later than the one before it. Where it is `samples`, the next window begins
    when a sensor is ready for it; where it is less, windows overlap and no reading may be missing between them.
    apart: windows from one to the next that shares no reading with it.
    """

    kind = ""
    VERSION = 1
    FIELDS: "tuple[str, ...]" = ()  # of its table, beside kind and version, in the order of its arguments

    def __init__(self, samples: int, axes: int, hop: int, length: int) -> None:
        self.samples = samples
        self.axes = axes
        self.hop = hop
        self.apart = -(-samples // hop)
        self.length = length

    def table(self) -> "dict[str, int | str]":
        """The recipe as it stands in model.toml and in a sensor's hello."""
        table: "dict[str, int | str]" = {"version": self.VERSION}
        if self.kind != DEFAULT:
            table["kind"] = self.kind
        for field in self.FIELDS:
            table[field] = getattr(self, field)
        return table


class Trend(Recipe):
    """Level, slope and spread of each axis. samples: 4..1024, axes: 1..16, hop: 1..samples.

    Raises ValueError, naming the field, for anything else.
    """

    kind = "trend"
    FIELDS = ("samples", "axes", "hop")

    def __init__(self, samples: int, axes: int, hop: int) -> None:
        _check("samples", samples, 4, MAX_SAMPLES)
        _check("axes", axes, 1, MAX_TREND_AXES)
        _check("hop", hop, 1, samples)
        super().__init__(samples, axes, hop, axes * TREND)


class Spectrum(Recipe):
    """Log-spaced bands and statistics of each axis.

    samples: 16..1024, zero-padded to `fft`, the next power of two. axes: 1..3. bands: 1..32, fewer than fft / 2.
    Raises ValueError, naming the field, for anything else.
    """

    kind = "spectrum"
    FIELDS = ("samples", "axes", "bands")

    def __init__(self, samples: int, axes: int, bands: int) -> None:
        _check("samples", samples, 16, MAX_SAMPLES)
        _check("axes", axes, 1, MAX_AXES)
        self.fft = 1 << bit_length(samples - 1)
        _check("bands", bands, 1, min(MAX_BANDS, self.fft // 2 - 1))
        self.bands = bands
        super().__init__(samples, axes, samples, axes * (bands + STATISTICS))

    def edges(self) -> list[int]:
        """Where bands begin and end, bands + 1 FFT bins, 1 to fft / 2, in equal ratios; a band has at least one bin."""
        edges, last = [1], self.fft // 2
        for left in range(self.bands, 0, -1):
            edges.append(_step(edges[-1], last, left))
        return edges

    def hann(self, sine: "array[int]") -> "array[int]":
        """Hann's taper, int16 [samples], Q15: 0.5 - 0.5 cos(2 pi n / samples), interpolated in `sine`, int16 [1280]."""
        return array("h", (min(32767, 16384 - _cosine(sine, n, self.samples)) for n in range(self.samples)))

    def power_offset(self) -> int:
        """The constant, in 1/32 octave, from a band's sum of |X|² to its mean square in counts²."""
        return HANN_POWER - 32 * (bit_length(self.fft) - 1) - log2(self.samples)


class Cycle(Recipe):
    """The curve of one cycle in `points` parts, the largest step in each, and statistics.

    samples: 3..1024. axes: 1..16. points: 2..128, fewer than samples, and axes * (2 * points + 4) at most 512.
    Raises ValueError, naming the field, for anything else.
    """

    kind = "cycle"
    FIELDS = ("samples", "axes", "points")

    def __init__(self, samples: int, axes: int, points: int) -> None:
        _check("samples", samples, 3, MAX_SAMPLES)
        _check("axes", axes, 1, MAX_CYCLE_AXES)
        _check("points", points, 2, min(MAX_POINTS, samples - 1, (MAX_LENGTH // axes - CYCLE) // 2))
        self.points = points
        super().__init__(samples, axes, samples, axes * (2 * points + CYCLE))

    def edges(self, of: int) -> list[int]:
        """Where the parts of `of` readings (or steps, one less) begin and end: points + 1 numbers, 0 to `of`."""
        return [of * i // self.points for i in range(self.points + 1)]


KINDS: "dict[str, type[Recipe]]" = {each.kind: each for each in (Spectrum, Trend, Cycle)}


def from_table(table: "dict[str, int | str]") -> Recipe:
    """Read a recipe from its table, in which no kind means spectrum; a ValueError names what is wrong."""
    kind = KINDS.get(str(table.get("kind", DEFAULT)))
    if kind is None:
        raise ValueError("features.kind {!r}: there are {}".format(table["kind"], ", ".join(sorted(KINDS))))
    for key in table:
        if key not in ("kind", "version") + kind.FIELDS:
            raise ValueError("features.{} is no part of a recipe of kind {}".format(key, kind.kind))
    for key in ("version",) + kind.FIELDS:
        if not isinstance(table.get(key), int):
            raise ValueError("features.{} must be a whole number, not {!r}".format(key, table.get(key)))
    if table["version"] != kind.VERSION:
        raise ValueError("features.version is {}, this program makes {}".format(table["version"], kind.VERSION))
    return kind(*[int(table[field]) for field in kind.FIELDS])


def log2(value: int) -> int:
    """Return 32 * log2(value), rounded; 0 for 0. The error is at most 5/8 of a step.

    >>> log2(1), log2(2), log2(1024)
    (0, 32, 320)
    """
    exponent = bit_length(max(value, 1)) - 1
    mantissa = value << 7 >> exponent if exponent < 7 else value >> (exponent - 7)
    return (exponent << 5) + LOG2[mantissa & 127]


def sine_table() -> "array[int]":
    """int16 [1280]: round(16384 * sin(2 pi i / 1024)); the cosine of i is entry i + 256."""
    table = array("h", bytes(2 * 1280))  # filled in place: a list of it would not fit beside a sensor's program
    cos, sin = 1 << 60, 0
    for i in range(257):
        value = (sin + (1 << 45)) >> 46
        table[i] = table[512 - i] = value
        table[512 + i] = table[1024 - i] = -value
        if i < 256:
            table[1024 + i] = value
        cos, sin = (cos * _COS - sin * _SIN) >> 60, (sin * _COS + cos * _SIN) >> 60
    return table


# cos and sin of 2 pi / 1024, times 2**60.
_COS = 1152899801185339687
_SIN = 7074193361797233


def _cosine(sine: "array[int]", n: int, samples: int) -> int:
    """16384 * cos(2 pi n / samples), by linear interpolation between the table's 1024 angles."""
    angle = (n << 16) // samples
    i, rest = (angle >> 6) + 256, angle & 63
    here = sine[i]
    there = sine[i + 1] if i < 1279 else sine[256]
    return here + ((there - here) * rest >> 6)


def _step(low: int, last: int, left: int) -> int:
    """The largest e with e**left <= low**(left-1) * last: one of `left` equal ratios from `low` to `last`."""
    edge, bound = low + 1, low ** (left - 1) * last
    while (edge + 1) ** left <= bound:
        edge += 1
    return edge


def _check(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise ValueError("features.{} must be {} to {}, not {}".format(name, low, high, value))
