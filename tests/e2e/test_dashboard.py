"""The first page in a real browser: what gateways say appears at once, nothing of it is executed, outages are told."""

import re
from contextlib import AsyncExitStack
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.dashboard_stage import ALERT, WATCHING, Play, Stage

SCRIPT = "<script>document.title = 'broken into'</script>"


def test_an_alert_appears_without_reload(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/press3/state", WATCHING)
        await expect(page.locator("[data-standing=watching] h3")).to_have_text("press3")
        await expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
        await stage.say("gw1/press3/state", WATCHING | {"score": 4.5, "windows": 8})
        await stage.say("gw1/alert", {"type": "new"} | ALERT)
        await expect(page.locator(".alert")).to_contain_text("press3")
        await expect(page.locator(".alert")).to_contain_text("3.00 × threshold now")
        await expect(page.locator(".alert")).to_contain_text("4.50 against 1.50")
        await expect(page.locator("[data-standing=alert] h3")).to_have_text("press3")
        await expect(page).to_have_title("(1) reedmesh")
        await stage.say("gw1/alert", {"type": "end"} | ALERT)
        await expect(page.locator(".alert")).to_have_count(0)
        assert await stage.never_reloaded()

    play(scenario)


def test_an_alert_is_there_within_two_seconds(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        await expect(stage.page.locator(".sensor")).to_be_visible()
        assert await stage.is_soon()

    play(scenario)


def test_what_brokers_retained_is_there_at_once(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/alerts", {"alerts": [ALERT]})
        await stage.say("gw1/press3/state", WATCHING | {"alert": "press3-1"})
        await stage.say("gw1/press4/state", {"state": "learning", "online": True, "progress": 0.25})
        async with stage.dashboard(), stage.looking():
            await expect(stage.page.locator(".sensor h3")).to_have_text(["press3", "press4"])
            await expect(stage.page.get_by_role("progressbar")).to_have_attribute("value", "0.25")

    play(scenario, running=("broker",))


def test_hostile_strings_are_text(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/status", {"state": SCRIPT})
        await stage.say("gw1/info", {"version": SCRIPT, "family": {"name": "`${alert(1)}`"}})
        await stage.say("gw1/press3/state", WATCHING | {"state": SCRIPT, "refusal": SCRIPT})
        await stage.say("gw1/alerts", {"alerts": [ALERT | {"sensor": SCRIPT, "state": "{{ 7 * 7 }}\u202e"}]})
        page = stage.page
        await expect(page.locator(".alert")).to_contain_text(SCRIPT)
        await expect(page.locator(".alert")).to_contain_text("{{ 7 * 7 }}\N{REPLACEMENT CHARACTER}")
        await expect(page.locator(".sensor .faults")).to_contain_text(SCRIPT)
        await expect(page.locator(".gateway > header")).to_contain_text("`${alert(1)}`")
        await page.reload()  # what is on the page from the start goes another way than what comes later
        await expect(page.locator(".alert")).to_contain_text(SCRIPT)
        await expect(page.locator(".gateway > header")).to_contain_text("`${alert(1)}`")
        await expect(page).to_have_title("(1) reedmesh")

    play(scenario)


def test_no_request_leaves_this_computer(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        await expect(stage.page.locator(".sensor")).to_be_visible()
        await stage.page.evaluate("document.fonts.ready.then(() => null)")
        assert stage.asked == {"127.0.0.1"}

    play(scenario)


def test_says_that_a_broker_is_gone_and_recovers(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        outage = stage.page.locator(".outage")
        async with stage.broker():
            await stage.say("gw1/press3/state", WATCHING)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible()
        await expect(outage).to_contain_text(re.compile("No connection to broker 127.0.0.1:"))
        await expect(stage.page.locator("[data-standing=offline]")).to_be_visible()
        async with stage.broker():
            await stage.say("gw1/press3/state", WATCHING | {"windows": 8})
            await expect(outage).to_have_count(0)
            await expect(stage.page.locator("[data-standing=watching]")).to_be_visible()
        assert await stage.never_reloaded()

    play(scenario, running=("dashboard", "looking"))


def test_says_that_the_dashboard_is_gone_and_recovers(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        async with AsyncExitStack() as browser:
            async with stage.dashboard():
                await browser.enter_async_context(stage.looking())
                await expect(stage.page.locator(".sensor")).to_be_visible()
            await expect(stage.page.get_by_text("Connection lost")).to_be_visible()
            async with stage.dashboard():
                await expect(stage.page.get_by_text("Connection lost")).to_be_hidden()
                await expect(stage.page.locator("[data-standing=watching]")).to_be_visible()

    play(scenario, running=("broker",))


def test_a_browser_that_lost_track_loads_the_page_anew(play: Play) -> None:
    """NiceGUI would have it evaluate a script for that, which the page's policy forbids."""

    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        await expect(stage.page.locator(".sensor")).to_be_visible()
        async with stage.page.expect_event("load"):
            await stage.page.evaluate("window.nextMessageId = -1; window.socket.io.engine.close()")
        assert not await stage.never_reloaded()
        await expect(stage.page.locator("[data-standing=watching]")).to_be_visible()

    play(scenario)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_follows_the_system_and_fits_a_phone(play: Play, scheme: Any) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.page.emulate_media(color_scheme=scheme)
        await stage.page.set_viewport_size({"width": 320, "height": 640})
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/a-name-of-thirty-two-characters-/state", WATCHING | {"refusal": "x" * 120})
        await expect(stage.page.locator(".sensor")).to_be_visible()
        await expect(stage.page.locator("body")).to_have_class(re.compile(f"body--{scheme}"))
        assert await stage.page.evaluate("document.documentElement.scrollWidth") <= 320

    play(scenario)
