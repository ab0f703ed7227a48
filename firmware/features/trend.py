"""Trends on the sensor: the bytes of `inference/features/trend.py` on the gateway, by the kernels of `axis.py`."""

from array import array

from features.axis import Axis, as_int8, total


class Features(Axis):
    """Level, slope and spread of each axis."""

    def features(self, samples: array, axis: int, into: bytearray, at: int) -> None:
        """Write the features of one axis to into[at ...]."""
        n, axes = self.samples, self.axes
        half = n // 2
        level = total(samples, n, axis, axes) - 32768 * n  # a kernel's samples are so much more than they are
        rise = total(samples, n, axis + axes * (n - half), axes) - total(samples, half, axis, axes)
        into[at] = as_int8((level + 128 * n) // (256 * n))
        into[at + 1] = as_int8((rise + 64 * half) // (128 * half))
        into[at + 2] = self.rms(self.take(samples, axis))
