"""The dashboard in a real browser: a headless Chromium, the dashboard's own process, and a mosquitto."""

import asyncio
import json
import os
import sys
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, BrowserContext, Page, Request, WebSocket, expect

from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.support.brokers import free_port, mosquitto
from tests.support.timeouts import PATIENCE

SOON = 2.0  # seconds from a message to the page: what the dashboard promises

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--headless=new", "--disable-background-networking", "--disable-component-update"]

WATCHING = {
    "state": "watching",
    "online": True,
    "model": "3fa2c1d07b9e4a11",
    "threshold": 1.5,
    "windows": 7,
    "score": 0.5,
}
ALERT = {"id": "press3-1", "sensor": "press3", "state": "new", "since": 1.0, "worst": 30, "limit": 10}

Scenario = Callable[["Stage"], Coroutine[Any, Any, None]]
Answers = dict[str, Callable[[dict[str, Any]], dict[str, Any]]]  # verb: what is asked -> data


@dataclass
class Theatre:
    """The browser, and the loop it is driven from."""

    runner: asyncio.Runner
    browser: Browser


@dataclass
class Play:
    """Runs scenarios. Parts named in `running` are at work from the start; options are of `reedmesh dashboard`."""

    theatre: Theatre
    directory: Path
    options: list[str] = field(default_factory=list)

    def __call__(
        self,
        scenario: Scenario,
        *options: str,
        running: tuple[str, ...] = ("broker", "dashboard", "looking"),
        answers: Answers | None = None,
    ) -> None:
        """Run `scenario`."""

        async def whole() -> None:
            async with AsyncExitStack() as stack:
                stage = Stage(self.theatre.browser, self.directory, list(options), answers or {})
                for part in ("gateway", *running):
                    await stack.enter_async_context(getattr(stage, part)())
                await scenario(stage)
                assert not stage.complaints, stage.complaints

        self.theatre.runner.run(whole())


class Stage:
    """A broker, a gateway that says what the test wants, the dashboard, and browsers that look at it.

    complaints: what browsers found wrong, such as something that the page's policy forbids.
    """

    def __init__(self, browser: Browser, directory: Path, options: list[str], answers: Answers) -> None:
        self.asked: set[str | None] = set()  # hosts the page spoke to
        self.complaints: list[str] = []
        self.tolerated = ""  # part of what is no complaint
        self.requests: list[tuple[str, dict[str, Any]]] = []  # what the page asked of the gateway
        self.page: Page
        self.url = ""
        self._browser = browser
        self._options = options
        self._answers = {"maintenance": lambda _: {}, "made": lambda _: {"made": []}} | answers
        self._directory = directory
        self._log = directory / "dashboard.log"
        self.broker_port, self._page_port = free_port(), free_port()
        requests = {"reedmesh/+/request/+": 1}
        self._link = Link("127.0.0.1", self.broker_port, "gateway", subscriptions=requests, keepalive=int(PATIENCE))
        self.process: asyncio.subprocess.Process

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[None]:
        """Run the broker."""
        with mosquitto(self._directory, self.broker_port):
            yield

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[None]:
        """Keep the gateway's link, and answer."""
        task = asyncio.create_task(self._answer())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    @asynccontextmanager
    async def dashboard(self) -> AsyncIterator[None]:
        """Run the dashboard's process."""
        self.url = f"http://127.0.0.1:{self._page_port}"
        listen = ["--listen", f"127.0.0.1:{self._page_port}"]
        command = [sys.executable, "-m", "reedmesh", "dashboard", f"127.0.0.1:{self.broker_port}", *listen]
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, *self._options, stdout=log, stderr=log, env=_environment()
            )
        self.process = process
        try:
            await asyncio.wait_for(self._listening(process), PATIENCE)
            yield
        finally:
            if process.returncode is None:
                process.terminate()
            await process.wait()
        said = self._log.read_text()
        assert "Traceback" not in said, said[-3000:]

    @asynccontextmanager
    async def looking(self) -> AsyncIterator[None]:
        """Open the first page."""
        async with self.browser() as self.page:
            await self.open(self.page, "/")
            yield

    @asynccontextmanager
    async def browser(self, **options: Any) -> AsyncIterator[Page]:
        """A browser of its own, with an empty page."""
        context: BrowserContext = await self._browser.new_context(**options)
        context.set_default_timeout(1000 * PATIENCE)
        page = await context.new_page()
        page.on("request", self._note)
        page.on("websocket", self._note)
        page.on("console", lambda said: self._hear(said.type, said.text))
        page.on("pageerror", lambda error: self._hear("error", str(error)))
        try:
            yield page
        finally:
            await context.close()

    async def open(self, page: Page, path: str) -> None:
        """Go to a page of the dashboard; from now on it is noticed if it is loaded anew."""
        await page.goto(self.url + path)
        await page.evaluate("window.loaded = 'once'")

    async def say(self, topic: str, value: object) -> None:
        """Publish as the gateway, retained, as soon as the broker is there."""
        message = Message(f"reedmesh/{topic}", json.dumps(value).encode(), 1, True)
        while not await self._link.publish(message):
            await asyncio.sleep(0.02)

    async def is_soon(self) -> bool:
        """Whether an alert is on the page within SOON.

        It comes again until one is: what else this machine does makes one late, but none quicker than the dashboard is.
        """
        end, took = time.monotonic() + PATIENCE, PATIENCE
        while took > SOON and time.monotonic() < end:
            began = time.monotonic()
            await self.say("gw1/alert", {"type": "new"} | ALERT)
            await expect(self.page.locator(".alert")).to_have_count(1)
            took = time.monotonic() - began
            await self.say("gw1/alert", {"type": "end"} | ALERT)
            await expect(self.page.locator(".alert")).to_have_count(0)
        return took <= SOON

    async def never_reloaded(self) -> bool:
        """Whether the page is still the one that was opened."""
        return bool(await self.page.evaluate("window.loaded === 'once'"))

    def _note(self, request: Request | WebSocket) -> None:
        if not request.url.startswith("data:"):
            self.asked.add(urlsplit(request.url).hostname)

    def _hear(self, kind: str, text: str) -> None:
        """Errors, but for those of a connection that is gone, which tests cause."""
        expected = "Failed to load resource", "WebSocket connection", *filter(None, [self.tolerated])
        if kind == "error" and not any(each in text for each in expected):
            self.complaints.append(text)

    async def _answer(self) -> None:
        async for message in self._link.messages():
            _, gateway, _, verb = message.topic.split("/")
            asked = json.loads(message.payload)
            self.requests.append((verb, asked))
            if verb in self._answers:
                said = {"status": "ok", "data": self._answers[verb](asked), "transaction": asked["transaction"]}
                topic = f"reedmesh/{gateway}/response/{verb}"
                await self._link.publish(Message(topic, json.dumps(said).encode(), 1))

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
