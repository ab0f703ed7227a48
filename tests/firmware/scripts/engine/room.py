"""Reads the model named into memory of its own and runs it once; prints the bytes of arena and heap in use."""

import gc
import os
import sys

buffer = bytearray(os.stat(sys.argv[1])[6])
with open(sys.argv[1], "rb") as file:
    file.readinto(buffer)

from tflite import Model  # noqa: E402

model = Model(buffer)


def size(shape):
    out = 1
    for length in shape:
        out *= length
    return out


model.predict(bytes(size(model.input_shape)), bytearray(size(model.output_shape)))
gc.collect()
print(model.ram, gc.mem_alloc())
