"""Home Assistant shows every sensor with no setup: a device for each, and one for the gateway, by MQTT discovery.

One retained message per device (device-based discovery, home-assistant.io/integrations/mqtt); what their entities show
is in the topics that are there anyway. It is repeated when Home Assistant says that it started, and taken back when a
sensor is forgotten.
"""

import asyncio
import json
import random
from collections.abc import Coroutine
from typing import Any

from reedmesh import __version__
from reedmesh.broker.own_link import own_link
from reedmesh.config.settings import Config
from reedmesh.links.message import Channel, Message
from reedmesh.protocol import wire
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import DEPLOYING, LEARNING, WATCHING, Sensor
from reedmesh.supervisor import apart

LOOK_SECONDS = 1.0  # between two looks for what is new
DELAY = 5.0  # seconds at most, by chance, until a start is answered: every gateway of a site hears it at once
ORIGIN = {"name": "reedmesh", "sw_version": __version__}
DIAGNOSTIC = {"entity_category": "diagnostic"}
Table = dict[str, Any]


def run(config: Config, line: Line) -> Coroutine[Any, Any, None]:
    """The work of this exporter."""
    told = HomeAssistant(config.name, line, config.home_assistant.prefix)
    return told.run(own_link(config, "-home-assistant", {told.birth: 1}, greeting=told.greeting))


