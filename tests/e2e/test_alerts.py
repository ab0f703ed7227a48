"""Alerts from a terminal: a real gateway on a real broker, its alert listed, taken on, and still so after a kill."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from reedmesh.protocol import wire
from tests.support.brokers import free_port, mosquitto
from tests.support.sensor import numbered
from tests.support.timeouts import PATIENCE
from tools.bench.latency import prepare


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, int, tuple[bytes, bytes]]]:
    """A config, its broker's port, and frames of a normal window and of a fault of sensor s0."""
    frames = prepare(tmp_path / "state", 1)
    with mosquitto(tmp_path, free_port()) as port:
        config = tmp_path / "reedmesh.toml"
        config.write_text(
            f'name = "gw"\nstate = "{tmp_path}/state"\n[broker]\nport = {port}\n[alerts]\non = 1\nof = 1\noff = 1\n'
            "off_seconds = 0\n"
        )
        yield config, port, frames


@contextmanager
def gateway(config: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "reedmesh", "run", str(config)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def reedmesh(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "reedmesh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def listed(config: Path) -> list[dict[str, object]]:
    """The alerts, as soon as there is one."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = reedmesh("alerts", "--json", str(config))
        if answer.returncode == 0 and (found := json.loads(answer.stdout)):
            return list(found)
    raise AssertionError(answer)


def publish(port: int, frame: bytes, until: str) -> None:
    """Publish a window again and again, until the gateway tells of an alert."""
    client = paho.Client(paho.CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    heard: list[str] = []
    client.on_message = lambda *given: heard.append(given[2].topic)
    client.subscribe(until, 1)
    end, number = time.monotonic() + PATIENCE, 0
    while not heard and time.monotonic() < end:
        number += 1
        client.publish(wire.topic("gw", "s0", "window"), numbered(frame, number))
        for _ in range(2):  # the first time paho only sends, and does not wait: that would be a flood
            client.loop(0.1)
    client.disconnect()
    assert heard


def test_an_alert_is_listed_and_taken_on_and_a_kill_forgets_nothing(
    place: tuple[Path, int, tuple[bytes, bytes]], tmp_path: Path
) -> None:
    config, port, (_, fault) = place
    with gateway(config):
        publish(port, fault, "reedmesh/gw/alert")
        [alert] = listed(config)
        assert alert["sensor"] == "s0" and alert["state"] == "new"
        done = reedmesh("ack", str(alert["id"]), str(config), "--by", "Ana", "--text", "on my way")
        assert (done.returncode, done.stderr) == (0, "")
        wrong = reedmesh("shelve", "nobody", str(config))
        assert (
            wrong.returncode == 1
            and wrong.stderr == "reedmesh: shelve: sensor: this gateway has none called 'nobody'\n"
        )
    with gateway(config):
        [alert] = listed(config)
        assert (alert["state"], alert["by"]) == ("acknowledged", "Ana")
        assert reedmesh("shelve", "s0", str(config), "--minutes", "5").returncode == 0
        assert "acknowledged by Ana, shelved" in reedmesh("alerts", str(config)).stdout
        copied = reedmesh("backup", str(tmp_path / "copy.db"), str(config))
        assert copied.returncode == 0 and (tmp_path / "copy.db").stat().st_size > 10000


def test_without_a_gateway_it_is_said_so(place: tuple[Path, int, tuple[bytes, bytes]]) -> None:
    answer = reedmesh("alerts", str(place[0]))
    assert answer.returncode == 1 and "did not answer" in answer.stderr and len(answer.stderr.splitlines()) == 1
