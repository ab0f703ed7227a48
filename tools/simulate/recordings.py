"""Recordings of machines in the neutral format, from a file, from their public source, or simulated.

The format is an .npz: `x` int16 [n, samples, axes] raw counts; `gateway` int [n], which gateway took the window;
`split` "train" (always normal) or "test"; `label` "normal", "normal-..." or a fault's name; `rate_hz`, `lsb_per_g`;
`names` of the gateways.
"""

import hashlib
import io
import os
import re
import urllib.request
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.inference.family import Family
from reedmesh.protocol.recipe import Recipe, Trend
from reedmesh.recordings import files, fitting, proposal
from reedmesh.recordings.recording import Recording, is_neutral, load, to_bytes
from tools.checkout import ROOT

BUNDLED = ROOT / "recordings"
DEFAULT = "actuators"  # of the bundled ones: what `make demo` replays
SIMULATED = "simulated"  # in place of a file: a machine by computer
BESIDE = ROOT.parent / "shared" / "data" / "esp32_fan" / "windows.npz"
CACHE = ROOT / "build" / "recordings" / "esp32_fan.npz"

# Shawn Hymel's ceiling fan, recorded by an ESP32 with an MSA301 accelerometer at 200 Hz. We may measure with it; its
# licence does not let us bundle it.
COMMIT = "453006106a3c4708d8319a075997b1022aae4ec9"
SOURCE = f"https://codeload.github.com/ShawnHymel/tinyml-example-anomaly-detection/zip/{COMMIT}"
DIGEST = "7fc1da599a7433ff454c8d2ad8404e9ceb93c8cb8394f12d92e6e49902067268"  # of the readings, as int16
MAX_DOWNLOAD = 64 << 20
LEAST_SAMPLES = 3  # of a window
AXES = 3  # of the bundled recordings
SPEEDS = ("low", "med", "high")
COUNTS_PER_G = 4096
FAN = "a ceiling fan, recorded by an ESP32"
ORIGINS = {
    "actuators": "four hydraulic actuators (Virginia Tech NSI, MIT)",
    "fan": "a cooler fan at 17 speeds (UCI, CC BY 4.0)",
}

Part = tuple[NDArray[np.int16], int, str, str]  # windows of one gateway, split and label


def named(text: str, recipe: Recipe | None = None) -> Recording:
    """A recording by what a user calls it: a file, one of the bundled ones, "simulated", or "": what suits `recipe`.

    Raises ConfigError when the named file is missing or cannot be read.
    """
    if text in ORIGINS:
        return bundled(text)
    if text and text != SIMULATED:
        return brought(Path(text))
    if recipe and (text or isinstance(recipe, Trend) or recipe.axes != AXES):
        return simulated(recipe)
    return simulate() if text else bundled(DEFAULT)


def suggested(text: str) -> str:
    """The family that suits a file of the user's; others are of machines that vibrate."""
    path = Path(text)
    ours = not text or text in ORIGINS or text == SIMULATED or not path.exists() or is_neutral(path)
    return "vibration" if ours else proposal.propose(files.read(path)).family


def brought(path: Path) -> Recording:
    """A file of the user's: in the neutral format, or one that `reedmesh import` reads, with what that proposes."""
    if not path.exists():
        raise ConfigError(f"DATA={path}: there is no such file; or {', '.join(ORIGINS)}, {SIMULATED}")
    if is_neutral(path):
        return load(path)
    signals = files.read(path)
    proposed = proposal.propose(signals)
    print("\n".join((f"{path}:", *(f"  {line}" for line in proposed.why))))
    return proposal.cut(signals, proposed, str(path))


def bundled(name: str) -> Recording:
    """One of the recordings of real machines in recordings/; its README.md says whose they are."""
    return replace(load(BUNDLED / f"{name}.npz"), origin=ORIGINS[name])


def find(path: str | None = None, recipe: Recipe | None = None) -> Recording:
    """The recording for a bench: the `named` one, else a real fan's if it can be had, else a simulated one.

    recipe: by which it will be heard; a fan says nothing to one of trends. Raises ConfigError as `named` does.
    """
    if path:
        return named(path, recipe)
    if isinstance(recipe, Trend):
        return simulate_process(recipe)
    for place in (BESIDE, CACHE):
        if place.exists():
            return replace(load(place), origin=FAN)
    try:
        return download(SOURCE, CACHE)
    except OSError as error:
        print(f"no recording of a real machine could be fetched ({error}); simulating one")
        return simulate()


