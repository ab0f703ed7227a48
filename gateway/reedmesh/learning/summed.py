"""A round of learning by sums: the sums for neighbours, the neighbours that count, and the models. Pure.

The counterpart of training a network in `steps.py`. A candidate is judged by what people live by: the share of onsets
of synthetic faults from which an alert would be raised, and false alarms on windows that were held out.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import DeployError
from reedmesh.inference import normalisation
from reedmesh.inference.family import Family
from reedmesh.inference.learnt import STEP_DB, Learnt
from reedmesh.inference.model import Model
from reedmesh.learning import detector, export, faultset, history, rules, threshold, told
from reedmesh.learning.aggregate import Merged, Peer, refused_copies
from reedmesh.learning.arrays import Floats, Windows
from reedmesh.learning.candidate import Candidate
from reedmesh.learning.covariance import PRIOR
from reedmesh.learning.detector import Detector
from reedmesh.learning.evaluate import Estimate
from reedmesh.learning.history import History
from reedmesh.learning.sums import Ints
from reedmesh.learning.told import Told
from reedmesh.protocol import scaling
from reedmesh.protocol.recipe import Spectrum

LOST = 0.05  # of the onsets on synthetic faults that a candidate may lose
SHIFT = 2  # times the largest shift of normal windows that were held out: its limit
FALSE = 0.05  # of held-out windows over the threshold that are no objection
ENOUGH = 80  # windows to try synthetic faults on, evenly of all


def learn(family: Family, windows: Windows, neighbours: Sequence[Told] = ()) -> Detector:
    """The detector of a machine; raises DeployError when it has too few windows."""
    pool, it = rules.find(family.training.aggregation).pool, family.sums
    try:
        return detector.learn(windows, neighbours, it.quantile, family.recipe.apart, pool, it.states)
    except ValueError as fault:
        raise DeployError(f"cannot learn {family.name}: {fault}") from fault


def telling(family: Family, machines: Sequence[Windows]) -> tuple[Told, float]:
    """The sums of all machines, each learnt by itself, and the mean score, in squared deviations a feature."""
    found = [learn(family, windows) for windows in machines]
    whole = sum((each.told for each in found), told.nothing(family.recipe.length))
    return whole, _loss(np.concatenate([each.held_out for each in found]), family)


def believed(family: Family, weights: Floats, own: Told, peers: Mapping[str, Peer]) -> Merged:
    """The neighbours in the models of this round, with the share of their covariance; and those left out."""
    taken, refused = {}, refused_copies(peers)
    heard = {name: peer.told for name, peer in sorted(peers.items()) if name not in refused}
    for name, each in heard.items():
        if each is None:
            refused[name] = "it tells no sums"
        elif reason := _implausible(family, own, each):
            refused[name] = reason
        else:
            taken[name] = 0.0
    prior = PRIOR * family.recipe.length
    share = prior / (prior + own.scatter.freedom) / max(1, len(taken))
    return Merged(weights, dict.fromkeys(taken, share), refused)


def candidate(
    family: Family,
    windows: Windows,
    neighbours: Sequence[Told],
    model: bytes = b"",
    anew: bool = False,
    faults: Windows | None = None,
    day: int = 0,
) -> Candidate:
    """The candidate of a machine, beside the `model` in service, if any.

    anew: what is normal was said to have changed. faults: windows of alerts that it must go on seeing. day: since 1970.
    """
    found = learn(family, windows, neighbours)
    before = Model(model) if model else None
    wanted = math.ceil(family.sums.margin * found.base)
    limit, past = history.bounded(wanted, before if not anew else None, day)
    made = Model(export.to_tflite(found.model, limit))
    lifts = _lifts(family, made.scores, limit, windows)
    after = _estimate(family, made.scores, limit, windows, found.held_out)
    after = replace(after, lifts=_readable(family, lifts), faults=_over(made, faults))
    was = _estimate(family, before.scores, before.threshold, windows, before.scores(windows)) if before else None
    was = replace(was, faults=_over(before, faults)) if was and before else was
    worst = int(made.scores(windows).argmax())
    return Candidate(
        model=export.to_tflite(found.model, limit, _said(family, found, limit, lifts, past)),
        weights=b"",
        moments=normalisation.fit(windows),
        threshold=limit,
        held_out=tuple(found.held_out.tolist()),
        trial=windows[worst].tobytes(),
        trial_score=int(made.scores(windows).max()),
        estimate=after,
        before=was,
        objection=objection(was, after) if was and not anew else "",
    )


def better(
    family: Family, windows: Windows, by_sums: Candidate, by_network: Candidate, anew: bool = False
) -> Candidate:
    """Of two candidates of a machine, that with more onsets of synthetic faults, unless it has more false alarms."""
    other = Model(by_network.model)
    found = _estimate(family, other.scores, other.threshold, windows, np.array(by_network.held_out))
    allowed = max(by_sums.estimate.false_alarms, FALSE)
    if found.false_alarms > allowed or (found.onset or 0.0) <= (by_sums.estimate.onset or 0.0):
        return by_sums
    before = by_sums.before
    refused = objection(before, found) if before and not anew else ""
    return replace(by_network, estimate=found, before=before, objection=refused)


def objection(before: Estimate, after: Estimate) -> str:
    """Why a candidate may not replace what is in service; "" if it may."""
    if (after.onset or 0.0) < (before.onset or 0.0) - LOST:
        return f"alerts from {after.onset:.0%} of the onsets of synthetic faults, {before.onset:.0%} before"
    if after.faults is not None and before.faults is not None and after.faults < before.faults - LOST:
        return f"{after.faults:.0%} of the windows of former alerts are over the threshold, {before.faults:.0%} before"
    if after.false_alarms > max(before.false_alarms, FALSE):
        return f"false alarms {after.false_alarms:.1%} of held-out windows, {before.false_alarms:.1%} before"
    return ""


def _over(model: Model, windows: Windows | None) -> float | None:
    """The share of `windows` that a model puts above its threshold; None of none."""
    if windows is None or not len(windows):
        return None
    return float((model.scores(windows) > model.threshold).mean())


def _implausible(family: Family, own: Told, it: Told) -> str:
    """Why a neighbour's sums are not believed; "" if they are."""
    ours, its = (threshold.quantile(each.scores, family.sums.quantile) for each in (own, it))
    if threshold.is_plausible(ours, its):
        return ""
    unit = scaling.ONE**2 * family.recipe.length
    return f"its normal windows score {its / unit:.2f} a feature, ours {ours / unit:.2f}"


