"""The pictures of the tutorial, docs/images/*.png: an empty line, the Learning page, and what `reedmesh import` says.

A gateway with a broker of its own runs for the first, `make screenshots` has made the second. Desktop and 390 px wide.

    python -m tools.docs.pictures
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from pathlib import Path

import numpy as np
from playwright.async_api import Browser, async_playwright

from tools.check.screenshots import FLAGS, OUT, SIZES, chromium
from tools.checkout import ROOT
from tools.simulate.free_ports import free_ports

IMAGES = ROOT / "docs" / "images"
REEDMESH = (sys.executable, "-m", "reedmesh")
PATIENCE = 60_000  # ms


def main() -> None:
    """Make all."""
    IMAGES.mkdir(exist_ok=True)
    for size in SIZES:
        made = OUT / f"learning-{size}-light.png"
        if made.exists():
            shutil.copyfile(made, IMAGES / f"learning-{size}.png")
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(_take(Path(folder)))
    print("\n".join(str(each) for each in sorted(IMAGES.glob("*.png"))))


async def _take(folder: Path) -> None:
    said = await asyncio.to_thread(_imported, folder)
    with _empty_line(folder) as url:
        async with async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=chromium(), args=FLAGS)
            await _first_run(browser, url)
            await _terminal(browser, said)
            await browser.close()


@contextmanager
def _empty_line(folder: Path) -> Iterator[str]:
    """A gateway without sensors, and its page's address."""
    broker, page = free_ports(2)
    config = folder / "reedmesh.toml"
    config.write_text(
        f'name = "hall1"\nstate = "{folder}/state"\n[broker]\nembedded = true\nport = {broker}\nanonymous = true\n'
    )
    gateway = subprocess.Popen([*REEDMESH, "run", str(config)], stderr=subprocess.DEVNULL)
    listen = [f"127.0.0.1:{broker}", "--listen", f"127.0.0.1:{page}", "--title", "Hall 1"]
    dashboard = subprocess.Popen(
        [*REEDMESH, "dashboard", *listen], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        yield f"http://127.0.0.1:{page}"
    finally:
        for process in (dashboard, gateway):
            process.terminate()
            process.wait()


async def _first_run(browser: Browser, url: str) -> None:
    for size, (width, height) in SIZES.items():
        context = await browser.new_context(viewport={"width": width, "height": height})
        page = await context.new_page()
        while True:
            try:
                await page.goto(url)
                break
            except Exception:  # noqa: BLE001 - it does not listen yet
                await asyncio.sleep(0.5)
        await page.locator(".gateway").first.wait_for(timeout=PATIENCE)
        await page.locator(".first .step").nth(3).wait_for(timeout=PATIENCE)
        await page.screenshot(path=IMAGES / f"first-run-{size}.png", full_page=True)
        await context.close()


def _imported(folder: Path) -> str:
    """What the command says of a CSV of a fan: made from the recording that ships."""
    with np.load(ROOT / "recordings" / "fan.npz") as arrays:
        mine = (arrays["gateway"] == 2) | (arrays["gateway"] == -1)  # the fan at high speed
        x, label = arrays["x"][mine], arrays["label"][mine]
    for name in sorted({str(each) for each in label}):
        values = x[label == name].reshape(-1, x.shape[2])
        (folder / "fan").mkdir(exist_ok=True)
        np.savetxt(folder / "fan" / f"{name}.csv", values, "%d", ",", header="ax,ay,az", comments="")
    words = [*REEDMESH, "import", "fan", "--rate", "20", "--window", "60", "--family", "vibration", "--learn"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    return f"$ reedmesh import fan --rate 20 --window 60 --family vibration --learn\n{done.stdout}"


async def _terminal(browser: Browser, text: str) -> None:
    for size, width in (("", 1000), ("-phone", 390)):
        page = await browser.new_page(viewport={"width": width, "height": 200})
        style = "margin:0;padding:1rem;background:#12171c;color:#e8edf2;font:14px/1.45 monospace;white-space:pre-wrap"
        await page.set_content(f'<body style="margin:0"><pre style="{style}">{escape(text)}</pre>')
        await page.screenshot(path=IMAGES / f"import{size}.png", full_page=True)
        await page.close()


if __name__ == "__main__":
    main()
