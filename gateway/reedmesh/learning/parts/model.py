"""Parts become the model that judges them: detector, classifier, limits and report, in one int8 .tflite. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from reedmesh.inference import normalisation
from reedmesh.learning import threshold
from reedmesh.learning.arrays import Doubles, Windows
from reedmesh.learning.covariance import Scatter
from reedmesh.learning.parts import binomial, classifier, detector, limits, shared_net
from reedmesh.learning.parts.classifier import Labels, Net
from reedmesh.learning.parts.detector import Detector
from reedmesh.learning.parts.export import head, to_tflite
from reedmesh.learning.parts.limits import Costs, Ints, Point
from reedmesh.learning.parts.shared_net import Shared
from reedmesh.protocol import verdict
from reedmesh.protocol.recipe import Recipe, log2
from reedmesh.protocol.scaling import ONE
from reedmesh.protocol.verdict import Limits

FEWEST_OF_CLASS = 3  # labelled parts of a fault, for it to be a class
_WHOLE = 256  # parts of Limits.weight
_SHARES = 1.0, 0.5, 0.25, 0.0  # of that weight which are tried, and by how much a smaller one must be better
_GAIN = 0.001
_OTHERS = 1.0, 0.5, 0.0  # how much each neighbour's network counts beside ours, of which the best is taken
_LEAST_SPREAD = 2.0  # of OK parts' levels, in 1/32 octave


@dataclass(frozen=True)
class Promise:
    """The result on held-out parts: their number, and shares with upper bounds for so few parts.

    escape: NOK parts that pass as OK; overkill: OK parts that do not. An unsure part does not pass.
    """

    ok: int
    nok: int
    escape: float
    escape_bound: float
    overkill: float
    overkill_bound: float


@dataclass(frozen=True)
class PartModel:
    """tflite: for gateway and sensor. trade: what each threshold would do, [] without labelled NOK parts."""

    tflite: bytes = field(repr=False)
    limits: Limits
    promise: Promise
    trade: tuple[Point, ...] = field(repr=False)
    net: Net | None = field(repr=False, default=None)
    held_out: tuple[int, ...] = field(repr=False, default=())  # scores of OK parts, each by a model without it
    means: list[int] = field(repr=False, default_factory=list)  # these and gains: the scaling
    gains: list[int] = field(repr=False, default_factory=list)


@dataclass(frozen=True)
class Taught:
    """Labelled parts: features, int8 [m, p], in their order; labels, 0 for OK; names of the classes, OK first."""

    parts: Windows
    labels: Labels
    names: list[str]

    @property
    def ok(self) -> Windows:
        """Those that are OK."""
        return np.asarray(self.parts[self.labels == 0])


def learn(
    taught: Taught,
    recipe: Recipe,
    costs: Costs,
    seed: int = 1,
    neighbours: Sequence[Scatter] = (),
    fewest: int = detector.FEWEST,
    others: Sequence[Shared] = (),
) -> PartModel:
    """The model of a machine's labelled parts; raises ValueError for fewer than `fewest` OK ones.

    Faults of which there are fewer than FEWEST_OF_CLASS count as NOK for the limits, but are no class of their own
    where none is left. neighbours: how their OK parts scatter; others: networks of neighbours, which say with ours
    whether a part is NOK.
    """
    found = detector.learn(taught.ok, recipe, neighbours, fewest)
    z = normalisation.apply(taught.parts, found.model.means, found.model.gains)
    few = bool((np.bincount(taught.labels, minlength=len(taught.names))[1:] < FEWEST_OF_CLASS).all())
    net = None if few else classifier.fit(z, taught.labels, len(taught.names), seed)
    levels = _levels(found, taught)
    logits = np.zeros((len(z), 0), np.int64)
    where = _scale(levels[taught.labels == 0], taught.names if net else [])
    where.strange = log2(int(_usual(found) * limits.REJECT) + 1)
    voting = net
    if net:
        held_out = _held_out_logits(taught, z, seed)
        voting, logits = _joined(net, held_out, [each.over(found.model.gains) for each in others], z, taught.labels)
        where.weight = _weighed(where, levels, logits, taught.labels)
    made = head(voting, z) if voting else None
    against = _against(where, levels, logits)
    ok, nok = against[taught.labels == 0], against[taught.labels != 0]
    where.doubt, where.reject = _limits(where, found, ok, nok, costs)
    trade = tuple(limits.curve(ok, nok)) if len(nok) else ()
    return PartModel(
        to_tflite(found.model, made, where),
        where,
        promise(ok, nok, where.doubt),
        trade,
        net,
        tuple(found.held_out.tolist()),
        found.model.means,
        found.model.gains,
    )


def promise(ok: Ints, nok: Ints, doubt: int) -> Promise:
    """The result of a threshold on the evidence of held-out parts."""
    over, passed = int((ok >= doubt).sum()), int((nok < doubt).sum())
    escape = passed / max(1, len(nok)), binomial.upper(passed, len(nok))
    return Promise(len(ok), len(nok), *escape, over / max(1, len(ok)), binomial.upper(over, len(ok)))


def _levels(found: Detector, taught: Taught) -> Ints:
    """32 * log2(score + 1) of each part; of OK parts by detectors that had not seen them."""
    scores = found.model.scores(taught.parts)
    scores[taught.labels == 0] = found.held_out
    return np.array([log2(int(score) + 1) for score in scores])


def _held_out_logits(taught: Taught, z: Windows, seed: int) -> Doubles:
    """Float64 [m, c] by networks that had not seen the parts; each class spread evenly over the folds."""
    fold, out = np.zeros(len(z), np.intp), np.zeros((len(z), len(taught.names)))
    for label in range(len(taught.names)):
        rows = np.flatnonzero(taught.labels == label)
        fold[rows] = threshold.folds(len(rows)) if label == 0 else np.arange(len(rows)) % threshold.FOLDS
    for each in range(threshold.FOLDS):
        held = fold == each
        if held.any():
            net = classifier.fit(z[~held], taught.labels[~held], len(taught.names), seed)
            out[held] = net.logits(z[held] / float(ONE))
    return out


def _joined(net: Net, held_out: Doubles, others: Sequence[Net], z: Windows, labels: Labels) -> tuple[Net, Ints]:
    """The network that all vote in, and logits in eighths of parts it had not seen; a neighbour saw none of ours."""
    more, best = sum(shared_net.margins(each, z) for each in others), (0.0, _eighths(held_out), -1.0)
    for share in _OTHERS if others else ():
        added = shared_net.spread(share * np.asarray(more), held_out.shape[1])
        tried = _eighths((held_out + added) / (1 + share * len(others)))
        against = np.array([verdict.margin(each) for each in tried.tolist()])
        told = shared_net.area(against[labels == 0], against[labels != 0])
        if told > best[2] + _GAIN:
            best = share, tried, told
    whole = shared_net.joined(net, others, best[0], z) if best[0] else net
    return (net, _eighths(held_out)) if best[0] and _is_blunt(whole, z) else (whole, best[1])


def _is_blunt(net: Net, z: Windows) -> bool:
    """Whether int8 loses what it says: one weight that is far out of proportion leaves no steps for the others."""
    exact, rounded = (
        each[:, 1:].max(axis=1) - each[:, 0] for each in (_eighths(net.logits(z / ONE)), head(net, z).run(z))
    )
    return float(np.abs(exact - rounded).mean()) > ONE


def _eighths(logits: Doubles) -> Ints:
    return np.asarray(np.clip(np.rint(logits * ONE), -128, 127), np.int64)


def _scale(levels: Ints, names: list[str]) -> Limits:
    """A deviation of OK parts' level counts as much as one unit of logits."""
    spread = max(float(np.std(levels)), _LEAST_SPREAD)
    return Limits(round(_WHOLE * ONE / spread), round(float(np.mean(levels))), 0, 0, 0, names)


