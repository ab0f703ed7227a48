"""MAXIMUM and MINIMUM of two int8 tensors, or of one and a constant; either may be broadcast. Bytes are compared as
they are, as TFLite does: whoever converts a model gives all of them one scale."""

import micropython

from tflite.arithmetic import Binary
from tflite.move import move


class Maximum(Binary):
    """MAXIMUM."""

    largest = 1

    def prepare(self, node, a, b, y) -> None:
        """Nothing is scaled."""

    def invoke(self) -> None:
        """Input tensors -> output tensor; allocates nothing."""
        for i in (0, 1):
            if self._spread[i]:
                move(self._from[i], self._to[i], self._spread[i], 0, 0)
        ends, flips = self._to, self._flips
        extremes(ends[0], ends[1], self._y, self._n, flips[0], flips[1], self.largest)


class Minimum(Maximum):
    """MINIMUM."""

    largest = 0


@micropython.viper
def extremes(a: ptr8, b: ptr8, y: ptr8, n: int, flip: int, flop: int, largest: int):
    """y = the larger, or the smaller, of each two bytes, a's and b's flipped first; y may be a or b."""
    i = 0
    while i < n:
        first = a[i] ^ flip
        second = b[i] ^ flop
        if (1 if first > second else 0) == largest:
            y[i] = first
        else:
            y[i] = second
        i += 1
