"""The dashboard on a real gateway and a real broker: what operators do there reaches it, its sensors and everybody."""

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Page, expect

from reedmesh.alerts.alert import NOT_A_FAULT
from reedmesh.inference.model import Model
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.store.store import Store
from tests.e2e.dashboard_stage import Play, Stage
from tests.service.test_gateway import sounds
from tests.support.timeouts import PATIENCE
from tools.bench.latency import prepare

LEARN = 60  # windows


class Line:
    """A gateway's process, and a sensor that publishes windows as that of a machine would."""

    def __init__(self, stage: Stage, folder: Path) -> None:
        prepare(folder, 1)
        store = Store(folder)
        stored = store.models.last("s0")
        store.close()
        assert stored
        self._model = Model(stored.tflite)
        self._number = 0
        self._folder = folder
        self._port = stage.broker_port
        self._link = Link("127.0.0.1", stage.broker_port, "sensor", subscriptions={"reedmesh/gw/status": 1})
        self._up = asyncio.Event()
        (folder / "reedmesh.toml").write_text(
            f'name = "gw"\nstate = "{folder}"\n[broker]\nport = {self._port}\n[alerts]\non = 1\nof = 1\noff = 200\n'
            "off_seconds = 0\n"
            f"[learning]\nwindows = {LEARN}\n[store]\nflush_seconds = 0.05\n"
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Run the gateway and the sensor's link."""
        command = [sys.executable, "-m", "reedmesh", "run", str(self._folder / "reedmesh.toml")]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        task = asyncio.create_task(self._drain())
        try:
            async with asyncio.timeout(PATIENCE):
                await self._up.wait()
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            process.terminate()
            process.wait(PATIENCE)

    async def feed(self, kind: str, count: int) -> None:
        """Publish windows of this kind, one after the other."""
        await self._say("availability", b'{"state": "online"}', retain=True)
        for window in sounds()[kind][:count]:
            frame = wire.Window(window.tobytes(), boot=1, number=self._number)
            frame.score, frame.model = self._model.score(window.tobytes()), self._model.key
            data = bytearray(wire.WINDOW_HEADER + len(window))
            wire.pack_window(frame, data)
            await self._say("window", bytes(data))
            self._number += 1

    def learnt_from(self) -> set[bytes]:
        """What the sensor's next model would be made of."""
        store = Store(self._folder)
        try:
            return set(store.windows.learnt_from("s0", 10_000))
        finally:
            store.close()

    async def _say(self, leaf: str, payload: bytes, retain: bool = False) -> None:
        while not await self._link.publish(Message(f"reedmesh/gw/s0/{leaf}", payload, 1, retain)):
            await asyncio.sleep(0.02)

    async def _drain(self) -> None:
        async for message in self._link.messages():
            if b"online" in message.payload:
                self._up.set()


async def to_alert(page: Page) -> None:
    await page.locator(".alert a").click()
    await expect(page.get_by_role("heading", name="Alert: s0")).to_be_visible()


def test_what_an_operator_does_reaches_the_gateway_and_everybody_else(play: Play, tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        line = Line(stage, tmp_path / "state")
        async with line.running(), stage.browser() as other:
            await stage.open(other, "/")
            await line.feed("normal", 20)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible()
            await line.feed("fault", 2)
            await expect(stage.page.locator(".alert")).to_contain_text("s0")
            await expect(other.locator(".alert")).to_contain_text("new")
            await to_alert(stage.page)
            await expect(stage.page.locator(".scores-over-time .scores")).to_have_attribute("d", re.compile("M"))
            await expect(stage.page.locator(".panels figure")).to_have_count(3)
            await stage.page.get_by_label("Note").fill("on my way <b>")
            await stage.page.get_by_role("button", name="Acknowledge").click()
            await expect(stage.page.get_by_role("status")).to_contain_text("Acknowledged.")
            await expect(other.locator(".alert")).to_contain_text("acknowledged by this computer")
            await expect(stage.page.locator(".journal")).to_contain_text("on my way <b>")
            await stage.page.get_by_role("button", name="Shelve").click()
            await expect(other.locator(".alert")).to_contain_text("shelved until")

    play(scenario)


def test_not_a_fault_becomes_part_of_what_is_learnt(play: Play, tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        line = Line(stage, tmp_path / "state")
        page, odd = stage.page, {window.tobytes() for window in sounds()["fault"][:40]}
        async with line.running():
            await line.feed("train", LEARN)
            await line.feed("fault", 40)
            await to_alert(page)
            assert not odd & line.learnt_from()
            await page.get_by_role("button", name="Not a fault").click()
            await expect(page.locator(".confirm")).to_contain_text("count as normal")
            await page.get_by_role("button", name="Not a fault: yes").click()
            await expect(page.locator(".journal")).to_contain_text(NOT_A_FAULT)
            assert odd <= line.learnt_from()
            await page.get_by_role("link", name="To the sensor").click()
            await expect(page.locator("tbody tr").first).to_contain_text("in service")
            await expect(page.locator("tbody tr").first.locator("th")).to_have_text("2")
            await expect(page.get_by_role("heading", name="s0")).to_be_visible()

    play(scenario)
