"""The pages for learning, settings and sensors in a real browser, with answers of gateways, and hostile ones."""

import re
from typing import Any

from playwright.async_api import expect

from tests.dashboard.model.test_archive import ARCHIVE
from tests.dashboard.model.test_pool import POOL
from tests.dashboard.model.test_provenance import PROVENANCE
from tests.dashboard.pages.test_pages import LEARNING, ROUND
from tests.e2e.dashboard_stage import ALERT, WATCHING, Play, Stage

SCRIPT = "<script>document.title = 'broken into'</script><img src=x onerror=alert(1)>"
INFO = {"version": "0.1.0", "family": {"name": "vibration"}}
MADE = re.compile("M")  # of a path that was drawn
FEATURES = [{"feature": "band 1", "axis": 0, "hz": [1.0, 10.0]}, {"feature": "band 2", "axis": 0, "hz": [10.0, 100.0]}]


def test_learning_shows_who_was_merged_and_who_was_not(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/info", INFO | {"neighbours": {"gw2": 4, "gw3": 1}})
        await stage.say("gw2/info", INFO)
        await stage.say("a1b2c3/status", {"state": "online"})  # a name that gateways use among themselves
        await expect(page.locator(".gateway")).to_have_count(2)
        await page.get_by_role("link", name="Learning").click()
        await expect(page.locator(".graph text")).to_have_text(["gw1", "gw2"])
        first = page.locator("section", has=page.get_by_role("heading", name="gw1"))
        await expect(first.get_by_role("row", name="gw2 4")).to_contain_text("25\u202f%")
        await expect(first.locator("tbody").last).to_contain_text("gw3: loss 0.9 on our own windows · gw4: late")
        await expect(first.locator("tbody").last).to_contain_text("press3 1\u202f% → 0\u202f%")
        await expect(page.locator(".graph .merged")).to_have_attribute("d", MADE)

    play(scenario, answers={"learning": lambda asked: LEARNING})


def test_provenance_shows_receipts_accounts_and_a_neighbour_with_two_pasts(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/info", INFO | {"neighbours": {"gw2": 4}})
        await expect(page.locator(".gateway")).to_have_count(1)
        await page.get_by_role("link", name="Provenance").click()
        model = page.get_by_role("row", name="press3 · 4")
        await expect(model).to_contain_text("efefefefefef in entry 17")
        await expect(model).to_contain_text("can be learnt again")
        await expect(page.get_by_role("row", name="gw2 3 taken")).to_contain_text("30 (it agrees to 20)")
        await expect(page.get_by_role("row", name="gw3")).to_contain_text("it shows two pasts")
        await expect(page.locator("figure .scores")).to_have_attribute("d", MADE)

    play(scenario, answers={"provenance": lambda asked: PROVENANCE})


def test_the_archive_shows_what_may_still_be_lost_and_who_is(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/info", INFO)
        await stage.open(page, "/archive")
        await expect(page.locator("dl")).to_contain_text("cannot be read now")
        await expect(page.get_by_role("row", name="press3 7")).to_contain_text("3 of 4 · 1 missing")
        await expect(page.get_by_role("row", name="press3 7")).to_contain_text("none")
        await expect(page.get_by_role("row", name="gw3 · lost")).to_contain_text("30 passed, 2 not")
        await expect(page.get_by_role("row", name="gw4")).to_contain_text("takes no part")

    play(scenario, answers={"archive": lambda asked: ARCHIVE})


def test_the_pool_shows_who_lends_and_who_is_out(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/info", INFO)
        await stage.open(page, "/pool")
        await expect(page.locator("dl")).to_contain_text("2 open alerts")
        await expect(page.locator("dl")).to_contain_text("3.5 s lent, 12.0 s borrowed")
        await expect(page.get_by_role("row", name="gw2 12")).to_contain_text("12.0 s, 8 jobs")
        await expect(page.get_by_role("row", name="gw3 0")).to_contain_text("its result was another")

    play(scenario, answers={"jobs": lambda asked: POOL})


def test_settings_are_shown_without_secrets_and_alerts_can_be_taken_along(play: Play) -> None:
    told = {"name": "gw1", "state": SCRIPT, "neighbours": [{"password": "hunter2"}]}
    alerts = [ALERT | {"sensor": "=1+1", "journal": [{"at": 5.0, "what": "commented", "who": "Ana", "text": "warm"}]}]

    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/info", INFO)
        await stage.open(page, "/settings")
        await expect(page.get_by_role("row", name="state")).to_contain_text(SCRIPT)
        await expect(page.get_by_role("row", name="neighbours[0].password")).to_contain_text("***")
        assert "hunter2" not in await page.content()
        async with page.expect_download() as coming:
            await page.get_by_role("link", name="Alerts of all gateways").click()
        download = await coming.value
        text = (await download.path()).read_text()
        assert download.suggested_filename.endswith("-alerts.csv")
        assert "gw1,press3-1,'=1+1,anomaly,3,new" in text and "commented Ana warm" in text

    play(scenario, answers={"config": lambda asked: told, "alerts": lambda asked: {"alerts": alerts}})


def test_a_sensor_is_learnt_anew_after_a_second_question(play: Play) -> None:
    def history(asked: dict[str, Any]) -> dict[str, Any]:
        times = [asked["since"] + 60 * i for i in range(20)]
        return {"threshold": 1.5, "at": times, "mean": [0.5] * 20, "top": [9.0] * 20}

    spectrum = {"at": 5.0, "features": FEATURES, "now": [3.0, 40.0], "normal": [2.0, 10.0], "spread": [1.0, 1.0]}
    models = {"in_service": 2, "models": [{"sequence": 2, "made": 9.0, "bytes": 9000}, {"sequence": 1}]}
    answers = {"history": history, "spectrum": lambda asked: spectrum, "models": lambda asked: models}
    figures = {"learnt": 180, "held_out": 60, "loss": 0.5, "false_alarms": 0.0488}
    papers = {"made": "2026-11-25T14:00:00Z", "maker": {"gateway": "gw1", "fingerprint": "ab" * 16}, "figures": figures}
    papers |= {"merged": [{"gateway": "gw2", "share": 0.32, "worth": 0.01}]}
    answers |= {"passport": lambda asked: {"sha256": "cd" * 32, "fault": "", "passport": papers}}
    answers |= {"alerts": lambda asked: {"alerts": [ALERT]}, "relearn": lambda asked: {"windows": 240}}

    async def scenario(stage: Stage) -> None:
        page = stage.page
        hello = {"board": "esp32", "memory": {"free": 2048, "used": 2048}, "rssi": -61}
        await stage.say("gw1/press3/hello", hello)
        await stage.say("gw1/press3/state", WATCHING | {"refusal": SCRIPT, "sequence": 2})
        await page.get_by_role("link", name="press3").click()
        await expect(page.locator("main > .facts")).to_contain_text("2 KiB of 4 KiB free")
        await expect(page.locator("main > .facts")).to_contain_text("-61 dBm")
        await expect(page.locator(".scores-over-time figcaption")).to_contain_text("6.00 × the threshold of 1.50")
        await expect(page.locator(".panels .now")).to_have_attribute("d", MADE)
        await expect(page.locator("tbody tr").first).to_contain_text("in service")
        await expect(page.locator(".past li")).to_have_count(1)
        made_of = page.get_by_role("region", name="Where its model comes from")
        await expect(made_of).to_contain_text("gw2 (32\u202f%)")
        await expect(made_of).to_contain_text("by gw1, key abababababababab")
        await page.get_by_role("button", name="24 h").click()
        await expect(page.get_by_role("button", name="24 h")).to_have_attribute("aria-pressed", "true")
        await page.get_by_role("button", name="Learn anew").click()
        assert "relearn" not in [verb for verb, _ in stage.requests]
        await page.get_by_role("button", name="Learn anew: yes").click()
        await expect(page.get_by_text("It is learnt anew from now on.")).to_be_visible()
        asked = dict(stage.requests)
        assert (asked["relearn"]["sensor"], asked["relearn"]["by"]) == ("press3", "this computer")
        assert asked["history"]["until"] - asked["history"]["since"] == 86400

    play(scenario, answers=answers)


def test_a_gateway_that_does_not_answer_or_refuses_is_told_of(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        page = stage.page
        await stage.say("gw1/alerts", {"alerts": [ALERT]})
        await stage.open(page, "/gateway/gw1/alert/press3-1")
        await expect(page.locator("main > .faults")).to_contain_text("does not answer now")
        await expect(page.get_by_role("heading", name="Alert: press3")).to_be_visible()

    play(scenario)


def test_it_speaks_portuguese_to_who_does(play: Play) -> None:
    async def scenario(stage: Stage) -> None:
        await stage.say("gw1/press3/state", WATCHING)
        async with stage.browser(locale="pt-PT") as page:
            await stage.open(page, "/")
            await expect(page.get_by_role("heading", name="Nenhum alerta aberto")).to_be_visible()
            await expect(page.locator(".sensor")).to_contain_text("0,50")
            await expect(page.locator("html")).to_have_attribute("lang", "pt")
            await page.get_by_role("link", name="English").click()
            await expect(page.get_by_role("heading", name="No open alerts")).to_be_visible()
            await page.get_by_role("link", name="Dark").click()
            await expect(page.locator("body.body--dark")).to_be_visible()
            await stage.open(page, "/learning")
            await expect(page.get_by_role("heading", name="Learning together")).to_be_visible()
            await expect(page.locator("body.body--dark")).to_be_visible()

    play(scenario, running=("broker", "dashboard"), answers={"learning": lambda asked: {"merges": [ROUND]}})
