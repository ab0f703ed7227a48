"""The main.py of an emulated board that runs the engine's cases instead of a sensor, each against what it must give.

A case: four u32, bytes of the model, inputs, bytes of an input and of an output; then the model, inputs and outputs.
"""

import gc
import sys
from struct import unpack


def read(file):
    """One case: model, inputs, expected outputs; None at the end."""
    head = file.read(16)
    if not head:
        return None
    size, count, x, y = unpack("<4I", head)
    return file.read(size), [file.read(x) for _ in range(count)], [file.read(y) for _ in range(count)]


def gives(case):
    """Whether the engine gives what it must, byte for byte."""
    from tflite import Model

    contents, inputs, expected = case
    model, y = Model(contents), bytearray(len(expected[0]))
    for x, wanted in zip(inputs, expected):
        model.predict(x, y)
        if y != wanted:
            return False
    return True


def main(folder=""):
    """Run all and say how many were right."""
    sys.path.insert(0, folder + "/fw_a")
    counts = [0, 0]
    with open(folder + "/cases.bin", "rb") as file:
        while case := read(file):
            counts[gives(case)] += 1
            case = None
            gc.collect()
    print("TOTAL good {} bad {}".format(counts[1], counts[0]))


if __name__ == "__main__":
    main()
