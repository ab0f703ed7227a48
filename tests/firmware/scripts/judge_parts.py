"""Judges parts by a model: file 1 -> a line "score against verdict fault" for each vector of features in file 2."""

import sys

import micropython
from score import Scorer
from tflite import Model

with open(sys.argv[1], "rb") as file:
    judge = Scorer(Model(file.read()))
with open(sys.argv[2], "rb") as file:
    while True:
        features = file.read(judge.length)
        if not features:
            break
        micropython.heap_lock()  # an allocation would raise MemoryError
        try:
            score = judge.score(features)
        finally:
            micropython.heap_unlock()
        print(score, judge.against, judge.verdict, judge.fault)
