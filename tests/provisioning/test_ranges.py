"""A machine that shakes with several g stays within the range that provisioning chooses, and clips in a smaller one."""

import numpy as np
import pytest

from reedmesh.inference.family import find_family, load_family
from reedmesh.provisioning import drivers, sensor_settings
from tests.support import int32
from tools.board import provision

FAMILY = load_family(find_family("vibration"))


def clipped(g: float, range_g: int, steps: int) -> int:
    """Readings at an end of the range, by the sensor's own count, of a window of a sine of so many g on each axis,
    gravity on the last. steps: of the chip, for 1 g."""
    time, limit = np.arange(FAMILY.recipe.samples)[:, None] / 200, range_g * steps - 1
    window = steps * (g * np.sin(2 * np.pi * 25 * time + np.arange(3)) + (0, 0, 1))
    readings = window.clip(-limit - 1, limit).astype(np.int16)
    with int32.loaded("reading") as reading:
        return int(reading.clipped(readings.tobytes(), readings.size, limit))


@pytest.mark.parametrize("driver", ["mpu6050", "adxl345", "lis3dh", "icm42688"])
def test_the_range_by_default_holds_a_faulty_machine(driver: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WIFI_PASSWORD", "secret words")
    asked = [
        "--name",
        "press",
        "--gateway",
        "gw",
        "--host",
        "10.0.0.1",
        "--plain",
        "--ssid",
        "hall",
        "--driver",
        driver,
    ]
    sensor = sensor_settings.settings(provision.arguments(asked))["sensor"]
    assert sensor["range_g"] == FAMILY.range_g == 8
    assert clipped(6, 8, sensor["lsb_per_g"]) == 0
    assert clipped(3, 2, drivers.load(driver).ranges[2]) > 100
