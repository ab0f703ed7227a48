"""The box in which one asks the line, in a real browser: answers, evidence, suggestions, feedback, hostile text."""

from typing import Any

from playwright.async_api import expect

from reedmesh.assistant.answer import Query, answer
from reedmesh.assistant.understand import Intent, understand
from tests.e2e.dashboard_stage import WATCHING, Play, Stage
from tools.bench.support.scripted_line import NOW, SENSORS, SHIFTS, ScriptedLine

SCRIPT = "<script>document.title = 'broken into'</script><img src=x onerror=alert(1)>"
BOX = ".question"


def asked(given: dict[str, Any]) -> dict[str, Any]:
    """What the line written by hand answers."""
    intent = understand(given["text"], SENSORS, given["language"]) if "text" in given else Intent("report")
    return _finished(answer(Query(intent, ScriptedLine(), NOW, SHIFTS))).table(NOW)


def _finished(work: Any) -> Any:
    """What a coroutine that waits for nothing returns."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


async def opened(stage: Stage) -> Any:
    await stage.say("hall1/info", {"version": "0.1.0", "family": {"name": "vibration"}})
    await stage.say("hall1/press-2/state", WATCHING)
    await expect(stage.page.locator(".gateway")).to_have_count(1)
    return stage.page.locator(BOX)


def test_a_question_is_answered_with_links_to_the_evidence_in_its_own_language(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        box = await opened(stage)
        await box.get_by_label("Ask the line").fill("Pourquoi la presse 2 sonne ?")
        await box.get_by_label("Ask the line").press("Enter")
        await expect(box.locator("li").first).to_contain_text("press-2 est en alerte depuis 02:13")
        await expect(box.locator("li").first).to_contain_text("59\u202fmin")
        evidence = box.locator("li").first.get_by_role("link")
        await expect(evidence).to_have_attribute("href", "/gateway/hall1/alert/press-2-a")
        [(verb, given)] = [each for each in stage.requests if each[0] == "ask"]
        assert (verb, given["text"], given["language"]) == ("ask", "Pourquoi la presse 2 sonne ?", "en")
        assert await stage.never_reloaded()

    play(scenario, answers={"ask": asked})


def test_only_the_gateway_of_a_sensor_is_asked_about_it(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        box = await opened(stage)
        await stage.say("hall2/info", {"version": "0.1.0", "family": {"name": "vibration"}})
        await stage.say("hall2/press-2-old/state", WATCHING)
        await expect(stage.page.locator(".gateway")).to_have_count(2)
        await box.get_by_label("Ask the line").fill("Why does press-2 alarm?")
        await box.get_by_role("button", name="Ask").click()
        await expect(box.locator("h3")).to_have_text(["hall1"])
        assert len([verb for verb, _ in stage.requests if verb == "ask"]) == 1

    play(scenario, answers={"ask": asked})


def test_what_is_not_understood_offers_questions_that_one_click_asks(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        box = await opened(stage)
        await box.get_by_label("Ask the line").fill("tell me the meaning of life")
        await box.get_by_role("button", name="Ask").click()
        await expect(box).to_contain_text("I can answer these:")
        await box.get_by_role("button", name="Which machine should I see first?").click()
        await expect(box).to_contain_text("See press-2 first:")
        await box.get_by_role("button", name="Report of this shift").click()
        await expect(box).to_contain_text("Report of hall1, from 2026-11-29 22:00 to 03:12.")

    play(scenario, answers={"ask": asked, "report": asked})


def test_an_operator_says_that_an_answer_helped(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        box = await opened(stage)
        await box.get_by_label("Ask the line").fill("Why does press 2 alarm?")
        await box.get_by_role("button", name="Ask").click()
        await box.get_by_role("button", name="That helped").click()
        await expect(box).to_contain_text("Kept with the alert.")
        [given] = [each for verb, each in stage.requests if verb == "feedback"]
        assert (given["alert"], given["answer"], given["by"]) == ("press-2-a", "helped", "this computer")

    play(scenario, answers={"ask": asked, "feedback": lambda _: {}})


def test_an_alert_s_page_says_where_to_look_and_keeps_whether_that_helped(play: Play) -> None:
    line = ScriptedLine()
    told = asked({"text": "Why does press-2 alarm?", "language": "en"})  # the tables are read before the page waits
    answers = {
        "alert": lambda given: _finished(line.alert(given["alert"])),
        "history": lambda _: {"at": [], "mean": [], "top": [], "threshold": 1.0},
        "why": lambda _: told,
        "feedback": lambda _: {},
    }

    async def scenario(stage: Stage) -> None:
        alert = _finished(line.alert("press-2-a"))["alert"]
        await opened(stage)
        await stage.say("hall1/alerts", {"alerts": [alert | {"worst": 3.4, "limit": 1.0, "call": True}], "open": 1})
        await expect(stage.page.locator(".alert")).to_contain_text("new · calls people")
        await stage.page.locator(".alert a").click()
        places = stage.page.locator(".places")
        await expect(places.locator("li").first).to_contain_text("bearing's outer ring")
        await places.get_by_role("button", name="That is wrong").click()
        await expect(places).to_contain_text("Kept with the alert.")
        [given] = [each for verb, each in stage.requests if verb == "feedback"]
        assert (given["alert"], given["answer"]) == ("press-2-a", "wrong")

    play(scenario, answers=answers)


def test_a_hostile_answer_is_text_and_nothing_else(play: Play) -> None:
    lines = [
        {"kind": "alert.none", "text": SCRIPT, "alert": "../../logout", "sensor": 7},
        "no fact",
        {"kind": "can.line"},
    ]

    async def scenario(stage: Stage) -> None:
        box = await opened(stage)
        await box.get_by_label("Ask the line").fill("Why?")
        await box.get_by_role("button", name="Ask").click()
        await expect(box.locator("li").first).to_contain_text(SCRIPT)
        href = await box.locator("li").first.get_by_role("link").get_attribute("href")
        assert href == "/gateway/hall1/alert/..%2F..%2Flogout"

    play(scenario, answers={"ask": lambda _: {"facts": lines, "by": SCRIPT, "trouble": 7}})
