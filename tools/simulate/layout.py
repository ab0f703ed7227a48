"""The plan of a small factory on this machine: its gateways, and the recorded machines at each of them.

Two gateways are at work from the beginning. A third comes later with few windows of its machine, beside a gateway
without neighbours that hears the very same machine: what neighbours are worth is the difference between the two.
"""

import asyncio
import os
import re
import secrets
import shutil
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.recordings.fitting import fitted
from tools.simulate.free_ports import free_ports
from tools.simulate.gripper import Gripper
from tools.simulate.recordings import Recording

EARLY, LATE, ALONE = ("hall1", "hall2"), "hall3", "alone"  # gateways; the last has no neighbours
LATE_MACHINE = 1  # of the recorded machines: the one that comes later
# The late machine is learnt from at least so many windows, or from this part of those of the others. With 24 windows of
# the bundled recording 31 % of the later normal ones were above the threshold, which is a false alert; with 40, 7 %.
FEW, FEW_SHARE = 40, 0.25


@dataclass
class Machine:
    """One machine with one sensor, and what can be heard of it in each condition."""

    gateway: str
    name: str
    faulty: bool  # whether its fault will appear
    sounds: dict[str, NDArray[np.int16]]  # "train", "normal", "fault"
    wired: bool = False  # on a serial line instead of the network
    ends: tuple[str, str] = ("", "")  # of that line: the gateway's port, the sensor's
    condition: str = "train"
    fed: int = 0
    skipped: int = 0  # windows the sensor was too slow to take
    _at: dict[str, int] = field(default_factory=dict)

    def next_window(self) -> bytes:
        """The next window of the present condition; a recording starts again at its end."""
        windows, at = self.sounds[self.condition], self._at.get(self.condition, 0)
        self._at[self.condition] = at + 1
        return windows[at % len(windows)].astype("<i2").tobytes()

    async def feed(self, pipe: int, rate: float) -> None:
        """Write `rate` windows a second into `pipe` until it closes."""
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_write_pipe(asyncio.Protocol, os.fdopen(pipe, "wb", 0))
        began, count = loop.time(), 0
        while not transport.is_closing():
            if transport.get_write_buffer_size():
                self.skipped += 1
            else:
                transport.write(self.next_window())
                self.fed += 1
            count += 1
            await asyncio.sleep(max(0.0, began + count / rate - loop.time()))


@dataclass(frozen=True)
class Plan:
    """The factory: gateways with their ports, machines, and the family they are judged by.

    late: the gateway that comes later; alone: the one that hears the same and has no neighbours; "": there is none.
    mosquitto: the program that is each gateway's broker; None: the one inside the gateway.
    """

    folder: Path
    family: str  # as a gateway's config names it
    features: dict[str, int | str]
    learn: dict[str, int]  # windows, by gateway
    ports: dict[str, int]
    machines: list[Machine]
    rate_hz: float
    lsb_per_g: float
    tls: dict[str, int] = field(default_factory=dict)  # ports where gateways serve each other
    secret: str = field(default_factory=partial(secrets.token_hex, 32))  # of their federation; "": it speaks openly
    late: str = ""
    alone: str = ""
    mosquitto: Path | None = None
    station: Gripper | None = None  # judges parts, beside the machines
    shafts: dict[str, float] = field(default_factory=dict)  # 1/min, by gateway, of machines whose speed is known

    @property
    def later(self) -> tuple[str, ...]:
        """The gateways that are not there from the beginning."""
        return tuple(name for name in (self.late, self.alone) if name)

    def neighbours(self, name: str) -> list[str]:
        """Those of a gateway."""
        return [] if name == self.alone else [each for each in self.ports if each not in (name, self.alone)]


