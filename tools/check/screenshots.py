"""Pictures of every page, light and dark, phone and desktop, into build/screenshots, of a line whose machines fail.

The line is that of `make demo DATA=simulated`: real gateways, real MicroPython sensors. An operator takes one alert on
first, as one would. docs/dashboard.png is one of the pictures, made smaller.

reports.txt is what the line says of its shift in each language.

    python -m tools.check.screenshots [--data windows.npz] [--rate 16]
"""

import argparse
import asyncio
import logging
import shutil
import sys
from contextlib import AsyncExitStack

from playwright.async_api import Browser, Page, async_playwright, expect

from reedmesh.assistant.words import CODES
from reedmesh.errors import ConfigError, ReedmeshError
from tools.checkout import ROOT
from tools.simulate import layout, observer, recordings
from tools.simulate.demo import Player, until_watching
from tools.simulate.free_ports import free_ports
from tools.simulate.line import Line

FLAGS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
FLAGS += ["--headless=new", "--disable-background-networking", "--disable-component-update"]
OUT = ROOT / "build" / "screenshots"
README = ROOT / "docs" / "dashboard.png"
SIZES = {"phone": (390, 844), "desktop": (1440, 900)}
SHAFTS = {"hall1": 60 * 7.0, "hall3": 60 * 12.0, "alone": 60 * 12.0}  # 1/min; that of hall2 is for the page to estimate
CALM, FAULTY = 30.0, 30.0  # seconds of scores before and after machines fail
PATIENCE = 20_000  # ms
SOON = 5.0  # seconds a page has to ask its gateways, and to draw what they answer


def chromium() -> str:
    """The browser's program; raises ConfigError."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if not found:
        raise ConfigError("no chromium found: apt install chromium")
    return found


async def main() -> int:
    """Run the line until machines failed, and look at every page."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=recordings.SIMULATED, help="recordings in the neutral format (.npz)")
    parser.add_argument("--rate", type=float, default=16.0, help="windows a second and sensor")
    chosen = parser.parse_args()
    logging.disable(logging.WARNING)
    try:
        recording = recordings.named(chosen.data)
        plan = layout.plan(recording, ROOT / "build" / "screenshots-line")
        if chosen.data == recordings.SIMULATED:
            plan.shafts.update(SHAFTS)
        port = free_ports(1)[0]
        picture = observer.Picture(plan, recording.origin, port)
        with Line(plan, chosen.rate, port) as line:
            async with AsyncExitStack() as stack:
                await _fail(Player(plan, picture, line, stack))
                async with async_playwright() as driver:
                    browser = await driver.chromium.launch(executable_path=chromium(), args=FLAGS)
                    await _look(browser, f"http://127.0.0.1:{port}")
                    await browser.close()
                await _reports(plan)
    except ReedmeshError as error:
        print(f"screenshots: {error}", file=sys.stderr)
        return 2
    return 0


async def _fail(player: Player) -> None:
    """Let the machines be learnt, run normally, then let some fail."""
    await until_watching(player)
    player.turn("normal")
    await asyncio.sleep(CALM)
    player.turn("fault", lambda machine: machine.faulty)
    await player.picture.until(player.picture.all_found)
    await asyncio.sleep(FAULTY)


async def _look(browser: Browser, url: str) -> None:
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    paths = await _act(await browser.new_page(), url)
    for size, (width, height) in SIZES.items():
        for scheme in ("light", "dark"):
            context = await browser.new_context(
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": width, "height": height},
                device_scale_factor=2 if size == "phone" else 1,
            )
            page = await context.new_page()
            for name, path in paths.items():
                await page.goto(url + path)
                await asyncio.sleep(SOON)
                await page.screenshot(path=OUT / f"{name}-{size}-{scheme}.png", full_page=True)
                print(OUT / f"{name}-{size}-{scheme}.png", flush=True)
            await context.close()
    shutil.copyfile(OUT / "alert-desktop-light.png", README)


async def _reports(plan: layout.Plan) -> None:
    """Write what the first gateway's shift report says, and why its machine alarms, in all languages."""
    gateway, failing = next((each.gateway, each.name) for each in plan.machines if each.faulty)
    config, told = plan.folder / gateway / "reedmesh.toml", []
    for code in CODES:
        for asked in (("report",), ("ask", failing)):
            command = [sys.executable, "-m", "reedmesh", *asked, "--language", code, str(config)]
            made = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
            said = (await made.communicate())[0].decode()
            told.append(f"$ reedmesh {' '.join(asked)} --language {code}\n{said}")
    (OUT / "reports.txt").write_text("\n".join(told), encoding="utf-8")


async def _act(page: Page, url: str) -> dict[str, str]:
    """Take an alert on; returns the paths of the pages to look at, by name."""
    await page.goto(url)
    await page.locator(".alert").filter(has_text="unusual behaviour").locator("a").first.click(timeout=PATIENCE)
    await page.get_by_label("Note").fill("Bearing on the drive side is warm, looking into it")
    await page.get_by_role("button", name="Acknowledge").click()
    await expect(page.get_by_role("status").filter(has_text="Acknowledged.")).to_be_visible(timeout=PATIENCE)
    alert = page.url.removeprefix(url)
    sensor = await page.get_by_role("link", name="To the sensor").get_attribute("href")
    others = {name: f"/{name}" for name in ("handover", "learning", "provenance", "settings")}
    told = {"overview": "/", "alert": alert, "sensor": sensor or "/", **others, "missing": "/nowhere"}
    return told | {"report": "/handover.html"}


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
