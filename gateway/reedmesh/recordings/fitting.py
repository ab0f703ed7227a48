"""A recording fitted to who listens: its axes, and windows of a length that a sensor takes. Pure."""

from dataclasses import replace

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.protocol.recipe import MAX_SAMPLES
from reedmesh.recordings.recording import Recording


def fitted(recording: Recording, axes: int, listener: str) -> Recording:
    """With windows that a sensor takes: of longer ones, so many readings in a row become their mean as are needed.

    They are not cut instead: a window must hold a whole turn of what the machine does, or a fault in one phase of it
    hides behind what another phase does when all is well. Raises ConfigError for another number of axes than those of
    `listener`, in words.
    """
    count, samples, has = recording.x.shape
    if has > axes and not np.ptp(recording.x[:, :, axes:], axis=(0, 1)).any():
        recording = replace(recording, x=recording.x[:, :, :axes])  # what reads the same always is not connected
    elif has != axes:
        raise ConfigError(f"the recording has {_counted(has)}, {listener} listens to {_counted(axes)}")
    row = -(-samples // MAX_SAMPLES)
    rows = recording.x[:, : samples // row * row].astype(np.int32).reshape(count, -1, row, axes)
    return replace(recording, x=np.rint(rows.mean(axis=2)).astype(np.int16), rate_hz=recording.rate_hz / row)


def _counted(axes: int) -> str:
    return "1 axis" if axes == 1 else f"{axes} axes"
