"""Keeps the velocity of every hour, so that a trend over days outlives the windows it is made of."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from statistics import median

from reedmesh.config.settings import Machine
from reedmesh.errors import DiskError
from reedmesh.inference import explain, machine_health
from reedmesh.protocol.recipe import Recipe
from reedmesh.readings.line import Line
from reedmesh.store.writer import Disk

LOOK_SECONDS = 300.0  # between two looks for an hour that is over


async def keep_trends(
    disk: Disk, line: Line, recipe: Recipe, machines: Mapping[str, Machine], clock: Callable[[], float]
) -> None:
    """Enter each hour when it is over, until cancelled. recipe: of sensors that said none."""

    def level(name: str, windows: list[bytes]) -> float | None:
        sensor = line.sensors.get(name)
        if sensor is None or sensor.station:
            return None
        scale = machine_health.lsb_per_g(machines.get(name, Machine()), sensor.hello)
        its = sensor.family.recipe if sensor.family else recipe
        return velocity_of(its, [each for each in windows if len(each) == its.length], sensor.hz, scale)

    while True:
        with contextlib.suppress(DiskError):
            await disk.once(disk.store.trends.summarise, list(line.sensors), clock(), level)
        await asyncio.sleep(LOOK_SECONDS)


def velocity_of(recipe: Recipe, windows: list[bytes], hz: float, scale: float) -> float | None:
    """Median over windows of the velocity, mm/s, of the axis that vibrates most; None where it cannot be told."""
    found = []
    for window in [each for each in windows if len(each) == recipe.length] if hz and scale else ():
        shown = explain.picture(recipe, None, [(0.0, window)], hz)
        axes = machine_health.velocities(shown["features"], shown["now"], scale).values()
        found += [max(each.mm_s for each in axes)] if axes else []
    return median(found) if found else None
