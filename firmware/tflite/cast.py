"""CAST from int8 to float32, at the end of a model: each number as it stands, whatever its scale."""

from array import array

from tflite.convert import Dequantize
from tflite.graph import Node


class Cast(Dequantize):
    """CAST. It needs no scratch."""

    def __init__(self, node: Node, rounding: str) -> None:
        super().__init__(node, rounding)
        self._table = array("f", [float(byte - 128) for byte in range(256)])
