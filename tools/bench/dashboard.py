"""What the dashboard costs: first paint with 200 sensors, memory and processor with 3 browsers and 50 sensors.

A real `reedmesh dashboard` on a real mosquitto, this process as the gateway, which says each sensor's state once a
second, and a headless Chromium with empty caches. First paint: from the start of the navigation until every sensor is
in the page and the browser has drawn it. Alert: from before it is published until the page has drawn it.

    python -m tools.bench.dashboard [--seconds 30]
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser, Page, async_playwright

from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tools.bench import latency, report
from tools.check.screenshots import FLAGS, chromium
from tools.simulate import mosquitto
from tools.simulate.free_ports import free_ports

MANY, SOME, BROWSERS, LOADS, ALERTS = 200, 50, 3, 5, 10
DRAWN = """async (count) => {
  while (document.querySelectorAll(".sensor").length < count) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now();
}"""
APPEARED = """async (count) => {
  while (document.querySelectorAll(".alert").length != count) await new Promise(requestAnimationFrame);
}"""


class Line:
    """A gateway that only says how its sensors are."""

    def __init__(self, port: int, sensors: int) -> None:
        self._link = Link("127.0.0.1", port, "line")
        self._sensors = sensors
        self._windows = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Say every state once a second while the block lasts."""
        tasks = [asyncio.create_task(self._drain()), asyncio.create_task(self._tell())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)

    async def say(self, leaf: str, value: object) -> None:
        """Publish, retained, as soon as the broker is there."""
        message = Message(f"reedmesh/bench/{leaf}", json.dumps(value).encode(), 1, True)
        while not await self._link.publish(message):
            await asyncio.sleep(0.02)

    async def _tell(self) -> None:
        await self.say("info", {"version": "0", "family": {"name": "bench"}})
        while True:
            began, self._windows = time.monotonic(), self._windows + 1
            for i in range(self._sensors):
                score = 0.5 + (i * 7 + self._windows * 3) % 10 / 20
                state = {"state": "watching", "online": True, "model": "3fa2c1d07b9e4a11", "threshold": 1.5}
                await self.say(f"s{i}/state", state | {"score": score, "windows": self._windows})
            await asyncio.sleep(max(0.0, began + 1 - time.monotonic()))

    async def _drain(self) -> None:
        async for _ in self._link.messages():
            pass


class Dashboard:
    """The process, and what it takes."""

    def __init__(self, broker: int) -> None:
        self.port = free_ports(1)[0]
        listen = ["--listen", f"127.0.0.1:{self.port}"]
        command = [sys.executable, "-m", "reedmesh", "dashboard", f"127.0.0.1:{broker}", *listen]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def rss_mb(self) -> float:
        """Resident memory."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024

    def cpu_seconds(self) -> float:
        """Of processor time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def stage(sensors: int) -> AsyncIterator[tuple[Line, Dashboard, Browser]]:
    """Broker, gateway, dashboard and browser."""
    broker = mosquitto.program()
    assert broker, "no mosquitto found: apt install mosquitto"
    port = free_ports(1)[0]
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "mosquitto.conf").write_text("\n".join(latency.LINES).format(port=port) + "\n")
        process = subprocess.Popen([str(broker), "-c", str(folder / "mosquitto.conf")], stderr=subprocess.DEVNULL)
        stack.callback(process.terminate)
        line = Line(port, sensors)
        await stack.enter_async_context(line.running())
        dashboard = Dashboard(port)
        stack.callback(dashboard.process.terminate)
        driver = await stack.enter_async_context(async_playwright())
        browser = await driver.chromium.launch(executable_path=chromium(), args=FLAGS)
        stack.push_async_callback(browser.close)
        await _ready(browser, dashboard, sensors)
        yield line, dashboard, browser


async def _ready(browser: Browser, dashboard: Dashboard, sensors: int) -> None:
    """Wait until the dashboard serves every sensor."""
    page = await browser.new_page()
    async with asyncio.timeout(60):
        while True:
            try:
                await _load(page, dashboard, sensors)
            except Exception:  # noqa: BLE001, the browser tells of a refused connection by its own class
                await asyncio.sleep(0.1)
            else:
                return await page.close()


async def _load(page: Page, dashboard: Dashboard, sensors: int) -> float:
    """Open the first page; milliseconds until all is drawn."""
    await page.goto(f"http://127.0.0.1:{dashboard.port}/")
    return float(await page.evaluate(DRAWN, sensors))


async def paint() -> tuple[list[float], list[float]]:
    """Milliseconds of first paints with empty caches, and of alerts, with MANY sensors."""
    loads, alerts = [], []
    async with stage(MANY) as (line, dashboard, browser):
        for _ in range(LOADS):
            context = await browser.new_context()
            loads.append(await _load(await context.new_page(), dashboard, MANY))
            await context.close()
        page = await browser.new_page()
        await _load(page, dashboard, MANY)
        for i in range(ALERTS):
            for count, listed in ((1, [{"id": f"a{i}", "sensor": "s7", "since": time.time()}]), (0, [])):
                began = time.perf_counter()
                await line.say("alerts", {"alerts": listed})
                await page.evaluate(APPEARED, count)
                alerts.append((time.perf_counter() - began) * 1e3)
    return loads, alerts


async def load(seconds: float) -> tuple[float, float]:
    """Megabytes, and part of one core, with SOME sensors and BROWSERS browsers."""
    async with stage(SOME) as (_, dashboard, browser):
        for _ in range(BROWSERS):
            context = await browser.new_context()
            await _load(await context.new_page(), dashboard, SOME)
        await asyncio.sleep(seconds / 3)
        began, before = time.monotonic(), dashboard.cpu_seconds()
        await asyncio.sleep(seconds)
        share = (dashboard.cpu_seconds() - before) / (time.monotonic() - began)
        return dashboard.rss_mb(), share


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=30.0, help="that memory and processor are watched")
    chosen = parser.parse_args()
    logging.disable()  # what a link says while a broker starts is not news here
    print(f"the dashboard, {report.machine()}")
    loads, alerts = await paint()
    first, worst = statistics.median(loads), max(loads)
    print(f"first paint, {MANY} sensors   median {first:6.0f} ms  worst {worst:6.0f} ms  of {len(loads)}")
    appears, slowest = statistics.median(alerts), max(alerts)
    print(f"an alert appears         median {appears:6.0f} ms  worst {slowest:6.0f} ms  of {len(alerts)}")
    rss, cpu = await load(chosen.seconds)
    print(f"{BROWSERS} browsers, {SOME} sensors   {rss:6.1f} MB  {100 * cpu:.1f} % of one core")
    report.save("dashboard_first_paint_ms", first, "ms")
    report.save("dashboard_alert_ms", appears, "ms")
    report.save("dashboard_rss_mb", rss, "MB")
    report.save("dashboard_cpu", 100 * cpu, "% of one core")


if __name__ == "__main__":
    asyncio.run(main())
