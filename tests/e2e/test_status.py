"""What people and programs learn of a real gateway on a real broker: status, doctor, metrics, health."""

import http.client
import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.support import systemd
from tests.support.brokers import free_port, mosquitto
from tests.support.timeouts import PATIENCE


def reedmesh(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "reedmesh", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)


def got(port: int, path: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)) as connection:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()


def test_a_gateway_tells_how_it_is_and_what_became_of_it(tmp_path: Path) -> None:
    port, page = free_port(), free_port()
    settings = tmp_path / "reedmesh.toml"
    where = f'[broker]\nport = {port}\n[metrics]\nlisten = "127.0.0.1:{page}"\n'
    settings.write_text(f'name = "gw"\nstate = "{tmp_path}/state"\n{where}')
    with systemd.manager(tmp_path) as manager:
        with mosquitto(tmp_path, port), systemd.process(manager, settings):
            manager.until("STATUS=judging")
            told = json.loads(reedmesh("status", "--json", str(settings)).stdout)
            assert told["name"] == "gw" and told["link"]["connected"] and not told["stuck"]
            assert "gateway gw" in reedmesh("status", str(settings)).stdout
            found = json.loads(reedmesh("doctor", "--json", str(settings)).stdout)
            assert found["status"] < 2 and "gateway gw answers" in [each["what"] for each in found["findings"]]
            for path in ("health", "ready"):
                assert got(page, f"/{path}")[0] == 200
            status, text = got(page, "/metrics")
            families = {family.name: family for family in text_string_to_metric_families(text)}
            assert status == 200 and families["reedmesh_broker_connected"].samples[0].value == 1
        gone = reedmesh("doctor", "--json", str(settings))
        assert gone.returncode == 2
        wrong = [each for each in json.loads(gone.stdout)["findings"] if each["severity"] == "error"]
        assert any(f"127.0.0.1:{port}" in each["what"] and "mosquitto" in each["remedy"] for each in wrong)
        assert any("does not answer" in each["what"] for each in wrong)


def test_without_a_broker_it_is_healthy_but_not_ready(tmp_path: Path) -> None:
    page = free_port()
    settings = tmp_path / "reedmesh.toml"
    where = f'[broker]\nport = {free_port()}\n[metrics]\nlisten = "127.0.0.1:{page}"\n'
    settings.write_text(f'name = "gw"\nstate = "{tmp_path}/state"\n{where}')
    breaks = "from reedmesh.service import watchdog\nwatchdog.READY_SECONDS = 0.5"
    with systemd.manager(tmp_path) as manager, systemd.process(manager, settings, before=breaks):
        manager.until("READY=1")
        assert got(page, "/health")[0] == 200
        status, text = got(page, "/ready")
        assert status == 503 and "broker" in text


def test_a_port_that_is_taken_is_told_in_one_line_and_to_systemd(tmp_path: Path) -> None:
    settings = tmp_path / "reedmesh.toml"
    with mosquitto(tmp_path, free_port()) as port, systemd.manager(tmp_path) as manager:
        settings.write_text(f'name = "gw"\nstate = "{tmp_path}/state"\n[broker]\nembedded = true\nport = {port}\n')
        with systemd.process(manager, settings) as it:
            assert f"broker.port = {port}" in manager.until("STATUS=")
            assert it.wait(PATIENCE) == 2
        assert "choose another port" in (tmp_path / "gateway.log").read_text()
