"""A shaft's speed is told from its first three orders, within bounds that hold, or not at all."""

import numpy as np
import pytest
from numpy.typing import NDArray

from reedmesh.inference import explain, features, machine_health, shaft_speed
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.shaft_speed import Speed
from tools.simulate.recordings import simulate

RECIPE = load_family(find_family("vibration")).recipe
ORDERS = ((1, 800.0), (2, 400.0), (3, 250.0))


def told(windows: NDArray[np.int16], hz: float) -> Speed | None:
    """The estimate from the medians of these windows' bands."""
    pictures = [
        explain.picture(RECIPE, None, [(0.0, each.tobytes())], hz) for each in features.extract(windows, RECIPE)
    ]
    levels = np.median([each["now"] for each in pictures], axis=0).tolist()
    return shaft_speed.estimate(machine_health.bands(pictures[0]["features"], levels).values())


def heard(hz: float, shaft: float, orders: tuple[tuple[int, float], ...]) -> NDArray[np.int16]:
    """Windows of a shaft of so many Hz, with noise, on one of three axes."""
    noise, at = np.random.default_rng(1), np.arange(RECIPE.samples) / hz
    windows = noise.normal(0, 40, (20, RECIPE.samples, RECIPE.axes))
    for order, size in orders:
        windows[:, :, 0] += size * np.sin(2 * np.pi * order * shaft * at + noise.uniform(0, 6, (20, 1)))
    return np.round(windows).astype(np.int16)


def test_three_orders_bound_the_speed() -> None:
    found = [(shaft, told(heard(1000.0, shaft, ORDERS), 1000.0)) for shaft in np.linspace(20, 120, 41)]
    said = [(shaft, speed) for shaft, speed in found if speed]
    assert len(said) >= 10
    assert [shaft for shaft, speed in said if not speed.low <= shaft <= speed.high] == []
    assert max(speed.slack for _, speed in said) < 0.15


def test_the_simulated_machine_s_speed_is_within_the_bounds() -> None:
    record = simulate()
    speed = told(record.windows(0, "train", "normal")[:60], record.rate_hz)
    assert speed and speed.low <= 7.0 <= speed.high


@pytest.mark.parametrize("orders", [(), ORDERS[:1], ORDERS[:2]])
def test_less_than_three_orders_say_nothing(orders: tuple[tuple[int, float], ...]) -> None:
    assert [told(heard(1000.0, shaft, orders), 1000.0) for shaft in (24.0, 33.0, 43.7)] == [None] * 3
