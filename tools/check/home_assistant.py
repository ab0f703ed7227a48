"""Whether the real Home Assistant takes our discovery messages: a gateway, mosquitto and Home Assistant.

    make check-home-assistant [PYTHON_313=python3.13]

Two sensors publish, one normal windows, the other a fault, and a third is silent and is forgotten. Every entity must be
there with the state its name promises, each device with its version; and the forgotten one must be gone.
"""

import contextlib
import json
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from reedmesh.commands import client as ask
from reedmesh.config import settings
from reedmesh.errors import RefusedError
from reedmesh.protocol import wire
from tools.bench.latency import LINES, prepare
from tools.checkout import ROOT
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

FOLDER = ROOT / "build" / "home-assistant"
PYTHON = ROOT / ".venv-home-assistant" / "bin" / "python"
PATIENCE = 60.0  # seconds
Shown = dict[str, Any]
EXPECTED: list[tuple[str, Callable[[Shown], bool]]] = [
    ("the gateway is online", lambda shown: state(shown, "sensor.gateway_gw_status") == "online"),
    ("it has its version", lambda shown: state(shown, "sensor.gateway_gw_version")[:1].isdigit()),
    ("alerts are counted", lambda shown: int(state(shown, "sensor.gateway_gw_open_alerts")) >= 1),
    ("a score is shown", lambda shown: float(state(shown, "sensor.s0_score")) > 0),
    ("a threshold is shown", lambda shown: float(state(shown, "sensor.s0_threshold")) > 0),
    ("s0 is watched", lambda shown: state(shown, "sensor.s0_state") == "watching"),
    ("s0 has learnt", lambda shown: float(state(shown, "sensor.s0_learning_progress")) == 100),
    ("s0 has a model", lambda shown: state(shown, "sensor.s0_model_version") == "1"),
    ("s0 has no problem", lambda shown: state(shown, "binary_sensor.s0_problem") == "off"),
    ("s1 has one", lambda shown: state(shown, "binary_sensor.s1_problem") == "on"),
    ("and why", lambda shown: shown["states"]["binary_sensor.s1_problem"][1]["kinds"] == ["anomaly"]),
    ("s2 is not there", lambda shown: state(shown, "sensor.s2_state") == "unavailable"),
    ("s0 belongs to its gateway", lambda shown: shown["devices"]["s0"]["via"] == "Gateway gw"),
]


def state(shown: Shown, entity: str) -> str:
    """Of an entity; "" if there is none."""
    return str(shown["states"].get(entity, [""])[0])


class Window:
    """The entities that Home Assistant shows."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def look(self) -> Shown:
        """Now."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        if not (line := self._process.stdout.readline()):
            raise SystemExit("Home Assistant ended")
        found: Shown = json.loads(line)
        return found

    def until(self, what: str, holds: Callable[[Shown], bool]) -> None:
        """Wait for it, and say so."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            shown = self.look()
            with contextlib.suppress(ValueError, KeyError):
                if holds(shown):
                    print(f"  {what}")
                    return
            time.sleep(0.5)
        raise SystemExit(f"not so: {what}\n{json.dumps(shown, indent=1)}")


@contextmanager
def sensors(port: int, frames: tuple[bytes, bytes]) -> Iterator[None]:
    """s0 publishes normal windows, s1 a fault, twice a second."""
    client, ended = paho.Client(paho.CallbackAPIVersion.VERSION2), threading.Event()
    client.connect_async("127.0.0.1", port)
    client.loop_start()
    for name in ("s0", "s1"):
        client.publish(wire.topic("gw", name, "availability"), '{"state": "online"}', 1, True)

    def publish() -> None:
        number = 0
        while not ended.wait(0.5):
            number += 1
            for name, frame in zip(("s0", "s1"), frames, strict=True):
                payload = frame[:8] + number.to_bytes(4, "little") + frame[12:]
                client.publish(wire.topic("gw", name, "window"), payload)

    thread = threading.Thread(target=publish)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        client.loop_stop()


def forget(path: Path) -> None:
    """s2, once the gateway answers."""
    while True:
        with contextlib.suppress(RefusedError):
            ask.ask(settings.load_config(path), "forget", {"sensor": "s2", "by": "check"})
            return


def main() -> None:
    """Start all of it, and look."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    frames, (port, web), path = prepare(FOLDER / "state", 3), free_ports(2), FOLDER / "reedmesh.toml"
    (FOLDER / "mosquitto.conf").write_text("\n".join(LINES).format(port=port) + "\n")
    path.write_text(f'name = "gw"\nstate = "{FOLDER}/state"\n[broker]\nport = {port}\n')
    with ExitStack() as stack:
        for command in (
            [str(mosquitto.program()), "-c", str(FOLDER / "mosquitto.conf")],
            [sys.executable, "-m", "reedmesh", "run", str(path)],
        ):
            process = stack.enter_context(subprocess.Popen(command, stderr=subprocess.DEVNULL))
            stack.callback(process.terminate)
        stack.enter_context(sensors(port, frames))
        command = [
            str(PYTHON),
            str(ROOT / "tools" / "check" / "home_assistant_client.py"),
            str(FOLDER / "config"),
            str(port),
            str(web),
        ]
        home = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        stack.callback(home.kill)
        window = Window(home)
        for what, holds in EXPECTED:
            window.until(what, holds)
        forget(path)
        window.until("s2 was forgotten", lambda shown: "s2" not in shown["devices"] and "s0" in shown["devices"])
    print("Home Assistant takes it all")


if __name__ == "__main__":
    main()
