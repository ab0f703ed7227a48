"""A station on a gateway: parts are learnt, judged, labelled and told in figures, over a broker in memory.

The gateway serves vibration and parts: the station brings its recipe in its hello.
"""

import asyncio
import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.inference.families import Families
from reedmesh.inference.family import find_family, load_family
from reedmesh.inference.features import extract
from reedmesh.links.message import Message
from reedmesh.protocol import part as frames
from reedmesh.protocol import wire
from reedmesh.service.requests import part_requests
from reedmesh.store.store import Store
from reedmesh.updates.worker import inline_worker
from tests.service.test_gateway import FAMILY, World, world
from tests.support.parts import RECIPE, strokes
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE

FAMILIES = Families([FAMILY, load_family(find_family("parts"))])


def line(folder: Path) -> AbstractAsyncContextManager[World]:
    return world(folder, families=FAMILIES)


class Press(FakeSensor):
    """Makes parts of any kind, and tells of each as a station does."""

    async def make(self, kind: int, count: int, seed: int, names: str = "") -> None:
        for curve in extract(strokes(count, kind, np.random.default_rng(seed)), RECIPE):
            await self.window(curve.tobytes())
            told = frames.Part(7, self.number)
            if self.model and self.model.limits:
                judged = self.model.judge(curve.tobytes())
                told.verdict, told.fault = judged.verdict, judged.fault
            told.latency_us, told.name = 4200, f"{names}{self.number}".encode()
            into = bytearray(frames.SIZE)
            frames.pack(told, into)
            await self.channel.publish(Message(self.topic("part"), bytes(into)))


async def press(it: World, name: str = "press") -> Press:
    it.gateway.use_worker(inline_worker)
    made = Press(it.broker.link(), "gw", name, RECIPE)
    await made.hello()
    return made


async def ask(it: World, verb: str, **given: Any) -> Any:
    number = f"{verb}-{len(it.heard)}"
    request = json.dumps({"transaction": number, **given}).encode()
    await it.broker.link().publish(Message(f"reedmesh/gw/request/{verb}", request, 1))
    return await it.until(lambda topic, said: topic.startswith("response/") and said.get("transaction") == number)


async def counted(it: World, count: int) -> Any:
    """The press's state when so many parts were heard and it runs its model."""
    return await it.until(lambda topic, said: topic == "press/state" and said.get("parts", {}).get("heard") == count)


async def commissioned(it: World) -> Press:
    made = await press(it)
    taking = asyncio.create_task(it.obey(made))
    it.tasks = [taking]  # type: ignore[attr-defined]
    await made.make(0, 20, 1, "A-")
    while made.model is None:
        await asyncio.sleep(0.01)
    return made