class HomeAssistant:
    """Announces the sensors of the gateway `name` below `prefix`."""

    def __init__(self, name: str, line: Line, prefix: str = "homeassistant") -> None:
        self.birth = f"{prefix}/status"  # where Home Assistant says that it started
        self._name = name
        self._line = line
        self._prefix = prefix
        self._said: dict[str, object] = {}  # what each device was announced by: a sensor's hello
        self._again = asyncio.Event()

    def greeting(self) -> list[Message]:
        """The broker is back, and may have lost everything."""
        self._said.clear()
        return []

    async def run(self, channel: Channel) -> None:
        """Announce what is new, until cancelled. channel: of its own, listens to `birth`."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(channel))
            tasks.create_task(self._announce(channel))

    async def _listen(self, channel: Channel) -> None:
        async for message in channel.messages():
            if message.topic == self.birth and message.payload == b"online":
                await asyncio.sleep(random.uniform(0, DELAY))  # noqa: S311 - keeps nothing secret
                self._said.clear()
                self._again.set()

    async def _announce(self, channel: Channel) -> None:
        while True:
            self._again.clear()
            for name in [each for each in self._said if each and each not in self._line.sensors]:
                if await channel.publish(self._message(name, None)):
                    self._said.pop(name, None)
            if "" not in self._said and await channel.publish(self._message("", gateway_device(self._name))):
                self._said[""] = self
            for sensor in list(self._line.sensors.values()):
                if self._said.get(sensor.name) is not sensor.hello:
                    with apart(f"device {sensor.name} at Home Assistant"):
                        await self._introduce(channel, sensor)
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._again.wait()
            except TimeoutError:
                pass

    async def _introduce(self, channel: Channel, sensor: Sensor) -> None:
        hello = sensor.hello
        if await channel.publish(self._message(sensor.name, sensor_device(self._name, sensor))):
            self._said[sensor.name] = hello

    def _message(self, sensor: str, device: Table | None) -> Message:
        payload = json.dumps(device).encode() if device else b""
        return Message(f"{self._prefix}/device/{_id(self._name, sensor)}/config", payload, qos=1, retain=True)


def gateway_device(gateway: str) -> Table:
    """The gateway: whether it is there, how many alerts stand, its version."""
    mine, here = _id(gateway), [_there(wire.topic(gateway, "status"))]
    status: Table = {"device_class": "enum", "options": ["online", "stopped", "offline"], **DIAGNOSTIC}
    alerts: Table = {"state_class": "measurement", "availability": here, "icon": "mdi:alert"}
    first = "{{ {'alerts': value_json.alerts[:10]} | tojson }}"  # the most urgent; it keeps 16 KiB of attributes
    alerts |= {"json_attributes_topic": wire.topic(gateway, "alerts"), "json_attributes_template": first}
    components = {
        "status": _entity("sensor", "Status", wire.topic(gateway, "status"), "value_json.state", status),
        "alerts": _entity("sensor", "Open alerts", wire.topic(gateway, "alerts"), "value_json.open", alerts),
        "version": _entity(
            "sensor", "Version", wire.topic(gateway, "info"), "value_json.version", {"availability": here, **DIAGNOSTIC}
        ),
    }
    device = {"identifiers": [mine], "name": f"Gateway {gateway}", "manufacturer": "reedmesh", "model": "Gateway"}
    return _discovery(mine, device | {"sw_version": __version__}, components)


def sensor_device(gateway: str, sensor: Sensor) -> Table:
    """A sensor: its score, its state, whether it has a problem that calls people, how far it has learnt, its model."""
    mine, hello = _id(gateway, sensor.name), sensor.hello
    state = wire.topic(gateway, sensor.name, "state")
    number: Table = {"state_class": "measurement", "suggested_display_precision": 2}
    words: Table = {"device_class": "enum", "options": [LEARNING, DEPLOYING, WATCHING]}
    why = {"json_attributes_topic": state, "json_attributes_template": "{{ {'kinds': value_json.alerts} | tojson }}"}
    percent: Table = {"unit_of_measurement": "%", "state_class": "measurement", **DIAGNOSTIC}
    problem = "'ON' if value_json.alerts else 'OFF'"
    call = "'ON' if value_json.call else 'OFF'"
    progress = "(100 * value_json.progress) | round if value_json.progress is defined else 100"
    components = {
        "score": _entity("sensor", "Score", state, "value_json.score | default(none)", number),
        "threshold": _entity("sensor", "Threshold", state, "value_json.threshold | default(none)", number | DIAGNOSTIC),
        "state": _entity("sensor", "State", state, "value_json.state", words),
        "problem": _entity("binary_sensor", "Problem", state, problem, {"device_class": "problem", **why}),
        "call": _entity("binary_sensor", "Call", state, call, {"device_class": "safety"}),
        "priority": _entity("sensor", "Priority", state, "value_json.priority | default(none)", {}),
        "progress": _entity("sensor", "Learning progress", state, progress, percent),
        "model": _entity("sensor", "Model version", state, "value_json.sequence | default(none)", dict(DIAGNOSTIC)),
    }
    if sensor.station:  # its parts are judged by limits of their own, which are no score
        components = _parts(state) | {
            key: each for key, each in components.items() if key not in ("score", "threshold")
        }
    device = {"identifiers": [mine], "name": sensor.name, "manufacturer": "reedmesh", "via_device": _id(gateway)}
    device |= {"model": f"{_text(hello.get('board')) or 'MicroPython'} sensor"}
    device |= {"sw_version": version} if (version := _text(hello.get("firmware"))) else {}
    there = [_there(wire.topic(gateway, "status")), _there(wire.topic(gateway, sensor.name, "availability"))]
    return _discovery(mine, device, components) | {"availability": there, "availability_mode": "all"}


def _parts(state: str) -> dict[str, Table]:
    """Of a station: the last verdict with its class and part, the yield, and counters."""
    last = "{{ {'class': value_json.parts.class, 'part': value_json.parts.part} | tojson }}"
    words: Table = {"device_class": "enum", "options": ["OK", "NOK", "unsure"]}
    words |= {"json_attributes_topic": state, "json_attributes_template": last}
    passed = "(100 * value_json.parts.yield) | round(2) if value_json.parts.yield is number else none"
    percent: Table = {"unit_of_measurement": "%", "state_class": "measurement"}
    grows: Table = {"state_class": "total_increasing"}
    found = {
        "verdict": _entity("sensor", "Verdict", state, "value_json.parts.verdict or none", words),
        "yield": _entity("sensor", "Yield", state, passed, percent),
    }
    named = {"ok": "OK parts", "nok": "NOK parts", "missed": "Missed triggers"}
    return found | {
        key: _entity("sensor", name, state, f"value_json.parts.{key}", dict(grows)) for key, name in named.items()
    }


def _discovery(mine: str, device: Table, components: dict[str, Table]) -> Table:
    named = {f"{mine}_{key}": {**each, "unique_id": f"{mine}_{key}"} for key, each in components.items()}
    return {"device": device, "origin": ORIGIN, "qos": 1, "components": named}


def _entity(platform: str, name: str, topic: str, template: str, more: Table) -> Table:
    return {"platform": platform, "name": name, "state_topic": topic, "value_template": f"{{{{ {template} }}}}", **more}


def _there(topic: str) -> Table:
    """Whether a gateway or a sensor is there: stopped is not, sleeping is."""
    words = "'online' if value_json.state in ('online', 'sleeping') else 'offline'"
    return {"topic": topic, "value_template": f"{{{{ {words} }}}}"}


def _id(gateway: str, sensor: str = "") -> str:
    """Of a device. Names have no capitals, so no two pairs of names make one id."""
    return f"reedmesh_{gateway}_S_{sensor}" if sensor else f"reedmesh_{gateway}"


def _text(value: object) -> str:
    """What a sensor says of itself, if it is a short text."""
    return value[:60] if isinstance(value, str) and value.isprintable() else ""