def plan(recording: Recording, folder: Path, family_name: str = "vibration", mosquitto: Path | None = None) -> Plan:
    """Lay out up to four recorded machines over the gateways; at the first of them, and at the late one, one will fail.

    Raises ConfigError when the recording cannot be judged by the family, or has no fault.
    """
    source = find_family(family_name)
    family = load_family(source)
    recording = fitted(recording, family.recipe.axes, f"family {family.name}")
    x = recording.x
    if (family.recipe.samples, family.recipe.hop) != 2 * x.shape[1:2]:
        family_name = str(_family_for(source, x.shape[1], folder.with_name("family") / family.name))
        family = load_family(Path(family_name))
    machines = _machines(recording)
    gateways = list(dict.fromkeys(machine.gateway for machine in machines))
    late, alone = (name if name in gateways else "" for name in (LATE, ALONE))
    learn = _learn(machines, family)
    for machine in machines:
        machine.sounds["train"] = _taught(machine, learn[machine.gateway])
    free = free_ports(2 * len(gateways))
    ports, tls = (dict(zip(gateways, part, strict=True)) for part in (free[: len(gateways)], free[len(gateways) :]))
    scale = recording.rate_hz, recording.lsb_per_g
    table = family.recipe.table()
    about = {"late": late, "alone": alone, "mosquitto": mosquitto, "station": Gripper(gateways[0])}
    return Plan(folder, family_name, table, learn, ports, machines, *scale, tls, **about)  # type: ignore[arg-type]


def _machines(recording: Recording) -> list[Machine]:
    """The first gateway has two machines; where too few were recorded, two sensors share the windows of one."""
    count = len(recording.names)
    first, *others = [i for i in range(min(count, 4)) if i != LATE_MACHINE or count < 3]
    shared = len(others) < 2
    pair = [(first, slice(i, None, 2)) for i in (0, 1)] if shared else [(i, slice(None)) for i in (first, others[0])]
    told = [_machine(recording, EARLY[0], *each, number=shared * (i + 1), wired=i == 1) for i, each in enumerate(pair)]
    told += [_machine(recording, EARLY[1], i) for i in (others if shared else others[1:])]
    if count >= 3:
        told += [_machine(recording, LATE, LATE_MACHINE, faulty=True)]
        told += [_machine(recording, ALONE, LATE_MACHINE, faulty=True, suffix="-alone")]
    return told


def _machine(
    recording: Recording,
    gateway: str,
    index: int,
    part: slice = slice(None),
    number: int = 0,
    wired: bool = False,
    faulty: bool = False,
    suffix: str = "",
) -> Machine:
    """One of the recorded machines at a gateway. part: of its windows; number: of its sensor, if it has several."""
    name = recording.names[index]
    fault = next(iter(recording.faults(index)), None)
    if fault is None:
        raise ConfigError(f"the recording has no fault for {name}: the demo needs one")
    conditions = {"train": ("train", "normal"), "normal": ("test", "normal"), "fault": ("test", fault)}
    sounds = {key: recording.windows(index, split, label)[part] for key, (split, label) in conditions.items()}
    if empty := [key for key, windows in sounds.items() if not len(windows)]:
        raise ConfigError(f"the recording has no {' and no '.join(empty)} windows for {name}: the demo needs them")
    return Machine(gateway, name + (f"-{number}" if number else suffix), faulty or wired, sounds, wired)


def _learn(machines: list[Machine], family: Family) -> dict[str, int]:
    """Windows that each gateway learns from: the late ones get by with few."""
    enough = {
        machine.gateway: min(family.training.windows, len(machine.sounds["train"]) * 9 // 10) for machine in machines
    }
    few = {name: min(count, max(FEW, int(count * FEW_SHARE))) for name, count in enough.items()}
    return {name: few[name] if name in (LATE, ALONE) else count for name, count in enough.items()}


def _taught(machine: Machine, count: int) -> NDArray[np.int16]:
    """`count` windows to learn from: what a machine does at first where it comes late, else all it does in time.

    A machine must be learnt for as long as it drifts; one that comes late has shown only its beginning.
    """
    windows = machine.sounds["train"]
    if machine.gateway in (LATE, ALONE):
        return windows[:count]
    return windows[np.linspace(0, len(windows) - 1, count).astype(np.intp)]


def _family_for(source: Path, samples: int, folder: Path) -> Path:
    """The same family with windows of another length that do not overlap: same architecture, so the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train.tflite", "float.tflite", "int8.tflite"):
        shutil.copyfile(source / name, folder / name)
    text = (source / "model.toml").read_text()
    (folder / "model.toml").write_text(re.sub(r"(?m)^(samples|hop) = \d+", rf"\1 = {samples}", text))
    return folder
