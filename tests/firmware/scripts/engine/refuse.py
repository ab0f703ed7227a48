"""Loads each of the files named and prints the ModelError it raised, or "accepted"."""

import sys

from tflite import Model, ModelError

for path in sys.argv[1:]:
    with open(path, "rb") as file:
        try:
            Model(file.read())
            print("accepted")
        except ModelError as error:
            print(error)
