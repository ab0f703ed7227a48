"""A machine as maintenance looks at it: velocity and zone of each axis, and which mark an alert is near. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reedmesh.config.settings import Machine
from reedmesh.inference import bearings, vibration
from reedmesh.inference.vibration import Band, Velocity

Row = Mapping[str, Any]
OTHERS = ("adc", "inmp441")  # drivers whose "lsb_per_g" is of pascals, or of whatever an input measures


def lsb_per_g(machine: Machine, hello: Mapping[str, Any]) -> float:
    """Counts for 1 g: as set, else as the sensor says of its accelerometer; 0 where nobody knows."""
    sensor = hello.get("sensor")
    if isinstance(sensor, Mapping) and sensor.get("driver") in OTHERS:
        sensor = None
    said = sensor.get("lsb_per_g") if isinstance(sensor, Mapping) else None
    known = machine.lsb_per_g or (said if isinstance(said, int | float) and not isinstance(said, bool) else 0.0)
    return float(known) if 0 < known < 1e9 else 0.0


def bands(features: Sequence[Row], levels: Sequence[float]) -> dict[int, list[Band]]:
    """The bands of each axis, of features and levels as `explain.picture` gives them."""
    found: dict[int, list[Band]] = {}
    for each, level in zip(features, levels, strict=True):
        if each.get("unit") == "dB" and "hz" in each:
            low, high = each["hz"]
            found.setdefault(int(each["axis"]), []).append(Band(low, high, level))
    return found


def velocities(features: Sequence[Row], levels: Sequence[float], scale: float) -> dict[int, Velocity]:
    """Velocity of each axis for which it can be told. scale: counts for 1 g."""
    made = {axis: vibration.velocity(found, scale) for axis, found in bands(features, levels).items()}
    return {axis: each for axis, each in made.items() if each}


def severity(features: Sequence[Row], levels: Sequence[float], machine: Machine, scale: float) -> dict[str, Any]:
    """Velocity of each axis, the highest one, its zone and the limits of the machine's class."""
    found = velocities(features, levels, scale)
    highest = max(found.values(), key=lambda each: each.mm_s, default=None)
    axes = [
        {"axis": axis, **{key: round(value, 3) for key, value in vars(each).items()}} for axis, each in found.items()
    ]
    return {
        "axes": axes,
        "mm_s": round(highest.mm_s, 3) if highest else None,
        "zone": vibration.zone(highest.mm_s, machine.iso_class) if highest else "",
        "class": machine.iso_class,
        "limits": list(vibration.CLASSES.get(machine.iso_class, ())),
    }


def near(shares: Sequence[Row], machine: Machine) -> dict[str, Any] | None:
    """The mark nearest to the band that most of an alert's score comes from. shares: as `explain.contributions`."""
    banded = [each for each in shares if "hz" in each]
    if not banded:
        return None
    low, high = max(banded, key=lambda each: float(each["share"]))["hz"]
    mark = bearings.nearest(low, high, bearings.marks(machine.rpm or 0.0, machine.bearings))
    return {"name": mark.name, "hz": round(mark.hz, 2), "band": [low, high]} if mark else None
