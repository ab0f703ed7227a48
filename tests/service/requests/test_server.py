"""What people ask of a gateway, through the whole of it, over a broker in memory: answered, stored, told."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from reedmesh.links.message import Message
from reedmesh.service.requests import sensor_requests
from tests.service.test_gateway import LEARN, World, feed, sounds, taught, world
from tests.support.timeouts import PATIENCE


class Client:
    """Somebody with a page or a command line."""

    def __init__(self, it: World) -> None:
        self._it = it
        self._count = 0

    async def ask(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """The answer, an error or not."""
        self._count += 1
        mine = str(self._count)
        payload = json.dumps({**arguments, "transaction": mine}).encode()
        await self._it.broker.link().publish(Message(f"reedmesh/gw/request/{verb}", payload, qos=1))
        answer = await self._it.until(
            lambda topic, value: topic.startswith("response/") and value.get("transaction") == mine
        )
        assert isinstance(answer, dict)
        return answer

    async def data(self, verb: str, **arguments: Any) -> dict[str, Any]:
        """What was asked for."""
        answer = await self.ask(verb, **arguments)
        assert answer["status"] == "ok", answer
        return dict(answer["data"])


async def alarmed(it: World) -> dict[str, Any]:
    """The alert of a sensor whose machine fails."""
    sensor = await taught(it, "press")
    await feed(sensor, sounds()["normal"][:20])
    await feed(sensor, sounds()["fault"][:10])
    return dict(await it.until(lambda topic, value: topic == "alert"))


def test_an_alert_is_taken_on_commented_and_its_journal_says_by_whom(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            client, alert = Client(it), await alarmed(it)
            await client.data("ack", alert=alert["id"], by="Ana")
            heard = await it.until(lambda topic, value: topic == "alert" and value["type"] == "update")
            assert (heard["state"], heard["by"], heard["who"]) == ("acknowledged", "Ana", "Ana")
            await client.data("comment", alert=alert["id"], by="Rui", text="bearing is warm")
            found = await client.data("alert", alert=alert["id"])
            steps = [(each["what"], each["who"], each["text"]) for each in found["alert"]["journal"]]
            young = "learnt from 100 windows: perhaps an operating state that they did not show"
            wanted = [("raised", "", young), ("acknowledged", "Ana", ""), ("commented", "Rui", "bearing is warm")]
            assert [each for each in steps if each[0] != "worsened"] == wanted
            shares = [each["share"] for each in found["contributions"]]
            assert len(shares) == 69 and 0.98 < sum(shares) < 1.02 and max(shares) > 2 / 69
            [listed] = (await client.data("alerts"))["alerts"]
            assert listed["id"] == alert["id"] and len(listed["journal"]) == len(steps)
        async with world(tmp_path) as it:
            [kept] = (await it.until(lambda topic, value: topic == "alerts"))["alerts"]
            assert kept["state"] == "acknowledged" and kept["by"] == "Ana"

    asyncio.run(story())


def test_not_a_fault_is_learnt_and_raises_no_second_alert(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            client, sensor = Client(it), await taught(it, "press")
            first = it.gateway.line.sensors["press"].sequence
            odd = sounds()["fault"]
            await feed(sensor, odd[:40])
            alert = await it.until(lambda topic, value: topic == "alert")
            it.heard.clear()
            await client.data("not-a-fault", alert=alert["id"], by="Ana", text="new tool")
            end = await it.until(lambda topic, value: topic == "alert" and value["type"] == "end")
            assert end["verdict"] == "not a fault"
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)
            assert it.gateway.line.sensors["press"].sequence == first + 1
            it.heard.clear()
            await feed(sensor, odd[40:80])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] >= LEARN + 80)
            assert it.alerts() == []

    asyncio.run(story())


def test_a_machine_is_learnt_anew_and_the_model_before_can_come_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            client, sensor = Client(it), await taught(it, "press")
            before = sensor.model
            assert "no earlier model" in (await client.ask("rollback", sensor="press", by="Ana"))["error"]
            await client.data("relearn", sensor="press", by="Ana")
            it.heard.clear()
            await feed(sensor, sounds()["fault"][: LEARN // 2])
            await it.until(lambda topic, value: topic == "press/state" and value.get("progress") == 0.5)
            assert it.alerts() == []
        async with world(tmp_path) as it:  # a restart forgets none of it
            client = Client(it)
            state = await it.until(lambda topic, value: topic == "press/state")
            assert state["state"] == "learning" and state["progress"] == 0.5
            again = await it.sensor("press")
            again.model, again.sequence = sensor.model, sensor.sequence
            taking = asyncio.create_task(it.obey(again))
            await feed(again, sounds()["fault"][LEARN // 2 : LEARN])
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)
            assert again.model and before and again.model.digest != before.digest
            made = await client.data("models", sensor="press")
            assert [each["sequence"] for each in made["models"]] == [2, 1] and made["in_service"] == 2
            shown = await client.data("passport", sensor="press")
            assert shown["fault"] == "" and shown["sha256"] == shown["passport"]["sha256"] == again.model.digest.hex()
            assert {"name": "before", "sha256": before.digest.hex()} in shown["passport"]["sources"]
            it.heard.clear()
            await client.data("rollback", sensor="press", by="Ana")
            await it.until(lambda topic, value: topic == "press/model/status" and value["code"] == 200)
            assert again.model.digest == before.digest and again.sequence == 3
            taking.cancel()

    asyncio.run(story())


def test_a_shelf_outlives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            client, alert = Client(it), await alarmed(it)
            until = (await client.data("shelve", sensor="press", minutes=5, by="Ana", text="rebuilding"))["until"]
            heard = await it.until(lambda topic, value: topic == "alert" and value["what"] == "shelved")
            assert heard["id"] == alert["id"] and heard["shelved_until"] == until
        async with world(tmp_path) as it:
            client = Client(it)
            state = await it.until(lambda topic, value: topic == "press/state")
            assert state["shelved_until"] == until
            await client.data("unshelve", sensor="press", by="Ana")
            await it.until(lambda topic, value: topic == "press/state" and value["shelved_until"] is None)

    asyncio.run(story())


def test_the_past_is_told(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            client = Client(it)
            await alarmed(it)
            past = await client.data("history", sensor="press", points=10)
            assert 0 < len(past["at"]) == len(past["mean"]) == len(past["top"]) <= 10
            assert max(past["top"]) > past["threshold"] > 0 and all(
                a <= b for a, b in zip(past["mean"], past["top"], strict=True)
            )
            picture = await client.data("spectrum", sensor="press")
            assert len(picture["now"]) == len(picture["normal"]) == len(picture["spread"]) == 69
            rows = (await client.data("windows", sensor="press"))["windows"]
            assert len(rows) == 100 and rows[0][1:] == sounds()["fault"][9].tolist()
            assert (await client.data("config"))["name"] == "gw"
            health = await client.data("status")
            assert health["sensors"]["press"]["state"] == "watching" and health["store"]["trouble"] == ""

    asyncio.run(story())


@pytest.mark.parametrize(
    ("verb", "arguments", "reason"),
    [
        ("ack", {"alert": "none", "by": "Ana"}, "there is none"),
        ("ack", {"by": "Ana"}, "alert: must be given"),
        ("comment", {"alert": "\n", "by": "Ana"}, "printable"),
        ("shelve", {"sensor": "press", "minutes": 5, "by": ""}, "by: must be given"),
        ("shelve", {"sensor": "press", "minutes": 1e9, "by": "Ana"}, "from 1 to 10080"),
        ("shelve", {"sensor": "press", "minutes": True, "by": "Ana"}, "minutes"),
        ("history", {"sensor": "nobody"}, "none called 'nobody'"),
        ("history", {"sensor": "press", "points": "many"}, "points"),
        ("fly", {}, "there are ack"),
    ],
)
def test_what_cannot_be_done_is_refused_by_name(
    tmp_path: Path, verb: str, arguments: dict[str, Any], reason: str
) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await it.sensor("press")
            await it.until(lambda topic, value: topic == "press/hello")
            answer = await Client(it).ask(verb, **arguments)
            assert answer["status"] == "error" and reason in answer["error"]

    asyncio.run(story())


@pytest.mark.parametrize("junk", [b"\xff", b"[]", b"{" * 5000, b'{"transaction": 5}'])
def test_junk_is_answered_and_harms_nobody(tmp_path: Path, junk: bytes) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await it.broker.link().publish(Message("reedmesh/gw/request/ack", junk))
            assert (await it.until(lambda topic, value: topic == "response/ack"))["status"] == "error"
            assert (await Client(it).ask("config"))["status"] == "ok"

    asyncio.run(story())


def test_a_sensor_that_was_taken_away_is_forgotten_with_all_that_was_retained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor_requests, "HEARD", PATIENCE)

    async def story() -> None:
        async with world(tmp_path) as it:
            client, alert = Client(it), await alarmed(it)
            await it.until(lambda topic, value: topic == "press/state" and value.get("alert"))
            assert (await client.ask("forget", sensor="press", by="Ana"))["error"].count("still speaks") == 1
            monkeypatch.setattr(sensor_requests, "HEARD", 0.0)
            await client.data("forget", sensor="press", by="Ana", text="scrapped")
            end = await it.until(lambda topic, value: topic == "alert" and value["type"] == "end")
            assert (end["id"], end["what"], end["who"]) == (alert["id"], "forgotten", "Ana")
            while any(topic.startswith("reedmesh/gw/press/") for topic in it.broker.retained):
                await asyncio.sleep(0.01)
            await it.broker.link().publish(Message("reedmesh/gw/press/availability", b'{"state": "offline"}', 1, True))
            assert (await client.ask("history", sensor="press"))["status"] == "error"
            assert len((await client.data("alerts"))["alerts"]) == 1
        async with world(tmp_path) as it:
            assert not it.gateway.line.sensors and not it.gateway.store.windows.learnt_from("press", 9)

    asyncio.run(story())
