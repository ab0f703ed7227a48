"""The operators that this engine runs, loaded when a model asks for one: a board holds the code of those only.

Those that keep something from one input to the next are in `recurrent/`, the others here.

A class takes a Node and `rounding`, and has `scratch` (bytes it needs while it runs), `bind(scratch)` and `invoke()`.
"""

# BuiltinOperator, module, class, newest version: that of LiteRT 2.3, for a newer one may mean what is not read here.
# Text, because a dict would take 2 KiB.
_TABLE = """
0 arithmetic Add 5
1 pool AveragePool2D 3
2 move Concatenation 7
3 conv_2d Conv2D 8
4 depthwise_conv_2d DepthwiseConv2D 6
6 convert Dequantize 9
9 fully_connected FullyConnected 14
14 lookup Logistic 3
17 pool MaxPool2D 3
18 arithmetic Mul 7
19 lookup Relu 3
21 lookup Relu6 3
22 reshape Reshape 1
25 softmax Softmax 3
27 recurrent.svdf Svdf 4
28 lookup Tanh 3
34 move Pad 6
39 move Transpose 8
40 mean Mean 3
41 arithmetic Sub 5
43 reshape Reshape 1
44 recurrent.lstm Lstm 4
45 move StridedSlice 4
53 cast cast 9
55 extremes Maximum 4
57 extremes Minimum 4
70 reshape Reshape 1
98 lookup LeakyRelu 2
114 convert quantize 6
"""


def find(code: int):
    """(module, class, newest version) of an operator; None for one that this engine does not run."""
    for row in _TABLE.split("\n"):
        if row.split(" ")[0] == str(code):
            return row.split(" ")[1:]
    return None


def codes() -> list:
    """All that `find` knows."""
    return [int(row.split(" ")[0]) for row in _TABLE.split("\n") if row]


def load(code: int):
    """The class of an operator, or a function that gives its instance."""
    module, name, _ = find(code)
    package, _, module = module.rpartition(".")
    package = package or "tflite"
    return getattr(getattr(__import__(package + "." + module), module), name)
