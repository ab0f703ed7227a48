"""TFLite int8 models on stock MicroPython, straight from a .tflite file's bytes: `Model(buffer).predict(x, y)`.

`graph.py` reads the file through `flatbuffer.py`, `model.py` plans and runs it; each operator has a file of its own.
"""

from tflite.flatbuffer import ModelError
from tflite.model import Model

__all__ = ["Model", "ModelError"]
