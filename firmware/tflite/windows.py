"""Where the windows of convolutions and pools lie in their input: strides, dilation and SAME or VALID padding.

As tensorflow/lite/kernels/padding.h has it. Tensors are [batch, height, width, channels].
"""

_SAME = 0  # Padding in schema.fbs


def pair(node, height: int, default: int) -> tuple:
    """Options `height` and the one before it, width."""
    return node.option(height, "<i", default), node.option(height - 1, "<i", default)


class Windows:
    """Windows of `taps` (height, width) over x, `steps` apart, their taps `dilation` apart: one for each pixel of y.

    before: rows and columns of padding above and left. fits: the first and last + 1 window, along each axis, that lies
    in the image with all its taps. Raises ModelError unless x and y have these sizes.
    """

    def __init__(self, node, x, y, taps: tuple, steps: tuple, dilation: tuple) -> None:
        if len(x.shape) != 4 or len(y.shape) != 4 or x.shape[0] != y.shape[0]:
            raise node.fault("shapes {} and {}, expected [batch, height, width, channels]".format(x.shape, y.shape))
        self.taps, self.steps, self.dilation = taps, steps, dilation
        self.size, self.out = x.shape[1:3], y.shape[1:3]
        same = node.option(0, "<b") == _SAME
        axes = [self._axis(node, i, same) for i in (0, 1)]
        self.before = [axis[0] for axis in axes]
        self.fits = [axis[1:] for axis in axes]

    def _axis(self, node, i: int, same: bool) -> tuple:
        taps, step, size, out = self.taps[i], self.steps[i], self.size[i], self.out[i]
        if not (0 < taps <= 1 << 10 and 0 < step <= 1 << 10 and 0 < self.dilation[i] <= 1 << 10):
            raise node.fault("windows of {} taps, {} apart, dilated by {}".format(taps, step, self.dilation[i]))
        span = (taps - 1) * self.dilation[i] + 1
        expected = (size if same else size - span + 1) + step - 1
        if expected // step != out:
            raise node.fault("{} windows along an axis of {}, expected {}".format(out, size, expected // step))
        before = max(0, (out - 1) * step + span - size) // 2
        first = -(-before // step)
        last = (size - span + before) // step + 1
        return before, min(first, out), max(min(last, out), min(first, out))
