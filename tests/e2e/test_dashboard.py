"""The dashboard in a real browser: a headless Chromium, the dashboard's own process, and a broker in this one."""

import asyncio
import json
import os
import re
import shutil
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, Request, WebSocket, async_playwright, expect

from reedmesh import config, embedded
from reedmesh.broker import Link, Message
from tests.brokers import free_port
from tests.micropython import missing

SOON = 2000  # ms from a message to the page: what the dashboard promises
PATIENCE = 15_000  # ms for what has to start, or to notice that something is gone

SERVE = (
    "import sys; from reedmesh.dashboard import serve; serve([('127.0.0.1', int(sys.argv[1]))], port=int(sys.argv[2]))"
)
FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--headless=new", "--disable-background-networking", "--disable-component-update"]

SCRIPT = "<script>document.title = 'broken into'</script>"
WATCHING = {
    "state": "watching",
    "online": True,
    "model": "3fa2c1d07b9e4a11",
    "threshold": 1.5,
    "windows": 7,
    "score": 0.5,
}
ALERT = {"id": "press3-1", "sensor": "press3", "state": "new", "since": 1.0, "top_score": 30, "threshold": 10}

Scenario = Callable[["Stage"], Coroutine[Any, Any, None]]


class Stage:
    """A broker, a gateway that says what the test wants, the dashboard, and a browser that looks at it."""

    def __init__(self, browser: Browser, directory: Path) -> None:
        self.asked: set[str | None] = set()  # hosts the page spoke to
        self._browser = browser
        self._log = directory / "dashboard.log"
        self._broker_port, self._page_port = free_port(), free_port()
        self._link = Link("127.0.0.1", self._broker_port, "gateway")
        self.page: Page

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[None]:
        """Run the broker."""
        async with embedded.broker(config.Broker(embedded=True, port=self._broker_port)):
            yield

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[None]:
        """Keep the gateway's link."""
        task = asyncio.create_task(self._drain())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @asynccontextmanager
    async def dashboard(self) -> AsyncIterator[None]:
        """Run the dashboard's process."""
        command = [sys.executable, "-c", SERVE, str(self._broker_port), str(self._page_port)]
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=_environment())
        try:
            await asyncio.wait_for(self._listening(process), PATIENCE / 1000)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        assert "Traceback" not in self._log.read_text()

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Open the page."""
        self.page = await self._browser.new_page()
        self.page.on("request", self._note)
        self.page.on("websocket", self._note)
        await self.page.goto(f"http://127.0.0.1:{self._page_port}/")
        await self.page.evaluate("window.loaded = 'once'")
        yield

    async def say(self, topic: str, value: object) -> None:
        """Publish as the gateway, retained, as soon as the broker is there."""
        message = Message(f"reedmesh/{topic}", json.dumps(value).encode(), 1, True)
        while not await self._link.publish(message):
            await asyncio.sleep(0.02)

    async def never_reloaded(self) -> bool:
        """Whether the page is still the one that was opened."""
        return bool(await self.page.evaluate("window.loaded === 'once'"))

    def _note(self, request: Request | WebSocket) -> None:
        if not request.url.startswith("data:"):
            self.asked.add(urlsplit(request.url).hostname)

    async def _drain(self) -> None:
        async for _ in self._link.messages():
            pass

    async def _listening(self, process: asyncio.subprocess.Process) -> None:
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self._page_port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                return writer.close()
        pytest.fail(f"the dashboard did not start: {self._log.read_text()}")


def _environment() -> dict[str, str]:
    """Ours without pytest's variables: in a test, NiceGUI would serve another port."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}


