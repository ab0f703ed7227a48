"""The dashboard of the demo's own line: real gateways, real MicroPython sensors; and of a line with 200 sensors."""

import asyncio
import os
import sys
from pathlib import Path

from playwright.async_api import Page, expect

from tests.e2e.dashboard_stage import ALERT, WATCHING, Play, Stage, Theatre
from tests.e2e.test_line import ROOT, simulated
from tests.support.brokers import free_port
from tests.support.micropython import binary
from tests.support.timeouts import PATIENCE

LEARNS = 90 + PATIENCE  # seconds until every machine of the line is learnt and one fails
MANY = 200


async def until(process: asyncio.subprocess.Process, text: str) -> None:
    """Read what the line says, until that is said."""
    assert process.stdout
    async for said in process.stdout:
        if text in said.decode():
            return
    raise AssertionError(f"the line ended before it said {text!r}")


async def first_page(page: Page, port: int) -> None:
    """Open it, as soon as it is served."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                await writer.wait_closed()
                break
    await page.goto(f"http://127.0.0.1:{port}/")
    await page.evaluate("window.loaded = 'once'")


def test_a_fault_in_the_demo_line_appears_without_reload(theatre: Theatre, tmp_path: Path) -> None:
    binary()  # skips the test without a MicroPython
    port = free_port()
    options = ["--rate", "30", "--page", str(port), "--folder", str(tmp_path / "line")]
    options += ["--data", str(simulated(tmp_path))]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTEST_")}

    async def scenario() -> None:
        command = [sys.executable, "-m", "tools.simulate.demo", *options]
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(*command, cwd=ROOT, stdout=pipe, env=environment)
        context = await theatre.browser.new_context()
        context.set_default_timeout(1000 * PATIENCE)
        page = await context.new_page()
        try:
            async with asyncio.timeout(LEARNS):
                await until(process, "learning")
                await first_page(page, port)
                await until(process, "the machine starts to fail")
            await expect(page.locator(".alert")).to_have_count(3)
            assert await page.evaluate("window.loaded === 'once'")
        finally:
            await context.close()
            process.terminate()
            await process.communicate()

    theatre.runner.run(scenario())


def test_of_200_sensors_each_is_there_and_an_alert_is_no_later(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        for i in range(MANY):
            await stage.say(f"gw1/s{i}/state", WATCHING)
        await stage.open(stage.page, "/")
        await expect(stage.page.locator(".sensor")).to_have_count(MANY)
        assert await stage.is_soon()
        await stage.say("gw1/alert", {"type": "new"} | ALERT | {"sensor": "s7"})
        await expect(stage.page.locator(".sensor").first).to_contain_text("s7")

    play(scenario)
