"""The dashboard for everybody: WCAG 2.2 AA by axe-core on every page, light and dark, and the keyboard alone."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect

from reedmesh.dashboard.model.passwords import hashed
from tests.dashboard.model.test_archive import ARCHIVE
from tests.dashboard.model.test_pool import POOL
from tests.dashboard.model.test_provenance import PROVENANCE
from tests.dashboard.pages.test_pages import LEARNING
from tests.e2e.dashboard_stage import ALERT, WATCHING, Answers, Play, Stage

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
STEP = {"at": 5.0, "what": "acknowledged", "who": "Ana", "text": "on my way"}
FEATURES = [{"feature": "band 1", "axis": 0, "hz": [1.0, 10.0]}, {"feature": "RMS", "axis": 0}]
STATES: dict[str, dict[str, Any]] = {
    "press3": WATCHING | {"alert": "press3-1", "score": 4.5, "refusal": "400 too large"},
    "press4": {"state": "learning", "online": True, "progress": 0.25},
    "press5": WATCHING | {"online": False},
    "press6": WATCHING,
}
ANSWERS: Answers = {
    "alert": lambda _: {
        "alert": ALERT | {"journal": [STEP]},
        "contributions": [FEATURES[0] | {"share": 0.9}, FEATURES[1] | {"share": 0.1}],
    },
    "history": lambda asked: {"threshold": 1.5, "at": [asked["since"] + 9], "mean": [0.5], "top": [9.0]},
    "spectrum": lambda _: {
        "at": 5.0,
        "features": FEATURES,
        "now": [3.0, 40.0],
        "normal": [2.0, 10.0],
        "spread": [1, 1],
    },
    "models": lambda _: {"in_service": 2, "models": [{"sequence": 2, "made": 9.0, "bytes": 9000}]},
    "alerts": lambda _: {"alerts": [ALERT]},
    "passport": lambda _: {"fault": "passport: not signed by us", "passport": None},
    "learning": lambda _: LEARNING,
    "provenance": lambda _: PROVENANCE,
    "jobs": lambda _: POOL,
    "archive": lambda _: ARCHIVE,
    "config": lambda _: {"name": "gw1", "broker": {"port": 1883}},
}
PAGES = {  # path: what is there when it is complete
    "/": ".sensor:nth-child(4)",
    "/gateway/gw1/alert/press3-1": ".journal li",
    "/gateway/gw1/sensor/press3": "tbody tr",
    "/learning": "tbody tr",
    "/provenance": "tbody tr",
    "/pool": "tbody tr",
    "/archive": "tbody tr",
    "/settings": "section:nth-child(2) tbody tr",
    "/add": ".step:nth-child(4)",
}


async def faults(stage: Stage, page: Page) -> list[str]:
    """What axe has to complain of, with the elements."""
    stage.tolerated = "Applying inline style"  # axe tries some, which the page's policy forbids
    found = await Axe().run(page, options=RULES)
    return [f"{each['id']}: {node['html']}" for each in found.response["violations"] for node in each["nodes"]]


async def line(stage: Stage) -> None:
    """Sensors of every kind, and alerts."""
    alerts = [
        ALERT,
        ALERT | {"id": "b", "state": "acknowledged", "by": "Ana"},
        ALERT | {"id": "c", "shelved_until": 9e9},
    ]
    await stage.say("gw1/info", {"version": "0.1.0", "neighbours": {"gw2": 1}})
    await stage.say("gw2/info", {"version": "0.1.0"})
    await stage.say("gw2/status", {"state": "offline"})
    await stage.say("gw1/alerts", {"alerts": alerts})
    for name, state in STATES.items():
        await stage.say(f"gw1/{name}/state", state)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_keeps_wcag_aa(play: Play, scheme: Any) -> None:
    async def scenario(stage: Stage) -> None:
        await line(stage)
        async with stage.browser(color_scheme=scheme, reduced_motion="reduce") as page:
            for path, last in PAGES.items():
                await stage.open(page, path)
                await expect(page.locator(last).first).to_be_visible()
                assert await faults(stage, page) == [], path

    play(scenario, running=("broker", "dashboard"), answers=ANSWERS)


def test_the_login_keeps_it_too(play: Play, tmp_path: Path) -> None:
    file = tmp_path / "dashboard.toml"
    file.write_text(f'[[accounts]]\nname = "Ana"\npassword = "{hashed("correct horse")}"\n')

    async def scenario(stage: Stage) -> None:
        for scheme in ("light", "dark"):
            await stage.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            assert await faults(stage, stage.page) == []

    play(scenario, "--config", str(file))


def test_an_alert_is_acknowledged_with_the_keyboard_alone(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await line(stage)
        await expect(page.locator(".alert").first).to_be_visible()
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.locator(".alert a").first).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page.get_by_label("Note")).to_be_visible()
        for _ in range(20):
            await page.keyboard.press("Tab")
            if await page.get_by_role("button", name="Acknowledge").evaluate("it => it === document.activeElement"):
                break
        await page.keyboard.press("Space")
        await expect(page.get_by_role("status").filter(has_text="Acknowledged.")).to_be_visible()
        assert "ack" in [verb for verb, _ in stage.requests]

    play(scenario, answers=ANSWERS | {"ack": lambda _: {}})
