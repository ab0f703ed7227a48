"""Three gateways whose keys an authority gave, sealed, with private sums: each learns of the others, and sees none."""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reedmesh.broker import accounts, acl
from reedmesh.identity import authority, keystore
from reedmesh.identity.authority import Term
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.e2e.test_wiretap import FAMILY, LEARN, SECRET, sounds
from tests.support.brokers import free_port
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # see `collected` in tests/broker/test_acl.py

NAMES = ("hall1", "hall2", "hall3")
SITE = (9).to_bytes(32, "little")
SECONDS = 10  # of a round


class Hall:
    """A gateway as a process, and its sensor."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.folder, self.port = name, folder / name, free_port()
        self.folder.mkdir()
        keystore.load(self.folder)
        today = int(time.time() // 86400)
        term = Term(name, today, today + 5)
        answer = authority.issue(SITE, term, keystore.request(self.folder))
        keystore.accept(self.folder, authority.point(SITE), term, *answer, int(time.time()))

    def write(self, halls: "list[Hall]") -> Path:
        config = self.folder / "reedmesh.toml"
        lines = [f'name = "{self.name}"\nstate = "{self.folder}"\n[broker]\nembedded = true\nport = {self.port}']
        lines += [f'[learning]\nwindows = {LEARN}\n[exchange]\nsecret = "{SECRET}"\nprivate = true']
        lines += [f'private_seconds = {SECONDS}\nauthority = "{authority.point(SITE).hex()}"']
        for each in halls:
            if each is not self:
                password = accounts.derived(each.folder, acl.gateway_user(self.name))
                there = f'name = "{each.name}"\nhost = "127.0.0.1"\nport = {each.port}\nplain = true'
                lines.append(f'[[neighbours]]\n{there}\npassword = "{password}"')
        config.write_text("\n".join(lines) + "\n")
        return config

    def link(self, user: str, *topics: str) -> Link:
        sensor = user.startswith("sensor.")
        key = SensorKeys(self.folder).made_for(user[7:]) if sensor else b""
        password = accounts.sensor_password(key) if sensor else accounts.derived(self.folder, user)
        return Link("127.0.0.1", self.port, user, subscriptions=dict.fromkeys(topics, 1), login=(user, password))

    async def learn(self, number: int) -> None:
        """Its machine is learnt, and its sensor takes the model."""
        models = [f"reedmesh/{self.name}/press/model/{leaf}" for leaf in ("manifest", "shard")]
        link = self.link("sensor.press", *models)
        sensor = FakeSensor(link, self.name, "press", FAMILY.recipe)
        task = asyncio.create_task(sensor.receive(link.messages()))
        while not link.connected:
            await asyncio.sleep(0.05)
        await sensor.hello()
        for window in sounds(number)["train"][:LEARN]:
            await sensor.window(window.tobytes())
        while sensor.model is None:
            await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def summed(self) -> dict[str, Any]:
        """What it says of the first round that came to a sum."""
        answer = f"reedmesh/{self.name}/response/learning"
        link = self.link(acl.DASHBOARD, answer)
        async for message in asking(link, f"reedmesh/{self.name}/request/learning"):
            said = json.loads(message.payload).get("data", {}).get("private", {})
            if said.get("sum"):
                return dict(said)
        raise AssertionError("the link ended")


async def asking(link: Link, topic: str) -> Any:
    """Ask once a second, and give each answer."""

    async def ask() -> None:
        while True:
            await link.publish(Message(topic, b"{}", qos=1))
            await asyncio.sleep(1)

    task = asyncio.create_task(ask())
    try:
        async for message in link.messages():
            yield message
    finally:
        task.cancel()


@contextlib.contextmanager
def running(halls: list[Hall]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for hall in halls:
            command = [sys.executable, "-m", "reedmesh", "run", str(hall.write(halls))]
            with (hall.folder / "log").open("wb") as log:
                process = stack.enter_context(subprocess.Popen(command, stderr=log, stdout=log))
            stack.callback(process.terminate)
        yield


def test_three_gateways_without_listed_keys_learn_from_a_sum_alone(tmp_path: Path) -> None:
    halls = [Hall(tmp_path, name) for name in NAMES]

    async def story() -> list[dict[str, Any]]:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*(hall.learn(number) for number, hall in enumerate(halls)))
            return await asyncio.gather(*(hall.summed() for hall in halls))

    with running(halls):
        told = asyncio.run(story())
    for each in told:
        assert each["of"] == list(NAMES) and not each["left_out"] and not each["wrong"], each
