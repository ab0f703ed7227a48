"""A broker cluster of three NATS servers loses the node that gateway and sensor are on: an alert comes once, and soon.

Real servers with the configuration and permissions that `reedmesh broker cluster` writes, the gateway's process, and
the sensor's MQTT client under MicroPython.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from reedmesh.alerts.alert import ANOMALY
from reedmesh.broker.accounts import Users
from reedmesh.commands.doctor import cluster as doctor
from reedmesh.commands.doctor.finding import GOOD, Case
from reedmesh.config.hosts import Address, begun_by
from reedmesh.config.settings import load_config
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.mqtt_link import Link
from tests.support import micropython
from tests.support.nats import Cluster, cluster
from tests.support.paths import SCRIPTS
from tests.support.sensor import numbered
from tests.support.timeouts import PATIENCE
from tools.bench.latency import prepare

PACE = 0.02  # seconds between two windows


class Hall:
    """A gateway `gw` with the sensor s0 on a cluster, and a dashboard that hears its alerts."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.config = folder, folder / "reedmesh.toml"
        self.good, self.bad = prepare(folder / "state", 1)
        SensorKeys(folder / "state").made_for("s0")
        self.write([1883])
        self.alerts: set[str] = set()  # ids of the new ones about the machine: QoS 1 may bring one again
        self.windows = 0  # that the gateway judged
        self._number = 0

    def write(self, ports: list[int]) -> None:
        """Write the gateway's settings."""
        hosts = [f"127.0.0.1:{port}" for port in ports]
        self.config.write_text(
            f'name = "gw"\nstate = "{self.folder}/state"\n[broker]\ncluster = "nats"\nhosts = {json.dumps(hosts)}\n'
        )

    def password(self, user: str) -> str:
        return Users(load_config(self.config)).password(user) or ""

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[None]:
        command = [sys.executable, "-m", "reedmesh", "run", str(self.config)]
        with (self.folder / "log").open("w") as log:
            process = await asyncio.create_subprocess_exec(*command, stderr=log)
        try:
            yield
        finally:
            process.kill()
            await process.wait()

    async def hear(self, ports: list[int]) -> None:
        """As a dashboard does."""
        others = [Address("127.0.0.1", port) for port in ports[1:]]
        login, topics = ("dashboard", self.password("dashboard")), {"reedmesh/+/alert": 0, "reedmesh/+/+/state": 0}
        link = Link("127.0.0.1", ports[0], "page", subscriptions=topics, login=login, others=others)
        async for message in link.messages():
            said = json.loads(message.payload)
            if message.topic.endswith("/state"):
                self.windows = said.get("windows") or 0
            elif said["state"] == "new" and said["kind"] == ANOMALY:
                self.alerts.add(said["id"])

    async def feed(self, sensor: "subprocess.Popen[str]", frame: bytes, until: object) -> None:
        """Publish windows until `until()` holds."""
        assert sensor.stdin
        while not until():  # type: ignore[operator]
            self._number += 1
            sensor.stdin.write(numbered(frame, self._number).hex() + "\n")
            sensor.stdin.flush()
            await asyncio.sleep(PACE)


def sensor_on(hall: Hall, first: int, ports: list[int]) -> "subprocess.Popen[str]":
    nodes = [["127.0.0.1", port] for port in (first, *(each for each in ports if each != first))]
    told = {"hosts": nodes, "name": "gw:s0", "user": "sensor.s0", "password": hall.password("sensor.s0")}
    told["topic"] = "reedmesh/gw/s0/window"
    return micropython.start(SCRIPTS / "cluster_sensor.py", json.dumps(told), stdin=subprocess.PIPE)  # type: ignore[no-any-return]


async def story(hall: Hall, nodes: Cluster) -> None:
    place = begun_by([Address("127.0.0.1", port) for port in nodes.ports], "gateway-gw")[0]
    listening = asyncio.create_task(hall.hear(nodes.ports))
    try:
        async with asyncio.timeout(PATIENCE), hall.gateway():
            with sensor_on(hall, place.port, nodes.ports) as sensor:
                try:
                    await hall.feed(sensor, hall.good, lambda: hall.windows > 20)
                    nodes.kill(nodes.ports.index(place.port))  # the node that both are on
                    await hall.feed(sensor, hall.bad, lambda: hall.alerts)
                    judged = hall.windows
                    await hall.feed(sensor, hall.bad, lambda: hall.windows > judged)
                finally:
                    sensor.kill()
    finally:
        listening.cancel()
        await asyncio.wait([listening])
    assert len(hall.alerts) == 1, hall.alerts
    assert f"127.0.0.1:{place.port}" in (hall.folder / "log").read_text(), "the gateway was on that node"


def test_the_node_that_gateway_and_sensor_are_on_is_killed_and_the_alert_comes_once(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    with cluster(tmp_path / "nats", hall.config) as nodes:
        hall.write(nodes.ports)
        asyncio.run(story(hall, nodes))


def test_doctor_tries_each_node_and_names_the_one_that_is_off(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    with cluster(tmp_path / "nats", hall.config) as nodes:
        hall.write(nodes.ports)
        case = Case(hall.config, load_config(hall.config), 0.0)
        found = list(doctor.nodes(case))
        assert [each.severity for each in found] == [GOOD] * 3, found
        nodes.kill(0)
        off = [each for each in doctor.nodes(case) if each.severity != GOOD]
    assert f":{nodes.ports[0]}: no connection" in off[0].what and off[0].remedy and len(off) == 1, off
