"""Cuts signals into windows: a proposal (rate, window, family) with its reasons, and the windows."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.inference.family import Plan, find_family, read_plan
from reedmesh.protocol.recipe import MAX_SAMPLES
from reedmesh.recordings.recording import NORMAL, TEST, TRAIN, Recording, machine_name
from reedmesh.recordings.signal import Signal

FAST = 20.0  # Hz: slower is a process, and its trend is judged
USUAL_SAMPLES, LEAST_SAMPLES = 200, 16
TRAIN_SHARE = 0.6  # of what is normal, by time: to learn from
FULL_SCALE = 32_000  # counts: the largest reading becomes at most that many


@dataclass(frozen=True)
class Proposal:
    """rate_hz: 0 if nobody knows. samples: of a window. axes: of the family; those that a file lacks read zero.

    scale: counts for a unit of the file, a power of two. why: for people, a line for each.
    """

    rate_hz: float
    samples: int
    axes: int
    family: str
    scale: float
    why: tuple[str, ...]


def propose(signals: Sequence[Signal], rate: float = 0.0, samples: int = 0, family: str = "") -> Proposal:
    """The proposal for the signals; rate, samples and family override it, if given.

    Raises ConfigError when the files do not fit together, or the family cannot hear so many axes.
    """
    shapes = {signal.values.shape[1] for signal in signals}
    rates = {signal.rate_hz for signal in signals if signal.rate_hz}
    if len(shapes) > 1:
        raise ConfigError(f"files differ in their axes ({', '.join(map(str, sorted(shapes)))}): import them apart")
    if len(rates) > 1 and not rate:
        raise ConfigError(
            f"files differ in their rates ({', '.join(f'{each:g}' for each in sorted(rates))} Hz): say --rate"
        )
    axes, known = shapes.pop(), rate or (rates.pop() if rates else 0.0)
    name = family or _family(axes, known)
    plan = read_plan(find_family(name))
    if axes > plan.recipe.axes:
        wide = f"{axes} axes, family {plan.name} listens to {plan.recipe.axes}"
        raise ConfigError(f"the file has {wide}: choose with --columns (or --family)")
    cut = signals[0].window
    length = samples or cut or _samples(plan, known)
    scale = _scale(signals)
    return Proposal(
        known, length, plan.recipe.axes, name, scale, tuple(_why(signals, known, length, plan, scale, axes))
    )


def cut(signals: Sequence[Signal], proposal: Proposal, origin: str) -> Recording:
    """The windows of the signals as a recording of one machine; raises ConfigError if there is none whole."""
    parts = [(windows, labels) for signal in signals for windows, labels in [_windows(signal, proposal)]]
    x, label = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    if not len(x):
        longest = max(len(signal.values) for signal in signals)
        raise ConfigError(
            f"{origin}: {counted(longest, 'reading')} is less than a window of {proposal.samples}: say --window"
        )
    normal = np.flatnonzero(label == NORMAL)
    split = np.full(len(x), TEST, dtype="<U5")
    split[normal[: int(len(normal) * TRAIN_SHARE)]] = TRAIN
    gateway = np.zeros(len(x), np.int64)
    name = machine_name(Path(origin).stem)
    return Recording(x, gateway, split, label, proposal.rate_hz, proposal.scale, (name,), origin)


def counts(recording: Recording) -> dict[str, int]:
    """Windows by label."""
    return dict(Counter(recording.label.tolist()))


def counted(number: int, one: str, many: str = "") -> str:
    """A number of things: 1 file, 2 files."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def _family(axes: int, rate: float) -> str:
    """By how fast and how many: slow or many variables are a process, one fast axis is sound."""
    if (rate and rate <= FAST) or axes > 3:
        return "process"
    return "sound" if axes == 1 else "vibration"


def _samples(plan: Plan, rate: float) -> int:
    """A second of what is fast, as far as a sensor can hold it; what the family says for the rest."""
    if plan.recipe.kind != "spectrum":
        return plan.recipe.samples
    if not rate:
        return min(USUAL_SAMPLES, plan.recipe.samples)
    return min(MAX_SAMPLES, max(LEAST_SAMPLES, round(rate)))


def _scale(signals: Sequence[Signal]) -> float:
    """1 where all are whole numbers of 16 bits, else the largest power of two that keeps within FULL_SCALE."""
    largest = max(float(np.abs(signal.values).max()) for signal in signals)
    whole = all(np.array_equal(signal.values, np.rint(signal.values)) for signal in signals)
    if largest == 0 or (whole and largest <= np.iinfo(np.int16).max):
        return 1.0
    return float(2.0 ** np.floor(np.log2(FULL_SCALE / largest)))


def _why(signals: Sequence[Signal], rate: float, samples: int, plan: Plan, scale: float, axes: int) -> Iterator[str]:
    readings, columns = sum(len(signal.values) for signal in signals), signals[0].columns
    files = counted(len(signals), "file")
    named = f" ({', '.join(columns)})" if columns else ""
    yield f"{files}, {counted(readings, 'reading')} of {counted(axes, 'axis', 'axes')}{named}"
    yield from dict.fromkeys(each for signal in signals for each in signal.said)
    yield f"rate {rate:g} Hz" if rate else "rate unknown: --rate says it"
    seconds = f", {samples / rate:g} s" if rate else ""
    yield f"windows of {samples} readings{seconds} (--window)"
    yield f"family {plan.name}: {plan.summary} (--family)"
    if scale != 1.0:
        yield f"a unit of the file is {scale:g} counts"
    if axes < plan.recipe.axes:
        yield f"{plan.recipe.axes - axes} of the family's axes are not connected"


def _windows(signal: Signal, proposal: Proposal) -> tuple[NDArray[np.int16], NDArray[np.str_]]:
    """Windows that do not overlap; one that holds any reading of a fault has the fault's name."""
    count, axes = len(signal.values) // proposal.samples, signal.values.shape[1]
    kept = signal.values[: count * proposal.samples] * proposal.scale
    readings = np.clip(np.rint(kept), -32768, 32767).astype(np.int16).reshape(count, proposal.samples, axes)
    x = np.zeros((count, proposal.samples, proposal.axes), np.int16)
    x[:, :, :axes] = readings
    labels = signal.labels[: count * proposal.samples].reshape(count, proposal.samples)
    return x, np.array([_label(row) for row in labels], dtype="<U32")


def _label(row: NDArray[np.str_]) -> str:
    return str(next((each for each in row.tolist() if each != NORMAL), NORMAL))


def relabelled(signals: Sequence[Signal], label: str) -> list[Signal]:
    """The signals, all of whose readings are called `label`."""
    return [replace(each, labels=np.full(len(each.values), label)) for each in signals]