def _weighed(where: Limits, levels: Ints, logits: Ints, labels: Labels) -> int:
    """How much a rare score counts beside the logits: as much as tells held-out OK and NOK parts apart best.

    In doubt much, for a fault that nobody labelled has nothing else against it.
    """
    best = where.weight, -1.0
    for part in _SHARES:
        tried = _replaced(where, round(where.weight * part))
        against = _against(tried, levels, logits)
        told = shared_net.area(against[labels == 0], against[labels != 0])
        if told > best[1] + _GAIN:
            best = tried.weight, told
    return best[0]


def _replaced(of: Limits, weight: int) -> Limits:
    """The same limits with another weight."""
    return Limits(weight, of.usual, of.strange, of.doubt, of.reject, of.classes)


def _against(where: Limits, levels: Ints, logits: Ints) -> Ints:
    return np.array([where.against(int(a), b.tolist()) for a, b in zip(levels, logits, strict=True)], np.int64)


def _limits(where: Limits, found: Detector, ok: Ints, nok: Ints, costs: Costs) -> tuple[int, int]:
    if len(nok) >= limits.FEWEST_NOK:
        return limits.chosen(ok, nok, costs)
    if where.classes:
        return limits.beyond(ok)
    doubt, reject = (where.against(log2(int(_usual(found) * each) + 1), []) for each in (limits.MARGIN, limits.REJECT))
    return doubt, max(doubt, reject)


def _usual(found: Detector) -> float:
    """The score below which nearly all OK parts lie."""
    return float(np.quantile(found.held_out, limits.QUANTILE))
