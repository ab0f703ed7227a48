"""Random nodes of a NATS cluster are killed: alerts lost or doubled, and how long the gateway is away.

A real gateway's process with its access rules, sensors that are simulated MQTT clients (the MicroPython one is in
tests/e2e/test_cluster.py), and an observer on each node. Each alert in the gateway's database at the end must have been
heard by an observer, and as new once by the observer of a node.

    python -m tools.bench.cluster --sensors 200 --kills 20 --seconds 600
"""

import argparse
import asyncio
import json
import random
import sqlite3
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from reedmesh.broker.accounts import Users
from reedmesh.config.hosts import Address
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.store.database import NAME
from tools.bench import report
from tools.bench.latency import prepare
from tools.simulate.nats_cluster import Cluster

DOWN = 5.0  # seconds for which a node is off
EVERY = 1.0  # seconds between two windows of a sensor
FAULT = 12  # windows of a fault, then as many normal ones


class Bench:
    """The gateway `gw`, its sensors, observers, and what they noted."""

    def __init__(self, folder: Path, sensors: int, seconds: float) -> None:
        self.folder, self.config, self.seconds = folder, folder / "reedmesh.toml", seconds
        self.frames = prepare(folder / "state", sensors)
        self.names = [f"s{i}" for i in range(sensors)]
        for name in self.names:
            SensorKeys(folder / "state").made_for(name)
        self._write([1883])
        self.nodes = Cluster(folder / "nats", self.config)
        self._write(self.nodes.ports)
        self.users = Users(load_config(self.config))
        self.heard: Counter[tuple[int, str]] = Counter()  # by node and alert: how often it was told as new
        self.said: list[float] = []  # when the gateway was heard
        self.kills: list[float] = []

    def _write(self, ports: list[int]) -> None:
        hosts = json.dumps([f"127.0.0.1:{port}" for port in ports])
        rule = "[alerts]\non = 3\nof = 5\noff = 3\noff_seconds = 3.0\nsilent = 0.0\n"
        broker = f'[broker]\ncluster = "nats"\nhosts = {hosts}\n'
        self.config.write_text(f'name = "gw"\nstate = "{self.folder}/state"\nsensors = 400\n{broker}{rule}')

    def link(self, client: str, user: str, ports: list[int], topics: dict[str, int]) -> Link:
        """Return a client of the nodes at `ports`."""
        login = user, self.users.password(user) or ""
        others = [Address("127.0.0.1", port) for port in ports[1:]]
        return Link("127.0.0.1", ports[0], client, subscriptions=topics, login=login, others=others)

    async def run(self, kills: int) -> None:
        """Play it all."""
        for number in range(3):
            self.nodes.start(number)
        await asyncio.to_thread(self.nodes.wait)
        command = [sys.executable, "-m", "reedmesh", "run", str(self.config)]
        with (self.folder / "log").open("w") as log:
            gateway = await asyncio.create_subprocess_exec(*command, stderr=log)
        tasks = [asyncio.create_task(self._observe(i)) for i in range(3)]
        tasks += [asyncio.create_task(self._sensor(i, name)) for i, name in enumerate(self.names)]
        try:
            await self._kill(kills)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            gateway.terminate()
            await gateway.wait()
            self.nodes.close()

    async def _kill(self, kills: int) -> None:
        while len(self.said) < 10:
            await asyncio.sleep(0.5)
        for _ in range(kills):
            await asyncio.sleep(self.seconds / kills - DOWN)
            number = random.randrange(3)
            self.kills.append(time.monotonic())
            self.nodes.kill(number)
            await asyncio.sleep(DOWN)
            self.nodes.start(number)
        await asyncio.sleep(4 * DOWN)

    async def _observe(self, node: int) -> None:
        topics = {"reedmesh/+/alert": 0, "reedmesh/+/+/state": 0}
        async for message in self.link(f"observer{node}", "dashboard", [self.nodes.ports[node]], topics).messages():
            if message.topic.endswith("/state"):
                self.said += [] if message.retain else [time.monotonic()]
            elif (alert := json.loads(message.payload))["state"] == "new" and not message.retain:
                self.heard[node, alert["id"]] += 1

    async def _sensor(self, i: int, name: str) -> None:
        link = self.link(f"gw:{name}", f"sensor.{name}", self.nodes.ports, {})
        listening = asyncio.create_task(_listen(link))
        try:
            await asyncio.sleep(EVERY * i / len(self.names))
            for number in range(1, 1 << 30):
                faulty = i % 10 == 0 and number // FAULT % 4 == 3  # every tenth has a fault now and then
                frame = self.frames[faulty]
                frame = frame[:8] + number.to_bytes(4, "little") + frame[12:]
                await link.publish(Message(f"reedmesh/gw/{name}/window", frame))
                await asyncio.sleep(EVERY)
        finally:
            listening.cancel()

    def away(self) -> list[float]:
        """Return, for each kill, the longest silence of the gateway that began within DOWN seconds after it."""
        times = np.array(sorted(self.said))
        gaps = np.diff(times)
        return [float(max([0.0, *gaps[(times[1:] > at) & (times[:-1] < at + DOWN)]])) for at in self.kills]

    def lost(self) -> int:
        """Return the alerts in the gateway's database that no observer heard."""
        with closing(sqlite3.connect(self.folder / "state" / NAME)) as db:
            kept = {row[0] for row in db.execute("select id from alerts where kind = 'anomaly'")}
        return len(kept - {alert for _, alert in self.heard})

    def doubled(self) -> int:
        """Return the alerts that an observer of one node heard as new more than once."""
        return len({alert for (_, alert), count in self.heard.items() if count > 1})


async def _listen(link: Link) -> None:
    async for _ in link.messages():
        pass


def main() -> int:
    """Print the figures and keep them; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sensors", type=int, default=200)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=600.0)
    chosen = parser.parse_args()
    with TemporaryDirectory() as folder:
        try:
            bench = Bench(Path(folder), chosen.sensors, chosen.seconds)
        except ConfigError as error:
            print(f"bench_cluster: {error}", file=sys.stderr)
            return 2
        asyncio.run(bench.run(chosen.kills))
        away, lost, doubled = bench.away(), bench.lost(), bench.doubled()
    alerts = len({alert for _, alert in bench.heard})
    p99 = float(np.percentile(away, 99))
    print(f"{chosen.sensors} sensors, {chosen.kills} kills in {chosen.seconds:.0f} s, {report.machine()}")
    print(f"{alerts} alerts heard, {lost} lost, {doubled} doubled; longest silence of the gateway after a kill: "
          f"p50 {np.median(away):.1f} s, p99 {p99:.1f} s")  # fmt: skip
    report.save("cluster_nats_lost", lost, "alerts", {"heard": alerts})
    report.save("cluster_nats_doubled", doubled, "alerts")
    report.save("cluster_nats_back_p99_s", p99, "s, with a second between two messages", {"kills": chosen.kills})
    return 0


if __name__ == "__main__":
    sys.exit(main())
