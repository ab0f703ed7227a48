"""What a gateway tells of its faults: a small network, OK against NOK, over deviations from its own OK parts. Pure.

No part, no label and no name of a fault is in it. Its inputs are s = (x - mean of OK parts) / 2**scale - offset, so
whoever takes it puts the mean of its own OK parts there: machines of one kind differ in where their curves lie, less in
what a fault does to them. Weights are told as one flat float32 vector, see `inference.family.part_tensors`; zeros of
who knows no faults.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from reedmesh.learning.arrays import Doubles, Floats, Windows
from reedmesh.learning.parts import classifier
from reedmesh.learning.parts.classifier import Labels, Net
from reedmesh.protocol.scaling import ONE

MOST = 4  # neighbours whose networks are in a model: each costs 16 bytes of it for each feature
FEWEST = 3  # NOK parts, ours: fewer tell nothing, and cannot tell whether a neighbour's is any good
LEAST = 0.7  # by which a neighbour's network tells our parts apart, as an area under the curve: chance has 0.5


@dataclass(frozen=True)
class Shared:
    """net: over s [p], two logits, OK first. offset, scale: float64 [p], as above, for x in feature steps."""

    net: Net
    offset: Doubles
    scale: Doubles

    @property
    def weights(self) -> Floats:
        """Flat float32, in the order of `inference.family.part_tensors`."""
        return np.concatenate([np.ravel(each) for each in (*self.net.tensors, self.offset, self.scale)]).astype(
            np.float32
        )

    def over(self, gains: Sequence[int]) -> Net:
        """The network over our z in units; gains: of our scaling."""
        ratio = _unit(gains) / 2.0**self.scale
        return Net(
            self.net.inner * ratio[:, None],
            self.net.inner_bias - self.offset @ self.net.inner,
            self.net.outer,
            self.net.outer_bias,
        )


def learn(z: Windows, gains: Sequence[int], labels: Labels, hidden: int, seed: int = 1) -> Shared:
    """From our labelled parts z, int8 [m, p] in eighths, 0 for OK."""
    standard, middle, unit = classifier.standardised(z)
    (net,) = classifier.trained(standard, np.minimum(labels, 1), 2, 1, hidden, seed)
    return Shared(net, middle / unit, np.log2(unit * _unit(gains)))


def read(weights: Floats, features: int) -> Shared | None:
    """What a neighbour told; None of one that knows no faults."""
    hidden = (len(weights) - 2 - 2 * features) // (features + 3)
    if not weights.any() or hidden < 1:
        return None
    sizes = np.cumsum([features * hidden, hidden, 2 * hidden, 2, features])
    inner, bias, outer, outer_bias, offset, scale = np.split(weights.astype(np.float64), sizes)
    net = Net(inner.reshape(features, hidden), bias, outer.reshape(hidden, 2), outer_bias)
    return Shared(net, offset, np.clip(scale, -8.0, 16.0))


def apart(it: Shared, parts: Windows, labels: Labels) -> float:
    """How well it tells our parts, int8 [m, p], apart: the chance that a NOK one has more against it than an OK one.

    0.0 where there are fewer than FEWEST NOK parts to tell.
    """
    ok = labels == 0
    if ok.all() or not ok.any() or (~ok).sum() < FEWEST:
        return 0.0
    x = parts.astype(np.float64)
    logits = it.net.logits((x - x[ok].mean(axis=0)) / 2.0**it.scale - it.offset)
    return area(logits[ok, 1] - logits[ok, 0], logits[~ok, 1] - logits[~ok, 0])


def area(ok: Doubles, nok: Doubles) -> float:
    """The chance that one of `nok` is above one of `ok`, ties counting half (Mann and Whitney, 1947)."""
    ok = np.sort(ok)
    below = np.searchsorted(ok, nok, "left") + np.searchsorted(ok, nok, "right")
    return float(below.sum() / (2 * len(ok) * len(nok)))


def margins(net: Net, z: Windows) -> Doubles:
    """By how much each part, int8 [m, p], is NOK rather than OK."""
    logits = net.logits(z / float(ONE))
    return np.asarray(logits[:, 1] - logits[:, 0])


def joined(own: Net, others: Sequence[Net], share: float, z: Windows) -> Net:
    """One network: the logits of `own` with those of `others`, each counting `share` as much; z: parts, for the scale.

    Ours names the fault; all say whether it is one.
    """
    whole, classes = 1.0 + share * len(others), own.outer.shape[1]
    top = _top(own, z)
    inner, bias, outer = [own.inner], [own.inner_bias], [own.outer / whole]
    offset = own.outer_bias / whole
    for each in others:
        factor = top / _top(each, z)  # all hidden values share one scale in int8
        towards = each.outer[:, 1] - each.outer[:, 0]
        inner += [each.inner * factor]
        bias += [each.inner_bias * factor]
        outer += [spread(towards * (share / whole / factor), classes)]
        offset = offset + spread(each.outer_bias[1:] - each.outer_bias[:1], classes)[0] * (share / whole)
    return Net(np.concatenate(inner, axis=1), np.concatenate(bias), np.concatenate(outer), offset)


def spread(towards: Doubles, classes: int) -> Doubles:
    """Evidence [h] for faults as logits [h, classes]: half of it for each fault, half against OK."""
    return np.outer(towards, np.where(np.arange(classes) > 0, 0.5, -0.5))


def _top(net: Net, z: Windows) -> float:
    return max(1e-3, float(net.hidden(z / float(ONE)).max(initial=0.0)))


def _unit(gains: Sequence[int]) -> Doubles:
    """Feature steps of a unit of z."""
    return np.asarray((1 << 14) / np.maximum(np.asarray(gains, np.float64), 1.0))
