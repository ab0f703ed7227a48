"""The sensor's features are the gateway's, byte by byte, and its kernels keep to 32 bits and allocate nothing."""

import json
import os
import subprocess
import sys
from array import array
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reedmesh.inference.features import extract, slide
from reedmesh.protocol.recipe import (
    MAX_AXES,
    MAX_BANDS,
    MAX_CYCLE_AXES,
    MAX_SAMPLES,
    MAX_TREND_AXES,
    POWER_OFFSET,
    Cycle,
    Recipe,
    Spectrum,
    Trend,
)
from tests.support import int32
from tests.support.micropython import run
from tests.support.paths import BOTH, ROOT
from tests.support.timeouts import PATIENCE

SCRIPT = BOTH / "features_vectors.py"
SPECTRA = [(200, 3, 20), (1024, 3, 20), (1024, 1, 32), (16, 1, 1), (16, 3, 7), (17, 2, 5), (33, 1, 31), (513, 2, 32)]
TRENDS = [(20, 8, 1), (4, 1, 4), (5, 16, 2), (1024, 3, 1000), (61, 2, 7)]
CYCLES = [(152, 1, 76), (15, 6, 5), (3, 1, 2), (1024, 1, 128), (1024, 2, 126), (29, 16, 14)]
RECIPES = [kind(*each) for kind, all_of in ((Spectrum, SPECTRA), (Trend, TRENDS), (Cycle, CYCLES)) for each in all_of]


def on_sensor(recipe: Recipe, *file: Path) -> str:
    return run(SCRIPT, json.dumps(recipe.table()), *file)


def under_cpython(recipe: Recipe) -> str:
    command = [sys.executable, str(SCRIPT), json.dumps(recipe.table())]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "gateway")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=PATIENCE).stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: "-".join(str(each) for each in recipe.table().values()))
def test_sensor_and_gateway_make_the_same_bytes(recipe: Recipe) -> None:
    lines = on_sensor(recipe)
    assert lines == under_cpython(recipe)
    assert len(set(lines.splitlines())) > 12, "windows as different as these have different features"


