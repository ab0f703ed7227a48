"""Features as people read them: named, in their units, and which of them an alert stood out in. Pure."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from reedmesh.inference.learnt import decibels
from reedmesh.protocol.recipe import Cycle, Recipe, Spectrum

if TYPE_CHECKING:
    from reedmesh.inference.model import Model

Row = dict[str, Any]
STATISTICS = ("RMS", "peak", "kurtosis")
STEP_DB = 10 * np.log10(2) / 8  # one step of a power feature, an eighth of an octave of power, is 0.376 dB
POWER = STEP_DB, 128 * STEP_DB - 40 * np.log10(2)  # a power's step and zero, in dB: int8 -128 stands for 2**-4 counts²
LEVEL = 100 / 256, 50.0  # the same of a level, in percent of an axis's range
OTHERS = {"level": LEVEL, "slope": (100 / 512, 0.0), "highest": LEVEL, "lowest": LEVEL}
OTHERS |= {"curve": LEVEL, "step": (100 / 1024, 12.5)}  # of those that have a number, by what stands before it


def features(recipe: Recipe, hz: float = 0.0, names: Sequence[str] = ()) -> list[Row]:
    """Each feature's name and axis, and for a band its edges in Hz, if `hz`, the sampling rate, is known.

    names: of the axes, if they have any.
    """
    rows = [each | {"axis": axis} for axis in range(recipe.axes) for each in KINDS[recipe.kind](recipe, hz)]
    return [row | {"name": names[row["axis"]]} if row["axis"] < len(names) else row for row in rows]


def contributions(
    recipe: Recipe, model: "Model | None", window: bytes, hz: float = 0.0, names: Sequence[str] = ()
) -> list[Row]:
    """Each feature with its share of the window's score, 0..1; [] without a model, or of a window of other features."""
    if model is None or not model.length == len(window) == recipe.length:
        return []
    errors = model.errors(np.frombuffer(window, dtype=np.int8)[None])[0]
    total = max(1, int(errors.sum()))
    return [
        named | {"share": round(int(error) / total, 4)}
        for named, error in zip(features(recipe, hz, names), errors, strict=True)
    ]


def picture(
    recipe: Recipe, model: "Model | None", rows: list[tuple[float, bytes]], hz: float = 0.0, names: Sequence[str] = ()
) -> Row:
    """The newest window beside normal: mean and standard deviation of each feature, all in its unit.

    lifts: what each band must rise by to raise an alert. Kurtosis, the last feature of each axis of a spectrum, has no
    unit: its steps are given as if it were a power.
    A window, or a model, of other features than the recipe's counts as missing: the sensor made others then.
    """
    said: Row = {"features": features(recipe, hz, names)}
    step, zero = np.array([_scale(each["feature"]) for each in said["features"]]).T
    if rows and len(rows[0][1]) == recipe.length:
        said |= {"at": rows[0][0], "now": _rounded(np.array(ints(rows[0][1])) * step + zero)}
    if model and model.length == recipe.length:
        normal, spread = model.normal()
        said |= {"normal": _rounded(normal * step + zero), "spread": _rounded(spread * step)}
        said |= {"lifts": _lifts(said["features"], model)}
    return said


def _lifts(rows: Sequence[Row], model: "Model") -> list[float | None]:
    """What each band must rise by, on all axes, to raise an alert, in dB; None of what is no band, or not known."""
    steps = model.learnt.lifts if model.learnt else ()
    found = {f"band {band}": decibels(each) for band, each in enumerate(steps, 1)}
    return [found.get(row["feature"]) for row in rows]


def ints(window: bytes) -> list[int]:
    """int8 bytes as numbers."""
    return [int(each) for each in np.frombuffer(window, dtype=np.int8)]


def compact(value: dict[str, Any]) -> bytes:
    """JSON without spaces, in UTF-8 bytes."""
    return json.dumps(value, separators=(",", ":")).encode()


def _bands(recipe: Recipe, hz: float) -> list[Row]:
    """The features of one axis of a spectrum."""
    assert isinstance(recipe, Spectrum)
    edges = [round(edge * hz / recipe.fft, 2) for edge in recipe.edges()]
    bands: list[Row] = [{"feature": f"band {i + 1}", "unit": "dB"} for i in range(recipe.bands)]
    for band, low, high in zip(bands, edges, edges[1:], strict=False):
        band.update({"hz": [low, high]} if hz else {})
    return bands + [{"feature": name, "unit": "" if name == "kurtosis" else "dB"} for name in STATISTICS]


def _trends(_: Recipe, __: float) -> list[Row]:
    """Those of an axis of a trend."""
    return [{"feature": name, "unit": unit} for name, unit in (("level", "%"), ("slope", "%"), ("spread", "dB"))]


def _cycles(recipe: Recipe, _: float) -> list[Row]:
    """Those of an axis of a cycle."""
    assert isinstance(recipe, Cycle)
    parts = [f"{name} {i + 1}" for name in ("curve", "step") for i in range(recipe.points)]
    rows: list[Row] = [{"feature": name, "unit": "%"} for name in (*parts, "highest", "lowest")]
    return rows + [{"feature": name, "unit": "dB"} for name in ("spread", "largest step")]


def _scale(feature: str) -> tuple[float, float]:
    """A feature's step and zero in its unit, by its name."""
    return OTHERS.get(feature.split(" ")[0], POWER)


def _rounded(values: NDArray[np.float64]) -> list[float]:
    return [float(each) for each in np.round(values, 2)]


# The features of one axis, by the kind of recipe.
KINDS: dict[str, Callable[[Recipe, float], list[Row]]] = {"spectrum": _bands, "trend": _trends, "cycle": _cycles}
