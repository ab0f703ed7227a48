"""One Chromium, and one event loop that drives it, for all tests of a process."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import async_playwright, expect

from tests.e2e.dashboard_stage import FLAGS, Play, Theatre
from tests.support.micropython import missing
from tests.support.timeouts import PATIENCE


@pytest.fixture(scope="session")
def theatre() -> Iterator[Theatre]:
    """A browser that is there already."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        missing("no chromium found: apt install chromium")
    expect.set_options(timeout=1000 * PATIENCE)
    with asyncio.Runner() as runner:
        driver = runner.run(async_playwright().start())
        launching = driver.chromium.launch(executable_path=chromium, args=FLAGS, timeout=1000 * PATIENCE)
        browser = runner.run(launching)  # with a profile of its own
        yield Theatre(runner, browser)
        runner.run(browser.close())
        runner.run(driver.stop())


@pytest.fixture
def play(theatre: Theatre, tmp_path: Path) -> Play:
    """Runs a scenario on a stage of its own."""
    return Play(theatre, tmp_path)
