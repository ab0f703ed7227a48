"""The types of arrays in learning, by their content."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]  # weights, steps of weights, scaled features
Doubles = NDArray[np.float64]  # sums and what follows from them
Windows = NDArray[np.int8]  # features of windows, [m, length], in the order of the windows
