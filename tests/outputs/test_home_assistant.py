"""Home Assistant: a device for each sensor and one for the gateway, said again when it starts, taken back with them.

The payloads are checked here against the keys its documentation has; `make check-home-assistant` runs the real one.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from jinja2 import Template

from reedmesh.config.settings import AlertRule
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.outputs import home_assistant
from reedmesh.outputs.home_assistant import HomeAssistant, gateway_device, sensor_device
from reedmesh.readings.line import Line
from reedmesh.readings.parts import Station
from tests.support.parts import RECIPE
from tests.support.timeouts import PATIENCE

# home-assistant/core components/mqtt/abbreviations.py and schemas.py of 2025.4: what may stand where.
ROOT = {"device", "origin", "components", "availability", "availability_mode", "qos", "state_topic", "encoding"}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version", "via_device", "serial_number", "hw_version"}
COMMON = {"platform", "unique_id", "name", "state_topic", "value_template", "entity_category", "icon", "availability",
          "json_attributes_topic", "json_attributes_template", "device_class"}  # fmt: skip
OF_PLATFORM = {
    "sensor": {"state_class", "unit_of_measurement", "options", "suggested_display_precision", "expire_after"},
    "binary_sensor": {"payload_on", "payload_off", "expire_after"},
}


def line(*names: str) -> Line:
    found = Line(features=5, to_learn=10, rule=AlertRule(), limit=100)
    for name in names:
        found.sensor(name).hello = {"board": "esp32s3", "firmware": "0.3.0"}
    return found


def check(device: dict[str, Any]) -> None:
    assert set(device) <= ROOT and {"device", "origin", "components"} <= set(device)
    assert set(device["device"]) <= DEVICE and device["device"]["identifiers"] and device["origin"]["name"]
    for each in device["components"].values():
        assert set(each) <= COMMON | OF_PLATFORM[each["platform"]]
        assert {"platform", "unique_id", "state_topic", "value_template"} <= set(each)
        if each.get("device_class") == "enum":
            assert "state_class" not in each and each["options"]
    for each in [
        *device.get("availability", []),
        *(a for c in device["components"].values() for a in c.get("availability", [])),
    ]:
        assert set(each) == {"topic", "value_template"}
    assert len(json.dumps(device)) < 4096


def test_the_payloads_have_no_key_home_assistant_does_not_know() -> None:
    on = line("press")
    check(gateway_device("hall1"))
    check(sensor_device("hall1", on.sensors["press"]))
    assert (
        sensor_device("hall1", on.sensors["press"])["device"]["via_device"]
        in gateway_device("hall1")["device"]["identifiers"]
    )


def test_a_station_has_verdict_yield_and_counters() -> None:
    on = line("press")
    on.sensors["press"].station = Station(RECIPE)
    device = sensor_device("hall1", on.sensors["press"])
    check(device)
    state = {"parts": on.sensors["press"].station.summary() | {"verdict": "NOK", "yield": 0.98765}}
    shown = {
        key.removeprefix("reedmesh_hall1_S_press_"): Template(each["value_template"]).render(value_json=state)
        for key, each in device["components"].items()
        if "parts" in each["value_template"]
    }
    assert shown == {"verdict": "NOK", "yield": "98.77", "ok": "0", "nok": "0", "missed": "0"}
    assert not any("parts" in str(each) for each in sensor_device("hall1", line("fan").sensors["fan"]).values())


def test_what_a_sensor_says_of_itself_is_not_believed_beyond_its_size() -> None:
    on = line("press")
    on.sensors["press"].hello = {"board": "x" * 10_000, "firmware": ["no", "text"]}
    device = sensor_device("hall1", on.sensors["press"])
    check(device)
    assert len(device["device"]["model"]) < 100 and "sw_version" not in device["device"]


def test_no_two_sensors_make_one_id() -> None:
    pairs = [("a", "b_c"), ("a_b", "c"), ("a_s_b", "c"), ("a", "b"), ("a_", "b"), ("a", "_b")]
    ids = [
        sensor_device(gateway, line(sensor).sensors[sensor])["device"]["identifiers"][0] for gateway, sensor in pairs
    ]
    assert len(set(ids)) == len(pairs) and all(each.replace("_", "").replace("-", "").isalnum() for each in ids)


class Site:
    """A gateway's exporter and a broker."""

    def __init__(self, on: Line) -> None:
        self.broker = MemoryBroker()
        self.exporter = HomeAssistant("hall1", on)
        self.link = self.broker.link(self.exporter.birth, greeting=self.exporter.greeting)

    def devices(self) -> set[str]:
        return {topic.split("/")[2] for topic in self.broker.retained}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not holds():
                await asyncio.sleep(0.01)


def at_work(on: Line, story: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        site = Site(on)
        work = asyncio.create_task(site.exporter.run(site.link))
        await story(site)
        work.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await work

    asyncio.run(run())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_assistant, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(home_assistant, "DELAY", 0.02)


def test_devices_come_change_and_go_with_their_sensors() -> None:
    on = line("press", "saw")

    async def story(site: Site) -> None:
        await site.until(lambda: len(site.devices()) == 3)
        topic = "homeassistant/device/reedmesh_hall1_S_saw/config"
        on.sensors["saw"].hello = {"board": "esp32c3", "firmware": "0.4.0"}
        await site.until(lambda: json.loads(site.broker.retained[topic].payload)["device"]["sw_version"] == "0.4.0")
        on.forget(on.sensors["saw"])
        await site.until(lambda: site.devices() == {"reedmesh_hall1", "reedmesh_hall1_S_press"})

    at_work(on, story)


def test_everything_is_said_again_when_home_assistant_starts() -> None:
    async def story(site: Site) -> None:
        await site.until(lambda: len(site.devices()) == 2)
        site.broker.retained.clear()
        await site.broker.link().publish(Message("homeassistant/status", b"offline"))
        await site.broker.link().publish(Message("homeassistant/status", b"online"))
        await site.until(lambda: len(site.devices()) == 2)

    at_work(line("press"), story)