def require(recording: Recording) -> None:
    """Raise ConfigError, in a line, for what a recording lacks to be learnt from and judged."""
    lacking = []
    for gateway, name in enumerate(recording.names):
        lacking += [
            f"{name} has no {split} windows labelled normal"
            for split in ("train", "test")
            if not len(recording.windows(gateway, split, "normal"))
        ]
        if not recording.faults(gateway):
            lacking.append(f"{name} has no fault: no window with a label that does not begin with normal")
    if recording.x.shape[1] < LEAST_SAMPLES:
        lacking.append(f"windows have {recording.x.shape[1]} readings; at least {LEAST_SAMPLES} are needed")
    if lacking:
        raise ConfigError(f"{recording.origin}: " + "; ".join(lacking))


def matched(family: Family, recording: Recording) -> tuple[Family, Recording]:
    """The recording as `fitting.fitted` makes it, and the family with windows of its length.

    Raises ConfigError as that does.
    """
    require(recording)
    fits = fitting.fitted(recording, family.recipe.axes, f"family {family.name}")
    return replace(family, features={**family.features, "samples": fits.x.shape[1]}), fits


def download(source: str, cache: Path) -> Recording:
    """Fetch the fan's recording once and keep it; raises OSError when it cannot be had or is not what it was."""
    print(f"fetching a recording of a real machine, 12 MB, once: {source}")
    with urllib.request.urlopen(source, timeout=30) as answer:  # noqa: S310 - an address of ours
        archive = answer.read(MAX_DOWNLOAD)
    recording = _fan(archive)
    if digest(recording) != DIGEST:
        raise OSError(f"{source} holds other readings than it did: SHA-256 {digest(recording)}")
    cache.parent.mkdir(parents=True, exist_ok=True)
    partial = cache.with_suffix(f".{os.getpid()}.npz")
    partial.write_bytes(to_bytes(recording))
    partial.replace(cache)
    return recording


def digest(recording: Recording) -> str:
    """SHA-256 of the readings, in hex: the same however the archive was packed."""
    return hashlib.sha256(np.ascontiguousarray(recording.x).tobytes()).hexdigest()


def _fan(archive: bytes) -> Recording:
    """The windows in the source's archive: a folder per condition, a file per second, readings in g."""
    parts: list[Part] = []
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as files:
            for gateway, speed in enumerate(SPEEDS):
                normal = _folder(files, f"fan_0_{speed}_0_weight")
                half = len(normal) // 2
                parts += [(normal[:half], gateway, "train", "normal"), (normal[half:], gateway, "test", "normal")]
                parts.append((_folder(files, f"fan_0_{speed}_1_weight"), gateway, "test", "imbalance"))
    except (zipfile.BadZipFile, ValueError) as error:
        raise OSError(f"the archive cannot be read: {error}") from error
    return put_together(parts, 200.0, COUNTS_PER_G, SPEEDS, FAN)


def _folder(files: zipfile.ZipFile, folder: str) -> NDArray[np.int16]:
    wanted = re.compile(rf"/datasets/ceiling-fan/{folder}/\d+\.csv$")
    names = sorted(name for name in files.namelist() if wanted.search(name))
    seconds = [np.loadtxt(io.BytesIO(files.read(name)), delimiter=",", ndmin=2) for name in names]
    return np.rint(np.array(seconds) * COUNTS_PER_G).astype(np.int16)


def simulate(seed: int = 1, gateways: int = 3, samples: int = 200, rate_hz: float = 200.0) -> Recording:
    """A rotating machine a gateway: shaft harmonics, a floor of noise and slow drift; the fault is imbalance.

    Each axis hears the shaft at its own strength; imbalance raises the first harmonic threefold and the second half as
    much again. Not a recording: results on it say that the program works, nothing about real machines.
    """
    rng = np.random.default_rng(seed)
    parts: list[Part] = []
    for gateway in range(gateways):
        shaft = 7.0 + 5.0 * gateway  # Hz
        gains = rng.uniform(0.4, 1.0, (3, 3))  # harmonic, axis
        machine = _Machine(shaft, gains, samples, rate_hz)
        parts.append((machine.run(rng, 300, 1.0), gateway, "train", "normal"))
        parts.append((machine.run(rng, 300, 1.0), gateway, "test", "normal"))
        parts.append((machine.run(rng, 300, 3.0), gateway, "test", "imbalance"))
    names = tuple(f"machine{i + 1}" for i in range(gateways))
    return put_together(parts, rate_hz, COUNTS_PER_G, names, "simulated signal, not a recording", simulated=True)


