"""The page of a line that has nothing yet: first steps with commands, a test alert, an invitation as a QR code."""

from typing import Any

import pytest
from playwright.async_api import expect

from reedmesh.identity.invitation import sealed_by
from tests.e2e.dashboard_stage import Play, Stage

TOKEN = "rm1." + "A" * 180
WATCHING = {"state": "watching", "online": True, "threshold": 1.0, "score": 0.5}


def sealed(_: dict[str, Any]) -> dict[str, Any]:
    return {"sealed": sealed_by("", TOKEN), "until": 9e9}


def test_an_empty_line_offers_the_first_steps_and_one_with_a_sensor_no_more(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/info", {"version": "0.2.0"})
        steps = stage.page.locator(".first .step")
        await expect(steps).to_have_count(4)
        for command in ("sensor add", "reedmesh invite", "reedmesh import", "test-alert"):
            await expect(stage.page.locator(".first code", has_text=command)).to_be_visible()
        await stage.page.get_by_role("button", name="Send it").click()
        await expect(stage.page.get_by_role("status").filter(has_text="stands for half a minute")).to_be_visible()
        assert ("test-alert", "this computer") in [(verb, asked.get("by")) for verb, asked in stage.requests]
        await stage.say("gw1/press3/state", WATCHING)
        await expect(steps.first).to_be_hidden()

    play(scenario, answers={"test-alert": lambda _: {"until": 1.0}})


@pytest.mark.parametrize("open_", [True, False])
def test_an_open_invitation_is_shown_as_a_code_and_as_a_line(play: Play, open_: bool) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/status", {"state": "online"})
        await stage.say("gw1/info", {"version": "0.2.0"})
        await stage.page.get_by_role("button", name="Show the open invitation").click()
        if open_:
            await expect(stage.page.get_by_role("img", name="QR code of the invitation")).to_be_visible()
            await expect(stage.page.locator(".invitation code")).to_have_text(f"sudo reedmesh join {TOKEN}")
        else:
            await expect(stage.page.get_by_role("status").filter(has_text="No invitation is open")).to_be_visible()

    play(scenario, answers={"invitation": sealed if open_ else lambda _: {}})