def test_twenty_parts_make_a_model_that_rejects(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.make(2, 5, 2)
            state = await counted(it, 25)
            assert state["parts"]["nok"] == 5 and state["parts"]["disagreements"] == 0 and state["disagreements"] == 0
            assert state["parts"]["verdict"] == "NOK" and state["parts"]["class"] == "unknown"
            assert state["parts"]["promise"]["ok"] == 20
            assert state["parts"]["promise"]["overkill_bound"] > 0.13, "twenty parts cannot promise more"

    asyncio.run(story())


def test_labels_give_the_fault_its_name(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.make(2, 6, 2)
            await counted(it, 26)
            first = made.model
            wanted = [{"boot": 7, "number": number} for number in range(21, 27)]
            said = await ask(it, "label", sensor="press", parts=wanted, label="no part", by="Ana")
            assert said["data"] == {"sensor": "press", "labelled": 6, "contradicted": [], "unknown": []}
            while made.model is first:
                await asyncio.sleep(0.01)
            assert made.model and made.model.limits and made.model.limits.classes == ["OK", "no part"]
            await made.make(2, 1, 9)
            state = await counted(it, 27)
            assert (state["parts"]["verdict"], state["parts"]["class"]) == ("NOK", "no part")
            assert state["parts"]["latency_us"] in (0, 4200)

    asyncio.run(story())


def test_labels_by_part_number_undo_and_contradiction(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            await commissioned(it)
            said = await ask(it, "label", sensor="press", part="A-3", label="crack")
            assert said["data"]["labelled"] == 1
            said = await ask(it, "label", sensor="press", part="A-3", label="OK", by="PLC")
            assert said["data"]["contradicted"] == [{"boot": 7, "number": 3, "before": "crack"}]
            said = await ask(it, "label", sensor="press", part="A-3", label="")
            assert said["data"] == {"sensor": "press", "labelled": 1, "contradicted": [], "unknown": []}
            shown = await ask(it, "parts", sensor="press", limit=100)
            assert len(shown["data"]["parts"]) == 20 and all(each["label"] == "" for each in shown["data"]["parts"])
            assert len(shown["data"]["low"]) == len(shown["data"]["parts"][0]["curve"]) == RECIPE.points

    asyncio.run(story())


def test_of_a_list_what_is_kept_is_labelled_and_the_rest_is_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            await commissioned(it)
            wanted = [{"part": "A-2"}, {"part": "gone"}, {"boot": 7, "number": 999}, {"boot": 7, "number": 4}]
            said = await ask(it, "label", sensor="press", parts=wanted, label="crack")
            assert said["data"] == {"sensor": "press", "labelled": 2, "contradicted": [], "unknown": [1, 2]}
            assert (await ask(it, "stations"))["data"] == {"stations": ["press"]}

    asyncio.run(story())


@pytest.mark.parametrize(
    "said",
    [
        {"boot": 7, "number": 3, "label": "y" * 25},
        {"boot": 7, "label": "OK"},
        {"boot": -1, "number": 3, "label": "OK"},
        {"boot": True, "number": 3, "label": "OK"},
        {"boot": 7, "number": 3, "label": "a\nb"},
        {"boot": 7, "number": 3},
    ],
)
def test_a_button_labels_the_part_and_junk_labels_none(tmp_path: Path, said: dict[str, Any]) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.say("teach", said)
            await made.say("teach", {"boot": 7, "number": 999, "label": "gone"})
            await made.say("teach", {"boot": 7, "number": 4, "label": "crack"})
            labels: list[str] = []
            while "crack" not in labels:
                shown = await ask(it, "parts", sensor="press", limit=100)
                labels = [each["label"] for each in shown["data"]["parts"] if each["label"]]
            assert labels == ["crack"] and it.gateway.vitals()["rejected"] == 1
            assert [each["labelled_by"] for each in shown["data"]["parts"] if each["label"]] == ["button"]

    asyncio.run(story())


def test_figures_tell_of_disputed_parts(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.make(2, 3, 2)
            await counted(it, 23)
            await ask(it, "label", sensor="press", boot=7, number=22, label="OK")
            told = (await ask(it, "quality", sensor="press"))["data"]
            assert told["judged"] == 3 and told["yield"] == 0.0 and told["overkill"]["share"] == 1.0
            assert told["disputed"] == [{"boot": 7, "number": 22, "label": "OK", "verdict": "NOK"}]

    asyncio.run(story())


def test_figures_of_a_shift_are_of_its_parts_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.make(2, 3, 2)
            await counted(it, 23)
            times = [each["at"] for each in (await ask(it, "parts", sensor="press", limit=100))["data"]["parts"]]
            for ago in (0, 1):
                told = (await ask(it, "quality", sensor="press", shift=ago))["data"]
                assert 0 < told["until"] - told["since"] <= 9 * 3600.0 and told["until"] > times[-1] - 9 * 3600.0
                assert told["parts"] == sum(told["since"] <= each < told["until"] for each in times)
            said = await ask(it, "quality", sensor="press", shift=101)
            assert said["error"] == "quality: shift: a number from -1 to 100"

    asyncio.run(story())


def test_figures_of_more_parts_than_are_kept_are_those_that_were_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(part_requests, "KEPT", 20)

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await commissioned(it)
            await made.make(2, 3, 2)
            await counted(it, 23)
            told = (await ask(it, "quality", sensor="press"))["data"]
            assert told["parts"] == 23 and told["judged"] == 3 and told["pareto"] == [["unknown", 3]]
            assert told["charts_since"] > 0

    asyncio.run(story())


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (
            {"sensor": "press", "boot": 7, "number": 999, "label": "OK"},
            "part: number 999 of start 7 of press is not kept",
        ),
        ({"sensor": "press", "part": "Z", "label": "OK"}, "part: press has none with the number 'Z'"),
        ({"sensor": "press", "part": "x" * 10000, "label": "OK"}, "part: a printable text of at most 24 characters"),
        ({"sensor": "press", "boot": 7, "number": 1, "label": "y" * 25}, "label: a printable text of at most 24"),
        ({"sensor": "fan", "boot": 7, "number": 1, "label": "OK"}, "sensor: fan judges no parts"),
        ({"sensor": "press", "parts": "all", "label": "OK"}, "parts: a list of at most 200 objects"),
    ],
)
def test_a_label_that_cannot_be_is_one_clear_line(tmp_path: Path, given: dict[str, Any], fault: str) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            await press(it)
            await it.sensor("fan")
            if len(json.dumps(given)) < 4000:
                said = await ask(it, "label", **given)
                assert said["status"] == "error" and said["error"].startswith(f"label: {fault}")

    asyncio.run(story())


def test_triggers_without_a_part_are_one_line_until_they_are_twice_as_many(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            made = await press(it)
            into = bytearray(frames.SIZE)
            for missed in (0, 1, 1, 2, 3, 4, 7, 1):  # the last of a sensor that started anew
                told = frames.Part(7, 1)
                told.missed = missed
                frames.pack(told, into)
                await made.channel.publish(Message(made.topic("part"), bytes(into)))
            await made.make(0, 1, 1)
            await counted(it, 1)
            lines = [each.getMessage() for each in caplog.records if "triggers missed" in each.getMessage()]
            assert [each.split()[4] for each in lines] == ["1", "2", "4", "1"]
            assert lines[0].startswith("press: since its start 1 triggers missed, 0 doubled, 0 verdicts late")

    asyncio.run(story())


def test_what_was_learnt_survives_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            await commissioned(it)
            await ask(it, "label", sensor="press", part="A-3", label="crack")
        store = Store(tmp_path)
        kept = {row.part: row.label for row in store.parts.newest("press", 100)}
        store.close()
        assert len(kept) == 20 and kept["A-3"] == "crack"
        async with asyncio.timeout(PATIENCE), line(tmp_path) as again:
            sensor = again.gateway.line.sensors["press"]
            assert sensor.model and sensor.model.limits and sensor.station and sensor.station.heard == 20

    asyncio.run(story())


def test_a_part_of_no_station_and_a_window_of_another_length_are_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with asyncio.timeout(PATIENCE), line(tmp_path) as it:
            await it.sensor("fan")
            made = await press(it)
            into = bytearray(frames.SIZE)
            frames.pack(frames.Part(7, 1), into)
            await it.broker.link().publish(Message("reedmesh/gw/fan/part", bytes(into)))
            frame = bytearray(wire.WINDOW_HEADER + 69)
            wire.pack_window(wire.Window(bytes(69), 7, 1), frame)
            await it.broker.link().publish(Message(made.topic("window"), bytes(frame)))
            await made.make(0, 1, 1)
            state = await counted(it, 1)
            assert state["windows"] == 1 and it.gateway.vitals()["rejected"] == 2

    asyncio.run(story())
