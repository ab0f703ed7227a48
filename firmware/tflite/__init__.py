"""TFLite int8 models on stock MicroPython, straight from a .tflite file's bytes: `Model(buffer).predict(x, y)`.

`graph.py` reads the file through `flatbuffer.py`, `loading.py` plans it, `model.py` runs it; each operator has a file
of its own.
"""

from tflite.kinds import ModelError
from tflite.model import Model

__all__ = ["Model", "ModelError"]
