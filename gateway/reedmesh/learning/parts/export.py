"""Detector and classifier as one int8 .tflite: the n features as the detector gives them back, then the logits.

    z -> FULLY_CONNECTED ---------------------------------> y   \\
    z -> FULLY_CONNECTED with ReLU -> FULLY_CONNECTED -> logits  > CONCATENATION

"""

from dataclasses import dataclass

import numpy as np

from reedmesh.inference import tflite_file
from reedmesh.learning.arrays import Windows
from reedmesh.learning.export import Graph
from reedmesh.learning.parts.classifier import Net
from reedmesh.learning.sums import Ints
from reedmesh.learning.whitening import Layer, Whitening, quantised
from reedmesh.protocol import scaling, verdict
from reedmesh.protocol.scaling import ONE
from reedmesh.protocol.verdict import Limits

NEVER = 2**32 - 1  # the scaling's threshold: parts are judged by their limits
_EIGHTH = 1 / ONE
_ROOM = 1.25  # times the highest hidden value learnt from
_MOST = 127


@dataclass(frozen=True)
class Head:
    """The classifier in int8."""

    hidden: Layer
    logits: Layer

    def run(self, z: Windows) -> Ints:
        """The logits in eighths, int64 [m, c], of z, int8 [m, p], as the sensor has them."""
        return self.logits.run(np.maximum(self.hidden.run(z.astype(np.int64)), 0))


def head(net: Net, z: Windows) -> Head:
    """`net` in int8; z: int8 [m, p], parts learnt from, by which the hidden layer's range is set."""
    end = max(float(net.hidden(z / float(ONE)).max(initial=1e-3)) * _ROOM / _MOST, 1e-6)
    hidden = quantised(net.inner.T, _EIGHTH, end, net.inner_bias)
    return Head(hidden, quantised(net.outer.T, end, _EIGHTH, net.outer_bias))


def to_tflite(detector: Whitening, classes: Head | None, limits: Limits) -> bytes:
    """The .tflite with its scaling and limits inside; the same arguments give the same bytes."""
    graph = Graph()
    z = graph.tensor([1, len(detector.means)], _EIGHTH)
    y = graph.dense(detector.layer, z)
    if classes:
        y = graph.joined(y, graph.dense(classes.logits, graph.dense(classes.hidden, z, relu=True)))
    known = scaling.to_bytes(detector.means, detector.gains, NEVER)
    return tflite_file.rewrite(graph.pack(z, y), {scaling.METADATA: known, verdict.METADATA: verdict.to_bytes(limits)})
