"""Velocity against tones, zones and bearing frequencies against what is published, trends against noise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.config.settings import Bearing, Machine
from reedmesh.inference import bearings, explain, features, machine_health, trend_line, vibration
from reedmesh.inference.vibration import Band, G
from reedmesh.protocol.recipe import Spectrum
from reedmesh.service.trends import velocity_of

RECIPE, HZ, LSB = Spectrum(200, 3, 20), 200.0, 4096.0
SKF_6205 = Bearing(9, 7.94, 39.04, name="6205")  # Case Western Reserve University's bearing data centre
TIMES = np.arange(200) / HZ


def window(tones: list[tuple[float, float, float]]) -> bytes:
    """Features of a window whose first axis has tones: frequency in Hz, velocity RMS in mm/s, phase."""
    acceleration = np.zeros(200)
    for hz, mm_s, phase in tones:
        acceleration += math.sqrt(2) * mm_s / 1000 * 2 * math.pi * hz * np.sin(2 * math.pi * hz * TIMES + phase)
    counts = np.zeros((1, 200, 3), np.int16)
    counts[0, :, 0] = np.rint(acceleration / G * LSB).astype(np.int16)
    return features.extract(counts, RECIPE)[0].tobytes()


@given(st.lists(st.tuples(st.floats(20, 90), st.floats(0.5, 8.0), st.floats(0, 6.28)), min_size=1, max_size=3))
def test_velocity_is_that_of_the_tones_within_its_bounds(tones: list[tuple[float, float, float]]) -> None:
    if any(abs(a[0] - b[0]) < 8 for i, a in enumerate(tones) for b in tones[:i]):
        return  # tones that close beat, and a window of a second sees a part of the beat
    shown = explain.picture(RECIPE, None, [(0.0, window(tones))], HZ)
    it = machine_health.velocities(shown["features"], shown["now"], LSB)[0]
    true = math.sqrt(sum(mm_s**2 for _, mm_s, _ in tones))
    assert 0.85 * it.least <= true <= 1.18 * it.most  # Hann's skirts, and steps of 0.376 dB
    assert it.mm_s == pytest.approx(true, rel=0.3) and it.first == vibration.LOW and it.last == 100.0


def test_without_a_scale_or_in_bands_outside_nothing_is_told() -> None:
    assert vibration.velocity([Band(10, 20, 40)], 0.0) is None and vibration.velocity([Band(1, 5, 40)], LSB) is None
    assert velocity_of(RECIPE, [window([(30.0, 3.0, 0.0)])], HZ, 0.0) is None
    assert velocity_of(RECIPE, [window([(30.0, 3.0, 0.0)])] * 3, HZ, LSB) == pytest.approx(3.0, rel=0.2)


@pytest.mark.parametrize(
    ("machine_class", "mm_s", "zone"),
    [("I", 0.7, "A"), ("I", 0.72, "B"), ("II", 2.9, "C"), ("III", 11.3, "D"), ("IV", 7.0, "B"), ("", 5.0, "")],
)
def test_zones_are_those_of_the_standard(machine_class: str, mm_s: float, zone: str) -> None:
    assert vibration.zone(mm_s, machine_class) == zone


def test_bearing_frequencies_are_those_published() -> None:
    found = {each.name: each.hz for each in bearings.marks(60.0, [SKF_6205])}  # multiples of the shaft's speed
    published = {"BPFI 6205": 5.4152, "BPFO 6205": 3.5848, "FTF 6205": 0.39828, "BSF 6205": 4.7135 / 2}
    assert {name: found[name] for name in published} == pytest.approx(published, rel=2e-3)
    assert [found[f"{order}x"] for order in (1, 2, 3)] == [1.0, 2.0, 3.0] and bearings.marks(0.0, [SKF_6205]) == []


def test_an_alert_names_the_nearest_mark_and_none_that_is_far() -> None:
    marks = bearings.marks(1772.0, [SKF_6205])  # BPFO 105.9 Hz
    near = bearings.nearest(95.0, 120.0, marks)
    assert near and near.name == "BPFO 6205"
    assert bearings.nearest(1000.0, 1010.0, marks) is None and bearings.nearest(95.0, 120.0, []) is None
    shares = [{"hz": [20.0, 25.0], "share": 0.1}, {"hz": [95.0, 120.0], "share": 0.8}, {"share": 0.1}]
    found = machine_health.near(shares, Machine(rpm=1772.0, bearings=(SKF_6205,)))
    assert found and found["name"] == "BPFO 6205" and machine_health.near(shares, Machine()) is None


def test_a_trend_is_told_with_bounds_that_hold() -> None:
    noise = np.random.default_rng(2)
    held = 0
    for _ in range(200):
        slope, start = noise.uniform(0.02, 0.08), noise.uniform(1.0, 1.5)
        points = [(float(day), start + slope * day + noise.normal(0, 0.05)) for day in range(20)]
        line = trend_line.fit(points, 4.5)
        if line and line.soonest is not None:
            true = (4.5 - start - slope * 19) / slope
            held += line.soonest - 2 <= true and (line.latest is None or true <= line.latest + 2)
    assert held >= 180


@pytest.mark.parametrize("days", [3, 4])
def test_too_few_days_make_no_trend(days: int) -> None:
    assert trend_line.fit([(float(day), float(day)) for day in range(days)]) is None


def test_noise_makes_no_trend() -> None:
    noise, found = np.random.default_rng(1), 0
    for _ in range(200):
        found += trend_line.fit([(float(day), noise.normal(2.0, 0.2)) for day in range(20)], 4.5) is not None
    assert found <= 2


def test_a_machine_that_gets_better_reaches_no_limit() -> None:
    line = trend_line.fit([(float(day), 3.0 - 0.1 * day + 0.01 * (day % 2)) for day in range(10)], 4.5)
    assert line and line.slope < 0 and line.days is None


def test_severity_is_that_of_the_axis_that_vibrates_most() -> None:
    shown = explain.picture(RECIPE, None, [(0.0, window([(30.0, 3.0, 0.0)]))], HZ)
    machine = Machine(iso_class="II", rpm=1800.0)
    found = machine_health.severity(shown["features"], shown["now"], machine, LSB)
    assert (found["zone"], found["class"], found["limits"]) == ("C", "II", [1.12, 2.8, 7.1])
    assert found["mm_s"] == max(each["mm_s"] for each in found["axes"]) and found["axes"][0]["axis"] == 0
    assert machine_health.lsb_per_g(Machine(), {"sensor": {"lsb_per_g": 4096}}) == 4096
    assert machine_health.lsb_per_g(Machine(lsb_per_g=256.0), {"sensor": {"lsb_per_g": 4096}}) == 256
    assert machine_health.lsb_per_g(Machine(), {"sensor": {"lsb_per_g": True}}) == 0
    assert machine_health.lsb_per_g(Machine(), {"sensor": {"lsb_per_g": 1161, "driver": "inmp441"}}) == 0
