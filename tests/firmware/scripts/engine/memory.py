"""A window through features, model and score without an allocation; prints vector, score, arena and heap in use.

The model's room is taken first, as on a board: later no piece of the heap may be long enough.
"""

import gc
import os
import sys
from array import array

buffer = bytearray(os.stat(sys.argv[1])[6])
with open(sys.argv[1], "rb") as file:
    file.readinto(buffer)
samples = array("h", bytes(1200))
for i in range(600):
    samples[i] = i * 7919 % 2001 - 1000

import micropython  # noqa: E402
from protocol.recipe import Spectrum  # noqa: E402

recipe = Spectrum(200, 3, 20)

from features import Extractor  # noqa: E402

extractor = Extractor(recipe)
del recipe
from board.lazy import release  # noqa: E402

release("protocol.recipe")  # as the sensor does

from score import Scorer  # noqa: E402
from tflite import Model  # noqa: E402

model = Model(buffer)
judge = Scorer(model)
features = bytearray(extractor.length)
gc.collect()
micropython.heap_lock()
try:
    extractor.extract(samples, features)
    score = judge.score(features)
finally:
    micropython.heap_unlock()
gc.collect()
print(features.hex(), score, judge.threshold, model.ram, gc.mem_alloc())