def test_any_recipe_gives_the_same_bytes() -> None:
    rng = np.random.default_rng(3)
    for _ in range(12):
        samples = int(rng.integers(16, MAX_SAMPLES + 1))
        bands = int(rng.integers(1, min(MAX_BANDS, samples // 2 - 1) + 1))
        spectrum = Spectrum(samples, int(rng.integers(1, MAX_AXES + 1)), bands)
        samples = int(rng.integers(4, 100))
        trend = Trend(samples, int(rng.integers(1, MAX_TREND_AXES + 1)), int(rng.integers(1, samples + 1)))
        samples, axes = int(rng.integers(4, 200)), int(rng.integers(1, MAX_CYCLE_AXES + 1))
        cycle = Cycle(samples, axes, int(rng.integers(2, min(samples - 1, (512 // axes - 4) // 2) + 1)))
        for recipe in (spectrum, trend, cycle):
            assert on_sensor(recipe) == under_cpython(recipe)


def machine(rng: np.random.Generator, n: int) -> NDArray[np.int16]:
    """Windows [n, 200, 3] of a rotating machine at 200 Hz, 4096 counts per g: gravity, harmonics, a bearing, noise."""
    t = np.arange(200) / 200 + rng.uniform(0, 100, (n, 1))
    turns = rng.uniform(4, 30, (n, 1)) * t
    harmonics = sum(rng.uniform(0, 200, (n, 1)) / k * np.sin(2 * np.pi * k * turns) for k in (1, 2, 3, 5))
    bearing = 80 * np.sin(2 * np.pi * 71 * t) * (turns % 1 < 0.1)
    mount = ((1, 1, 90), (0.4, 2, -30), (0.2, 0.5, 4096))  # of each axis: share of both, and gravity
    axes = [harmonics * a + bearing * b + rng.normal(0, 12, (n, 200)) + g for a, b, g in mount]
    return np.rint(np.stack(axes, axis=2)).astype(np.int16)


def recorded() -> NDArray[np.int16]:
    """The first windows of the recording that DATA names, else those of a simulated machine."""
    path = os.environ.get("DATA")
    if path and Path(path).is_file():
        arrays = [a for a in np.load(path).values() if a.dtype == np.int16 and a.shape[1:] == (200, 3)]
        return np.concatenate([a[:100] for a in arrays])
    return machine(np.random.default_rng(7), 200)


def test_windows_of_a_machine_give_the_same_bytes(tmp_path: Path) -> None:
    windows = recorded()
    (tmp_path / "windows").write_bytes(windows.tobytes())
    lines = on_sensor(Spectrum(200, 3, 20), tmp_path / "windows").splitlines()
    assert bytes.fromhex("".join(lines)) == extract(windows, Spectrum(200, 3, 20)).tobytes()


def float_bands(windows: NDArray[np.int16], recipe: Spectrum) -> NDArray[np.float64]:
    """The bands in double precision: one-sided power spectrum under Hann, in counts², as eighths of an octave."""
    rows = windows.transpose(0, 2, 1).reshape(-1, recipe.samples).astype(float)
    taper = np.hanning(recipe.samples + 1)[:-1]
    bins = np.abs(np.fft.rfft((rows - rows.mean(axis=1, keepdims=True)) * taper, recipe.fft)) ** 2
    powers = np.add.reduceat(bins[:, : recipe.fft // 2], recipe.edges()[:-1], axis=1)
    levels = 8 * np.log2(powers * 2 / 0.375 / recipe.samples / recipe.fft) - POWER_OFFSET
    return np.clip(levels, -128, 127).reshape(len(windows), recipe.axes, recipe.bands)


def test_bands_are_those_of_double_precision_within_two_steps() -> None:
    recipe = Spectrum(200, 3, 20)
    windows = machine(np.random.default_rng(7), 200)
    vectors = extract(windows, recipe).reshape(len(windows), 3, -1)
    assert np.abs(vectors[:, :, : recipe.bands] - float_bands(windows, recipe)).max() < 2


def extremes(n: int) -> list[NDArray[np.int16]]:
    """What drives the sums and the transform furthest: full-scale waves of many periods, impulses, constants, noise."""
    t = np.arange(n)
    rng = np.random.default_rng(n)
    waves = [np.where(t // period % 2, 32767, -32768) for period in (1, 2, 3, 4, 8, 31, n // 2)]
    impulses = [np.where(t == at, high, low) for at in (0, n // 2) for high, low in ((32767, -32768), (-32768, 32767))]
    sines = [np.where(np.sin(2 * np.pi * k * t / n) >= 0, 32767, -32768) for k in (1, 5, n // 3)]
    rest = [np.full(n, 32767), np.full(n, -32768), np.zeros(n), rng.integers(-32768, 32768, n), (t == 3) * 1]
    return [row.astype(np.int16) for row in waves + impulses + sines + rest]


@pytest.mark.parametrize("n", [16, 200, 1024])
@pytest.mark.parametrize("kind", [Spectrum, Trend, Cycle])
def test_kernels_stay_in_32_bits_and_in_their_buffers(n: int, kind: type[Spectrum | Trend | Cycle]) -> None:
    recipe = kind(n, 1, n if kind is Trend else 7)
    with int32.loaded("features") as features:
        extractor, into = features.Extractor(recipe), bytearray(recipe.length)
        for row in extremes(n):
            extractor.extract(array("h", row.tobytes()), into)
            assert bytes(into) == extract(row[None, :, None], recipe).tobytes()


def test_a_window_of_another_size_is_refused() -> None:
    with int32.loaded("features") as features:
        extractor = features.Extractor(Spectrum(16, 2, 4))
        for samples, room in ((31, 14), (33, 14), (32, 13)):
            with pytest.raises(ValueError, match="has not the recipe's size"):
                extractor.extract(array("h", bytes(2 * samples)), bytearray(room))


def test_trends_are_what_they_say() -> None:
    """Level in 256ths of the range, slope in 512ths of it from half to half, spread in eighths of an octave."""
    t, rng = np.arange(20), np.random.default_rng(1)
    flat, rising = np.full(20, 12 * 256 + 100), 256 * t
    noisy = rng.normal(0, 1000, (200, 20))
    columns = np.array([flat, flat - 65536 // 4, rising]).T
    level, slope, spread = extract(columns[None].astype(np.int16), Trend(20, 3, 1)).reshape(3, 3).T
    assert level.tolist() == [12, -52, 10] and slope.tolist() == [0, 0, 20]
    assert spread[0] == spread[1] < spread[2]
    found = extract(np.rint(noisy)[:, :, None].astype(np.int16), Trend(20, 1, 1))[:, 2]
    assert np.mean(found) == pytest.approx(8 * np.log2(1000**2) - POWER_OFFSET, abs=1)


def test_cycles_are_what_they_say() -> None:
    """A curve in 256ths of the range, steps in 1024ths less 128, ends, spread, and the largest step as a power."""
    plain = np.zeros(12, np.int64)
    plain[3:6], plain[6:9] = 12 * 256, -5 * 256
    curve, steps, rest = np.split(extract(plain.astype(np.int16)[None, :, None], Cycle(12, 1, 4))[0], [4, 8])
    assert curve.tolist() == [0, 12, -5, 0]
    rises = [12 * 256 // 64, 17 * 256 // 64, 0, 5 * 256 // 64]  # eleven steps: two, three, three, three
    assert (steps.astype(int) + 128).tolist() == [0, rises[0], rises[1], rises[3]]
    assert rest[:2].tolist() == [12, -5]
    assert rest[3] == pytest.approx(8 * np.log2((17 * 256) ** 2) - POWER_OFFSET, abs=1)
    assert rest[2] == pytest.approx(8 * np.log2(plain.var()) - POWER_OFFSET, abs=1)


def test_a_single_step_shows_in_its_part_alone() -> None:
    for at in range(1, 20):
        row = np.where(np.arange(20) >= at, 6400, 0).astype(np.int16)
        steps = extract(row[None, :, None], Cycle(20, 1, 5))[0, 5:10].astype(int) + 128
        assert sorted(steps) == [0, 0, 0, 0, 100] and steps.argmax() == sum(at > edge for edge in (3, 7, 11, 15))


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [((2, 1, 2), "samples"), ((152, 17, 2), "axes"), ((15, 1, 15), "points"), ((152, 6, 41), "points")],
)
def test_a_cycle_that_cannot_be_is_refused(fields: tuple[int, int, int], wrong: str) -> None:
    with pytest.raises(ValueError, match=f"features.{wrong} must be"):
        Cycle(*fields)


def test_windows_slide_by_the_hop() -> None:
    readings = np.arange(40, dtype=np.int16).reshape(20, 2)
    windows = slide(readings, Trend(5, 2, 3))
    assert windows.shape == (6, 5, 2) and windows.flags.c_contiguous
    assert all((window == readings[3 * i : 3 * i + 5]).all() for i, window in enumerate(windows))


def test_the_check_for_32_bits_sees_what_leaves_them() -> None:
    assert int32.Word(46340) * 46340 == 46340**2
    for overflow in (lambda: int32.Word(46341) * 46341, lambda: 3 << int32.Word(30), lambda: int32.Word(1) << 32):
        with pytest.raises(OverflowError):
            overflow()
    with pytest.raises(IndexError):
        int32.POINTERS["ptr16"](bytearray(4))[2]