def play(scenario: Scenario, directory: Path, *, running: tuple[str, ...] = ("broker", "dashboard", "looking")) -> None:
    """Run `scenario` on a stage of its own where the parts named in `running` already are at work."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        missing("no chromium found: apt install chromium")

    async def whole() -> None:
        async with async_playwright() as driver, AsyncExitStack() as stack:
            browser = await driver.chromium.launch(executable_path=chromium, args=FLAGS)  # with a profile of its own
            stack.push_async_callback(browser.close)
            stage = Stage(browser, directory)
            for part in ("gateway", *running):
                await stack.enter_async_context(getattr(stage, part)())
            await scenario(stage)

    asyncio.run(whole())


def test_an_alert_appears_without_reload(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/press3/state", WATCHING)
        await expect(page.locator("[data-standing=watching] h3")).to_have_text("press3", timeout=SOON)
        await expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
        await stage.say("gw1/press3/state", WATCHING | {"score": 4.5, "windows": 8})
        await stage.say("gw1/alert", {"type": "new"} | ALERT)
        await expect(page.locator(".alert")).to_contain_text("press3", timeout=SOON)
        await expect(page.locator(".alert")).to_contain_text("3.00 × threshold now", timeout=SOON)
        await expect(page.locator(".alert")).to_contain_text("4.50 against 1.50", timeout=SOON)
        await expect(page.locator("[data-standing=alert] h3")).to_have_text("press3", timeout=SOON)
        await expect(page).to_have_title("(1) reedmesh", timeout=SOON)
        await stage.say("gw1/alert", {"type": "end"} | ALERT)
        await expect(page.locator(".alert")).to_have_count(0, timeout=SOON)
        assert await stage.never_reloaded()

    play(scenario, tmp_path)


def test_what_brokers_retained_is_there_at_once(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/alerts", {"alerts": [ALERT]})
        await stage.say("gw1/press3/state", WATCHING | {"alert": "press3-1"})
        await stage.say("gw1/press4/state", {"state": "learning", "online": True, "progress": 0.25})
        async with stage.dashboard(), stage.looking():
            await expect(stage.page.locator(".sensor h3")).to_have_text(["press3", "press4"], timeout=SOON)
            await expect(stage.page.get_by_role("progressbar")).to_have_attribute("value", "0.25")

    play(scenario, tmp_path, running=("broker",))


def test_hostile_strings_are_text(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/status", {"state": SCRIPT})
        await stage.say("gw1/info", {"version": SCRIPT, "family": {"name": "`${alert(1)}`"}})
        await stage.say("gw1/press3/state", WATCHING | {"state": SCRIPT, "refusal": SCRIPT})
        await stage.say("gw1/alerts", {"alerts": [ALERT | {"sensor": SCRIPT, "state": "{{ 7 * 7 }}\ud800"}]})
        page = stage.page
        await expect(page.locator(".alert")).to_contain_text(SCRIPT, timeout=SOON)
        await expect(page.locator(".alert")).to_contain_text("{{ 7 * 7 }}\N{REPLACEMENT CHARACTER}")
        await expect(page.locator(".sensor .faults")).to_contain_text(SCRIPT, timeout=SOON)
        await expect(page.locator(".gateway > header")).to_contain_text("`${alert(1)}`", timeout=SOON)
        await page.reload()  # what is on the page from the start goes another way than what comes later
        await expect(page.locator(".alert")).to_contain_text(SCRIPT, timeout=PATIENCE)
        await expect(page.locator(".gateway > header")).to_contain_text("`${alert(1)}`")
        await expect(page).to_have_title("(1) reedmesh", timeout=SOON)

    play(scenario, tmp_path)


def test_no_request_leaves_this_computer(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        await expect(stage.page.locator(".sensor")).to_be_visible(timeout=SOON)
        await stage.page.evaluate("document.fonts.ready.then(() => null)")
        assert stage.asked == {"127.0.0.1"}

    play(scenario, tmp_path)


def test_says_that_a_broker_is_gone_and_recovers(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        outage = stage.page.locator(".outage")
        async with stage.broker():
            await stage.say("gw1/press3/state", WATCHING)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible(timeout=PATIENCE)
        await expect(outage).to_contain_text(re.compile("No connection to broker 127.0.0.1:"), timeout=PATIENCE)
        await expect(stage.page.locator("[data-standing=offline]")).to_be_visible(timeout=SOON)
        async with stage.broker():
            await stage.say("gw1/press3/state", WATCHING | {"windows": 8})
            await expect(outage).to_have_count(0, timeout=PATIENCE)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible(timeout=SOON)
        assert await stage.never_reloaded()

    play(scenario, tmp_path, running=("dashboard", "looking"))


def test_says_that_the_dashboard_is_gone_and_recovers(tmp_path: Path) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        async with stage.dashboard(), stage.looking():
            await expect(stage.page.locator(".sensor")).to_be_visible(timeout=SOON)
        await expect(stage.page.get_by_text("Connection lost")).to_be_visible(timeout=PATIENCE)
        async with stage.dashboard():
            await expect(stage.page.get_by_text("Connection lost")).to_be_hidden(timeout=PATIENCE)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible(timeout=PATIENCE)

    play(scenario, tmp_path, running=("broker",))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_system_and_fits_a_phone(tmp_path: Path, scheme: Any) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.page.emulate_media(color_scheme=scheme)
        await stage.page.set_viewport_size({"width": 320, "height": 640})
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/a-name-of-thirty-two-characters-/state", WATCHING | {"refusal": "x" * 120})
        await expect(stage.page.locator(".sensor")).to_be_visible(timeout=SOON)
        await expect(stage.page.locator("body")).to_have_class(re.compile(f"body--{scheme}"))
        assert await stage.page.evaluate("document.documentElement.scrollWidth") <= 320

    play(scenario, tmp_path)
