"""The TFLite interpreter, imported here and nowhere else: ai-edge-litert, or tflite-runtime where that is installed.

tflite-runtime stopped at 2.14 (Python 3.11, numpy 1) and has the same API, but another reference kernel: its scores
differed from a sensor's for 17 % of vectors. One thread everywhere: a second one costs models of our size more than it
brings (p99 206 µs against 8). An interpreter belongs to one thread.
"""

from typing import Any

try:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType
except ImportError:
    from tflite_runtime.interpreter import Interpreter, OpResolverType


def reference(model: bytes, keep_all: bool = False) -> Any:
    """An interpreter that runs LiteRT's reference kernels, which the sensors' arithmetic follows bit by bit.

    The fast ones do not: of 10 000 vectors, 2 came out otherwise with XNNPACK and 1900 with TFLite's own, and the
    reference takes but 2.5 µs for 5 000 multiplications. `keep_all`: the tensors between layers stay readable.
    Raises ValueError when the bytes are no model.
    """
    return _interpreter(model, OpResolverType.BUILTIN_REF, keep_all)


def optimised(model: bytes) -> Any:
    """An interpreter for training, with XNNPACK: a step of Adam takes 30 µs, with TFLite's own kernels 130."""
    return _interpreter(model, OpResolverType.AUTO, False)


def _interpreter(model: bytes, kernels: Any, keep_all: bool) -> Any:
    return Interpreter(
        model_content=model,
        num_threads=1,
        experimental_op_resolver_type=kernels,
        experimental_preserve_all_tensors=keep_all,
    )