def simulated(recipe: Recipe, gateways: int = 3) -> Recording:
    """Simulated machines that `recipe` can hear."""
    if isinstance(recipe, Trend):
        return simulate_process(recipe, gateways=gateways)
    made = simulate(gateways=gateways, samples=recipe.samples)
    return replace(made, x=made.x[:, :, : recipe.axes])


def simulate_process(recipe: Trend, seed: int = 1, gateways: int = 3) -> Recording:
    """A process a gateway, at 1 Hz: two hidden loads wander, and each variable follows both and has its own noise.

    The fault is a restriction: the first variable, a flow, is low and follows neither load any more; the second, the
    pressure before it, is high. Windows do not overlap, so that a few hundred are hours of the process.
    Not a recording, see `simulate`.
    """
    rng = np.random.default_rng(seed)
    parts: list[Part] = []
    for gateway in range(gateways):
        follows = rng.uniform(1000, 2500, (2, recipe.axes)) * rng.choice([-1, 1], (2, recipe.axes))
        rest = rng.uniform(10000, 18000, recipe.axes) * rng.choice([-1, 1], recipe.axes)
        restricted, shifted = follows.copy(), rest.copy()
        restricted[:, 0], shifted[:2] = 0, rest[:2] + np.array([-8000, 8000])[: recipe.axes]
        parts.append((_process(rng, recipe, follows, rest), gateway, "train", "normal"))
        parts.append((_process(rng, recipe, follows, rest), gateway, "test", "normal"))
        parts.append((_process(rng, recipe, restricted, shifted), gateway, "test", "restriction"))
    names = tuple(f"process{i + 1}" for i in range(gateways))
    return put_together(parts, 1.0, 0.0, names, "simulated process, not a recording", simulated=True)


def _process(
    rng: np.random.Generator, recipe: Trend, follows: NDArray[np.float64], rest: NDArray[np.float64]
) -> NDArray[np.int16]:
    """300 windows of readings: `follows` [2, axes] times the loads, about the levels at `rest`, and noise."""
    seconds = 300 * recipe.samples
    steps = rng.normal(0, 0.3, (seconds, 2))
    loads = np.zeros((seconds, 2))
    for t in range(1, seconds):
        loads[t] = 0.95 * loads[t - 1] + steps[t]
    readings = rest + loads @ follows + rng.normal(0, 1200, (seconds, recipe.axes))
    counts = np.clip(np.rint(readings), -32768, 32767).astype(np.int16)
    return counts.reshape(300, recipe.samples, recipe.axes)


@dataclass(frozen=True)
class _Machine:
    shaft: float
    gains: NDArray[np.float64]
    samples: int
    rate_hz: float

    def run(self, rng: np.random.Generator, seconds: int, imbalance: float) -> NDArray[np.int16]:
        t = np.arange(self.samples) / self.rate_hz
        harmonic = np.arange(1, 4)
        grown = np.array([imbalance, 1 + (imbalance - 1) / 4, 1.0])
        strength = 120 * grown[:, None] * self.gains * rng.lognormal(0, 0.08, (seconds, 1, 1))
        phase = rng.uniform(0, 2 * np.pi, (seconds, 3, 1, 1)) + np.arange(3) * 1.1
        speed = self.shaft * rng.normal(1, 0.01, (seconds, 1, 1, 1))
        waves = np.sin(2 * np.pi * speed * harmonic[:, None, None] * t[:, None] + phase)
        signal = np.einsum("nhta,nha->nta", waves, strength) + rng.normal(0, 20, (seconds, self.samples, 3))
        return np.rint(signal + np.array([0, 800, 3900])).astype(np.int16)


def put_together(
    parts: list[Part],
    rate_hz: float,
    lsb_per_g: float,
    names: tuple[str, ...],
    origin: str,
    simulated: bool = False,
) -> Recording:
    """A recording of parts that hold one gateway's windows in one condition each."""
    counts = [len(part[0]) for part in parts]
    gateway, split, label = (np.repeat(np.array([part[i] for part in parts]), counts) for i in (1, 2, 3))
    x = np.concatenate([part[0] for part in parts])
    return Recording(x, gateway, split, label, rate_hz, lsb_per_g, names, origin, simulated)
