"""The signals in a user's file: readings in a row, with the facts that the file gives."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.recordings.recording import NORMAL

MOST_BYTES = 512 << 20  # of a file that is read whole
MOST_READINGS = 32 << 20  # of a file, all axes together
NORMAL_WORDS = {"normal", "ok", "good", "healthy", "baseline", "none", "no", "0", "0.0", "false", ""}
FAULT_WORDS = {"1": "fault", "1.0": "fault", "true": "fault", "yes": "fault"}


@dataclass(frozen=True)
class Signal:
    """values: float64 [n, axes]. labels: str [n], normal or a fault's name. rate_hz: 0 if the file does not say.

    columns: names of the axes. said: where rate and labels come from, for people. window: readings of a window if the
    file is cut already, else 0.
    """

    name: str
    values: NDArray[np.float64]
    labels: NDArray[np.str_]
    rate_hz: float = 0.0
    columns: tuple[str, ...] = ()
    said: tuple[str, ...] = field(default=())
    window: int = 0


def make_signal(
    name: str,
    values: NDArray[np.float64],
    labels: NDArray[np.str_] | str = NORMAL,
    rate_hz: float = 0.0,
    columns: tuple[str, ...] = (),
    said: tuple[str, ...] = (),
    window: int = 0,
) -> Signal:
    """A signal whose values are numbers; raises ConfigError with the place of the first that is none."""
    if not len(values):
        raise ConfigError(f"{name}: holds no reading")
    if bad := np.argwhere(~np.isfinite(values))[:1].tolist():
        row, axis = bad[0]
        raise ConfigError(f"{name}: reading {row + 1} of axis {axis + 1} is {values[row, axis]}; leave such rows out")
    known = np.full(len(values), labels) if isinstance(labels, str) else labels
    return Signal(name, values, known, rate_hz, columns, said, window)


def label_of(text: str) -> str:
    """The meaning of a cell in a label column: normal, or the name of a fault in lower case."""
    word = text.strip().lower()
    return NORMAL if word in NORMAL_WORDS else FAULT_WORDS.get(word, word.replace(" ", "-")[:32])
