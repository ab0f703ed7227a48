"""The page of parts in a real browser: verdicts, curves, labels by one click, in bulk and taken back, figures, CSV."""

import time
from typing import Any

import pytest
from playwright.async_api import expect

from tests.e2e.dashboard_stage import WATCHING, Play, Stage
from tests.support.timeouts import PATIENCE

POINTS = 10


class Press:
    """A gateway's answers about one station with six parts, the last two NOK."""

    def __init__(self) -> None:
        self.labels: dict[int, str] = {2: "NOK"}
        self.answers = {"stations": lambda _: {"stations": ["press"]}, "parts": self.parts, "quality": self.quality}
        self.answers["label"] = self.label
        self.began = time.time() - 60

    def part(self, number: int) -> dict[str, Any]:
        fault = "crack" if number > 4 else ""
        curve = [20 + 3 * i + (60 if fault and i == 4 else 0) for i in range(POINTS)]
        about = {"boot": 7, "number": number, "at": self.began + number, "part": f"A-{number}", "latency": 4200}
        verdict = {"verdict": "NOK" if fault else "OK", "fault": fault, "label": self.labels.get(number, "")}
        return about | verdict | {"curve": curve}

    def parts(self, asked: dict[str, Any]) -> dict[str, Any]:
        known = [self.part(number) for number in range(1, 7)]
        found = [each for each in known if asked.get("since", 0) <= each["at"] < asked.get("until", 1e11)]
        low, high = [[20 + 3 * i + d for i in range(POINTS)] for d in (-5, 5)]
        trade = [{"at": at, "escape": at / 40, "overkill": 1 - at / 40} for at in range(40)]
        promise = {"ok": 20, "nok": 6, "overkill": 0.05, "overkill_bound": 0.139, "escape": 0.0, "escape_bound": 0.39}
        told = {"parts": found, "axes": 1, "low": low, "high": high, "trade": trade, "doubt": 12, "promise": promise}
        told["classes"] = ["OK", "crack", "no weld"]
        return told | {"missed": 1, "doubled": 2, "late": 0, "disagreements": 0}

    def quality(self, _: dict[str, Any]) -> dict[str, Any]:
        chart = {"mean": 0.1, "low": 0.0, "high": 0.3, "broken": [{"rule": 2, "says": "nine"}], "group": 50}
        values = {"mean": -9.0, "low": -20.0, "high": 2.0, "broken": [], "values": [-9.0, -8.0, -10.0]}
        told = {
            "parts": 6,
            "judged": 6,
            "yield": 0.667,
            "pareto": [["crack", 2]],
            "p_chart": chart | {"shares": [0.1, 0.2]},
        }
        estimate = {"escape": {"share": 0.0, "at_most": 0.95}, "overkill": None}
        return told | {"moving_range": values, "labelled": {"OK": 0, "NOK": 1}} | estimate

    def label(self, asked: dict[str, Any]) -> dict[str, Any]:
        for each in asked["parts"]:
            self.labels[each["number"]] = asked["label"]
        return {"sensor": "press", "labelled": len(asked["parts"]), "contradicted": []}


async def opened(stage: Stage) -> None:
    await stage.say("gw1/status", {"state": "online"})
    await stage.say("gw1/press/state", WATCHING)
    await expect(stage.page.locator("[data-standing]").first).to_be_visible()
    await stage.open(stage.page, "/parts")
    await expect(stage.page.locator("tr.part")).to_have_count(6)


@pytest.mark.parametrize("width", [390, 1280])
def test_a_part_is_shown_with_its_curve_and_labelled_by_one_click_and_back(play: Play, width: int) -> None:
    press = Press()

    async def scenario(stage: Stage) -> None:
        page = stage.page
        await page.set_viewport_size({"width": width, "height": 900})
        await opened(stage)
        newest = page.locator("tr.part").first
        await expect(newest).to_contain_text("A-6")
        await expect(newest).to_contain_text("crack")
        await expect(newest).to_contain_text("4.20 ms")
        await expect(page.get_by_role("heading", name="Curve of part A-6")).to_be_visible()
        await expect(page.get_by_text("1 of 10 points lie outside the band of OK parts.")).to_be_visible()
        await page.locator("tr.part", has_text="A-3").locator("td").first.click()
        await expect(page.get_by_role("heading", name="Curve of part A-3")).to_be_visible()
        await expect(page.get_by_text("0 of 10 points lie outside")).to_be_visible()
        await expect(page.locator("tr.part", has_text="A-2")).to_contain_text("contradicts the verdict")
        await newest.get_by_role("button", name="OK", exact=True).click()
        await expect(newest).to_contain_text("OK · contradicts the verdict")
        (asked,) = [given for verb, given in stage.requests if verb == "label"]
        assert (asked["sensor"], asked["label"]) == ("press", "OK") and asked["by"]
        assert asked["parts"] == [{"boot": 7, "number": 6}]
        await newest.get_by_role("button", name="crack", exact=True).click()
        await expect(page.get_by_text("1 labelled crack.")).to_be_visible()
        assert press.labels[6] == "crack"
        await page.get_by_role("button", name="Undo").click()
        await expect(page.get_by_text("The labels before are back.")).to_be_visible()
        assert press.labels[6] == "OK"
        assert await page.evaluate("document.documentElement.scrollWidth") <= width

    play(scenario, answers=press.answers)


def test_marked_parts_are_labelled_together(play: Play) -> None:
    press = Press()

    async def scenario(stage: Stage) -> None:
        page = stage.page
        await opened(stage)
        for name in ("A-5", "A-6"):
            await page.locator("tr.part", has_text=name).get_by_role("button", name="Mark", exact=True).click()
        await page.get_by_label("Label", exact=True).fill("no weld")
        await page.get_by_role("button", name="Label marked parts").click()
        await expect(page.get_by_text("2 labelled no weld.")).to_be_visible()
        await expect(page.locator("td[data-label=Label]", has_text="no weld")).to_have_count(2)
        assert press.labels == {2: "NOK", 5: "no weld", 6: "no weld"}

    play(scenario, answers=press.answers)


def test_quality_tells_yield_faults_charts_and_the_trade(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await opened(stage)
        for text in ("67", "0 %, at most 95 % (95 %)", "Rule 2: nine points in a row", "No rule is broken."):
            await expect(page.get_by_text(text.replace(" %", "\N{NARROW NO-BREAK SPACE}%")).first).to_be_visible()
        await expect(page.locator("tbody tr", has_text="crack").last).to_contain_text("2")
        await expect(page.get_by_text("Solid: NOK parts that would pass.")).to_be_visible()
        async with page.expect_download(timeout=1000 * PATIENCE) as coming:
            await page.get_by_role("link", name="As CSV").click()
        rows = (await (await coming.value).path()).read_text("utf-8-sig").splitlines()
        assert len(rows) == 7 and rows[0].startswith("at,part,boot,number,verdict")
        assert [row.split(",")[1] for row in rows[1:]] == [f"A-{number}" for number in range(1, 7)]

    play(scenario, answers=Press().answers)
