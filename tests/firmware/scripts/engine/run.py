"""Runs models one after the other: records of (model, inputs, output size) in file 1 -> output bytes in file 2.

Argument 3 is the rounding, "litert" if left out.
A record: u32 model length, model, u32 inputs, u32 size of an input, u32 size of an output, the inputs.
"""

import gc
import sys
from struct import unpack

import micropython
from tflite import Model


def run(model, inputs, y, into):
    for x in inputs:
        if locked:
            micropython.heap_lock()  # an allocation in `predict` would raise MemoryError
        try:
            model.predict(x, y)
        finally:
            if locked:
                micropython.heap_unlock()
        into.write(y)


locked = "allocating" not in sys.argv
rounding = sys.argv[3] if len(sys.argv) > 3 else "litert"
with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    while True:
        head = source.read(4)
        if not head:
            break
        model = Model(source.read(unpack("<I", head)[0]), rounding=rounding)
        count, size, out = unpack("<III", source.read(12))
        run(model, [source.read(size) for _ in range(count)], bytearray(out), target)
        gc.collect()
