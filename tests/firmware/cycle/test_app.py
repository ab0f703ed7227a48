"""The whole sensor as a station, under MicroPython with a real broker: a message begins a part, and it is told."""

import asyncio
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from reedmesh.inference.features import extract
from reedmesh.links.message import Message
from reedmesh.protocol import part as frames
from tests.firmware.test_app import sensor
from tests.support.parts import RECIPE, strokes
from tools.simulate import factory


def test_a_message_begins_a_part_which_is_told_with_its_number(tmp_path: Path) -> None:
    curves = strokes(3, 0, np.random.default_rng(1))
    expected = extract(curves, RECIPE)

    async def story() -> None:
        async with sensor(tmp_path, RECIPE) as it:
            hello = await it.until("hello")
            assert hello["features"] == RECIPE.table()
            for number in range(3):
                name = f"A-{number}".encode()
                it.feed(curves[number : number + 1])
                assert await it.soon("window") is None, "nothing triggered it"
                while not (said := [payload for leaf, payload in it.heard if leaf == "part"]):
                    await it.link.publish(Message("reedmesh/gw/press/trigger", name, 1))
                    await it.soon("nothing")
                told = frames.unpack(said[0])
                window = await it.until("window")
                assert (told.verdict, told.name) == (frames.UNJUDGED, name)
                assert window.features == expected[number].tobytes() and window.number == told.number
                it.heard.clear()
            it.feed(curves[:1])
            while not (said := [payload for leaf, payload in it.heard if leaf == "part"]):
                await it.link.publish(Message("reedmesh/gw/press/trigger", b"x" * 10_000, 1))
                await it.soon("nothing")
            assert frames.unpack(said[0]).name == b"", "a number of 10 kB: the part is there all the same"

    plain = factory.sensor_settings

    def by_message(*given: Any) -> dict[str, Any]:
        return {**plain(*given), "cycle": {"trigger": {"kind": "message"}}}

    with mock.patch.object(factory, "sensor_settings", by_message):
        asyncio.run(story())
