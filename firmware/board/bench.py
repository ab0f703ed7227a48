"""How fast this board multiplies: `import bench; bench.run()` prints million products a second, measured.

Dense: a FULLY_CONNECTED row of 256; depthwise: a 3 x 3 window over 64 channels. Both without rounding, like the figures
of boards/*.toml; a whole model takes longer.
"""

import gc
import time
from array import array

_TIMES = 200


def run() -> None:
    """Print both figures."""
    print("dense      {:.2f} million products/s".format(dense()))
    print("depthwise  {:.2f} million products/s".format(depthwise()))


def dense() -> float:
    """Million products a second of the kernel that FULLY_CONNECTED and CONV_2D share."""
    from tflite.dot import multiply

    n, rows = 256, 8
    u, w, sums = bytearray(n), bytearray(n * rows), array("i", [1 << 29] * rows)
    gc.collect()
    start = time.ticks_us()
    for _ in range(_TIMES):
        multiply(u, w, 0, n, sums, sums, 0, rows, 0)
    return _TIMES * n * rows / time.ticks_diff(time.ticks_us(), start)


def depthwise() -> float:
    """Million products a second of DEPTHWISE_CONV_2D's kernel."""
    from tflite.depthwise_conv_2d import accumulate

    channels, taps = 64, 9
    u, w = bytearray(channels * taps), bytearray(b"\x80" * (channels * taps))
    places = [channels * tap for tap in range(taps)]
    sums = array("i", [channels, taps, 0, 4] + places + places + [1 << 29] * channels)
    gc.collect()
    start = time.ticks_us()
    for _ in range(_TIMES):
        accumulate(u, w, sums)
    return _TIMES * channels * taps / time.ticks_diff(time.ticks_us(), start)
