"""Recordings under a label: what came meanwhile is kept in a file, over a restart, and a test alert ends by itself."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.links.message import Message
from reedmesh.recordings.export import exported
from reedmesh.service import own_conditions
from tests.service.test_gateway import World, feed, sounds, world


async def ask(it: World, verb: str, **arguments: Any) -> dict[str, Any]:
    """What the gateway answers."""
    mine = f"{verb}-{len(it.heard)}"
    request = json.dumps({**arguments, "transaction": mine}).encode()
    await it.broker.link().publish(Message(f"reedmesh/gw/request/{verb}", request, 1))
    answer = await it.until(lambda topic, value: topic == f"response/{verb}" and value.get("transaction") == mine)
    assert isinstance(answer, dict)
    return answer


def test_the_windows_of_a_span_are_kept_under_its_label(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await it.sensor("press")
            windows = sounds()["train"]
            await feed(sensor, windows[:5])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] == 5)
            about = {"sensor": "press", "label": "bearing worn", "by": "Ana"}
            span = (await ask(it, "record", minutes=60, **about))["data"]
            shown = await it.until(lambda topic, value: topic == "press/state" and value.get("recording"))
            assert shown["recording"]["label"] == "bearing worn"
            assert "recorded already" in (await ask(it, "record", minutes=1, **about))["error"]
            await feed(sensor, windows[5:15])
            await it.until(lambda topic, value: topic == "press/state" and value["windows"] == 15)
        async with world(tmp_path) as it:
            await ask(it, "stop-recording", sensor="press", by="Ana")
            count = -1
            while count < 0:
                (found,) = (await ask(it, "recordings"))["data"]["recordings"]
                count = found["windows"]
            assert count == 10 and found["name"] == span["name"]
        path = tmp_path / "recordings" / f"{span['name']}.npz"
        assert np.array_equal(np.load(path)["features"], windows[5:15])
        content, told = exported(path, ".csv")
        rows = content.decode().splitlines()
        assert "10 windows" in told and len(rows) == 11 and rows[1].endswith(",bearing worn")
        assert rows[1].split(",")[1:-1] == [str(each) for each in windows[5]]
        try:
            exported(path, ".wav")
        except ConfigError as error:
            assert "holds features" in str(error)

    asyncio.run(story())


def test_what_cannot_be_recorded_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await it.sensor("press")
            for wrong in ({"sensor": "fan"}, {"minutes": 0}, {"minutes": 1e9}, {"label": ""}, {"label": "x" * 65}):
                given = {"sensor": "press", "minutes": 1, "label": "normal", "by": "Ana", **wrong}
                assert (await ask(it, "record", **given))["status"] == "error"
            assert "is not recorded" in (await ask(it, "stop-recording", sensor="press", by="Ana"))["error"]

    asyncio.run(story())


def test_a_test_alert_is_an_alert_that_says_so() -> None:
    alert = own_conditions.TestAlert()
    assert alert.finding(10.0) is None
    until = alert.send("Ana", 10.0)
    found = alert.finding(11.0)
    assert found and "Ana" in found.text and alert.finding(until) is None


def test_a_test_alert_goes_the_way_of_all_alerts(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await ask(it, "test-alert", by="Ana")
            alert = await it.until(lambda topic, value: topic == "alert")
            assert alert["kind"] == "test" and alert["priority"] == 2 and alert["sensor"] == "gw"

    asyncio.run(story())
