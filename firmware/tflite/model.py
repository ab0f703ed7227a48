"""A model ready to run: `Model(buffer).predict(x, y)`.

What reads the file, and refuses what would not run, is `loading.py`, loaded for that and let go.
The names of Model's properties are those of OpenMV's `ml` module.
"""

import micropython
from board.lazy import call, release

_READERS = ("tflite.graph", "tflite.flatbuffer", "tflite.arena", "tflite.operators", "tflite.names", "tflite.scales",
            "tflite.metadata")  # fmt: skip


class Model:
    """A loaded model with one input and one output, int8 or float32. `buffer` must stay as it is while it is in use.

    rounding: whom to follow where they differ, "litert" (its reference kernels, as gateways score) or "micro"
    (TFLite-Micro); docs/decisions/0003.
    Raises ModelError for bytes that are no model, or one with anything that this program does not run.

    input_shape, output_shape: tuples. input_dtype, output_dtype: "b" for int8, "f" for float32, as `array` and `struct`
    have it. input_scale, input_zero_point, output_scale, output_zero_point: of int8. len: bytes of the file. ram: bytes
    of the arena.
    """

    def __init__(self, buffer, rounding: str = "litert") -> None:
        if rounding not in ("litert", "micro"):
            raise ValueError('rounding is "litert" or "micro", not ' + repr(rounding))
        self._buffer, self.len = buffer, len(buffer)
        try:
            loaded = call("tflite.loading", "Loading", buffer, rounding)
        finally:
            release(*_READERS)
        self._operators, self.ram = loaded.operators, loaded.ram
        x, y = loaded.input, loaded.output
        self._x, self._y, self._x_bytes, self._y_bytes = x.view, y.view, x.bytes, y.bytes
        self.input_shape, self.output_shape = tuple(x.shape), tuple(y.shape)
        self.input_dtype, self.output_dtype = x.dtype(), y.dtype()
        self.input_scale, self.output_scale = x.real_scale(), y.real_scale()
        self.input_zero_point, self.output_zero_point = x.zero_point, y.zero_point
        self._flip, self._flop = [128 if kind == "b" else 0 for kind in (self.input_dtype, self.output_dtype)]

    def predict(self, x, y) -> None:
        """Run the model: the bytes of `x`, int8 or float32 -> the first bytes of bytearray `y`; allocates nothing."""
        if len(x) != self._x_bytes or len(y) < self._y_bytes:
            raise ValueError("the model takes {} bytes and gives {}".format(self._x_bytes, self._y_bytes))
        copy(x, self._x, self._x_bytes, self._flip)
        for operator in self._operators:
            operator.invoke()
        copy(self._y, y, self._y_bytes, self._flop)

    def metadata(self, name: str):
        """The bytes of the metadata buffer of this name, in place, or None; raises ModelError."""
        try:
            return call("tflite.metadata", "metadata", self._buffer, name)
        finally:
            release("tflite.flatbuffer")


@micropython.viper
def copy(source: ptr8, target: ptr8, n: int, flip: int):
    """n bytes, their top bit inverted where flip is 128: int8 is kept as 128 more. A slice would allocate."""
    i = 0
    while i < n:
        target[i] = source[i] ^ flip
        i += 1
