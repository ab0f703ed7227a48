"""Logging in to the dashboard, in a real browser: who may look, who may act, and what other sites can do: nothing."""

import http.client
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Page, expect

from reedmesh.dashboard.model.passwords import hashed
from tests.e2e.dashboard_stage import ALERT, WATCHING, Play, Stage
from tests.support.timeouts import PATIENCE

SECRET = "correct horse battery"


@pytest.fixture
def options(tmp_path: Path) -> list[str]:
    """A config with an operator and a viewer."""
    file = tmp_path / "dashboard.toml"
    known = hashed(SECRET)
    file.write_text(
        f'[[accounts]]\nname = "Ana"\nrole = "operator"\npassword = "{known}"\n'
        f'[[accounts]]\nname = "<i>Rui</i>"\npassword = "{known}"\n'
    )
    return ["--config", str(file)]


async def log_in(page: Page, name: str, password: str = SECRET) -> None:
    await page.get_by_label("Name").fill(name)
    await page.get_by_label("Password").fill(password)
    await page.get_by_role("button", name="Log in").click()


def test_an_operator_acts_under_their_name_and_a_viewer_looks(play: Play, options: list[str]) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await expect(page.get_by_role("heading", name="reedmesh")).to_be_visible()
        await stage.say("gw1/press3/state", WATCHING)
        await stage.say("gw1/alerts", {"alerts": [ALERT]})
        await log_in(page, "Ana", "wrong horse battery")
        await expect(page.get_by_role("alert")).to_contain_text("do not belong together")
        await stage.open(page, "/gateway/gw1/alert/press3-1")
        await log_in(page, "Ana")
        await expect(page.get_by_role("heading", name="Alert: press3")).to_be_visible()
        await expect(page.locator("footer")).to_contain_text("Ana (operator)")
        await page.get_by_role("button", name="Acknowledge").click()
        await expect(page.get_by_role("status")).to_contain_text("Acknowledged.")
        [asked] = [asked for verb, asked in stage.requests if verb == "ack"]
        assert (asked["alert"], asked["by"]) == ("press3-1", "Ana")
        async with stage.browser() as other:
            await stage.open(other, "/gateway/gw1/alert/press3-1")
            await log_in(other, "<i>Rui</i>")
            await expect(other.locator("footer")).to_contain_text("<i>Rui</i> (viewer)")
            await expect(other.get_by_role("heading", name="Alert: press3")).to_be_visible()
            await expect(other.get_by_role("button", name="Acknowledge")).to_have_count(0)
            await expect(other.get_by_role("main")).to_contain_text("log in as an operator")

    play(scenario, *options, answers={"ack": lambda asked: {}, "alert": lambda asked: {"alert": ALERT}})


def test_whose_session_is_over_sees_no_more(play: Play, options: list[str]) -> None:
    async def scenario(stage: Stage) -> None:
        await log_in(stage.page, "Ana")
        await expect(stage.page.get_by_role("button", name="Log out")).to_be_visible()
        second = await stage.page.context.new_page()
        await second.goto(stage.url)
        await second.get_by_role("button", name="Log out").click()
        await expect(second.get_by_label("Password")).to_be_visible()
        await expect(stage.page.get_by_label("Password")).to_be_visible()
        await stage.page.go_back()
        await expect(stage.page.get_by_label("Password")).to_be_visible()

    play(scenario, *options)


def test_who_guesses_waits(play: Play, options: list[str]) -> None:
    async def scenario(stage: Stage) -> None:
        for _ in range(5):
            await log_in(stage.page, "Ana", "guessed")
            await expect(stage.page.get_by_role("alert")).to_contain_text("do not belong")
        await log_in(stage.page, "Ana")
        await expect(stage.page.get_by_role("alert")).to_contain_text("Too many tries")
        stage.complaints.clear()

    play(scenario, *options)


def test_a_page_of_another_site_gets_no_socket(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        place = urlsplit(stage.url).netloc
        statuses = [upgrade(place, place, origin) for origin in (stage.url, "http://evil.example")]
        statuses += [upgrade(place, "evil.example", "http://evil.example")]
        assert statuses == [101, 403, 403]

    play(scenario, running=("broker", "dashboard"))


def upgrade(place: str, host: str, origin: str) -> int:
    """What a browser hears that asks for a WebSocket from a page of `origin`."""
    connection = http.client.HTTPConnection(place, timeout=PATIENCE)
    connection.putrequest("GET", "/_nicegui_ws/socket.io/?EIO=4&transport=websocket", skip_host=True)
    headers = {"Host": host, "Origin": origin, "Connection": "Upgrade", "Upgrade": "websocket"}
    for name, value in {
        **headers,
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    }.items():
        connection.putheader(name, value)
    connection.endheaders()
    status = connection.getresponse().status
    connection.close()
    return status