def _estimate(
    family: Family, scores: Callable[[Windows], Ints], limit: int, windows: Windows, normal: NDArray[np.int64]
) -> Estimate:
    """What a model is worth: its loss, false alarms and onsets of synthetic faults."""
    some = windows[:: -(-len(windows) // ENOUGH)]
    rule = family.alerts
    onsets = [
        faultset.onset(scores(each) > limit, rule.on, rule.of) for each in faultset.faulty(family.recipe, some).values()
    ]
    return Estimate(_loss(normal, family), float((normal > limit).mean()), float(np.mean(onsets)), windows=len(normal))


def _lifts(family: Family, scores: Callable[[Windows], Ints], limit: int, windows: Windows) -> dict[str, int]:
    """By how many steps each band must rise to raise an alert."""
    some, share = windows[:: -(-len(windows) // ENOUGH)], family.alerts.on / family.alerts.of
    return {
        name: faultset.smallest_lift(scores, limit, some, each, share)
        for name, each in faultset.bands(family.recipe).items()
    }


def _readable(family: Family, lifts: Mapping[str, int]) -> dict[str, float]:
    """In dB where features are powers, else in steps of the features."""
    unit = STEP_DB if isinstance(family.recipe, Spectrum) else 1.0
    return {name: steps * unit for name, steps in lifts.items()}


def _said(family: Family, found: Detector, limit: int, lifts: Mapping[str, int], past: History) -> Learnt:
    """What a model says of itself; of bands only where features are powers."""
    steps = tuple(lifts.values()) if isinstance(family.recipe, Spectrum) else ()
    over = int((found.held_out > limit).sum())
    middle = int(np.median(steps)) if steps else 0
    shift = max(SHIFT * found.shift, limit) if found.shift and family.alerts.of > 1 else 0
    return Learnt(len(found.held_out), over, steps, middle, past.first, past.day, past.morning, shift)


def _loss(scores: NDArray[np.int64], family: Family) -> float:
    return float(scores.mean()) / (scaling.ONE**2 * family.recipe.length)
