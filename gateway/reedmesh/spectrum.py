"""Features as people read them: named, with their frequencies, and which of them an alert stood out in. Pure."""

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.recipe import Recipe

if TYPE_CHECKING:
    from reedmesh.model import Model

STATISTICS = ("RMS", "peak", "kurtosis")
STEP_DB = 10 * np.log10(2) / 8  # one step of a power feature, an eighth of an octave of power, is 0.376 dB


def features(recipe: Recipe, hz: float = 0.0) -> list[dict[str, Any]]:
    """Each feature's name and axis, and for a band its edges in Hz, if `hz`, the sampling rate, is known."""
    named: list[dict[str, Any]] = []
    edges = recipe.edges()
    for axis in range(recipe.axes):
        for band in range(recipe.bands):
            low, high = (round(edge * hz / recipe.fft, 2) for edge in edges[band : band + 2])
            named.append({"feature": f"band {band + 1}", "axis": axis} | ({"hz": [low, high]} if hz else {}))
        named += [{"feature": name, "axis": axis} for name in STATISTICS]
    return named


def contributions(recipe: Recipe, model: "Model | None", window: bytes, hz: float = 0.0) -> list[dict[str, Any]]:
    """Each feature with its share of the window's score, 0..1; [] without a model."""
    if model is None:
        return []
    errors = model.errors(np.frombuffer(window, dtype=np.int8)[None])[0]
    total = max(1, int(errors.sum()))
    return [
        named | {"share": round(int(error) / total, 4)}
        for named, error in zip(features(recipe, hz), errors, strict=True)
    ]


def picture(recipe: Recipe, model: "Model | None", rows: list[tuple[float, bytes]], hz: float = 0.0) -> dict[str, Any]:
    """The newest window beside normal: mean and standard deviation of each feature, all in dB of counts².

    Kurtosis, the last feature of each axis, has no unit: its eighths are given as they are.
    """
    said: dict[str, Any] = {"features": features(recipe, hz)}
    if rows:
        said |= {"at": rows[0][0], "now": decibels(np.array(ints(rows[0][1]), dtype=np.float64))}
    if model:
        normal, spread = model.normal()
        said |= {"normal": decibels(normal), "spread": np.round(spread * STEP_DB, 2).tolist()}
    return said


def decibels(values: NDArray[np.float64]) -> list[float]:
    """Power features in dB: int8 -128 stands for 2**-4 counts²."""
    decibel: list[float] = np.round((values + 128) * STEP_DB - 40 * np.log10(2), 2).tolist()
    return decibel


def ints(window: bytes) -> list[int]:
    """int8 bytes as numbers."""
    return [int(each) for each in np.frombuffer(window, dtype=np.int8)]


def compact(value: dict[str, Any]) -> bytes:
    """JSON without spaces."""
    return json.dumps(value, separators=(",", ":")).encode()
