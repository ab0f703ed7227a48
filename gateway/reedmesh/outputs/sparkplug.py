"""Sparkplug B: the gateway as an edge node, its sensors as devices, for SCADA systems that speak it. An option.

Births name every metric with its value, then only what changed is said. bdSeq ties a birth to the death that the broker
holds as our will; seq counts every message from a birth on, 0..255. NCMD `Node Control/Rebirth` has all births said
anew. Eclipse Sparkplug 3.0, chapters 4 to 6. Nobody is called for an alert by it, and what it missed is not said later.
"""

import asyncio
import logging
from collections.abc import Coroutine, Mapping
from typing import Any

from reedmesh import __version__
from reedmesh.broker.own_link import own_link
from reedmesh.config import hosts
from reedmesh.config.settings import Config
from reedmesh.errors import WireError
from reedmesh.links.message import Channel, Message
from reedmesh.links.mqtt_link import Link
from reedmesh.outputs.sparkplug_payload import BOOLEAN, DOUBLE, INT64, STRING, Value, pack, unpack
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor

log = logging.getLogger(__name__)

REBIRTH = "Node Control/Rebirth"
LOOK_SECONDS = 1.0  # between two looks for what changed
NUMBERS = 256  # of seq and bdSeq, then they begin again
Metrics = Mapping[str, tuple[int, Value]]


def run(config: Config, line: Line) -> Coroutine[Any, Any, None]:
    """Run until cancelled."""
    node, there = EdgeNode(config.sparkplug.group, config.name, line), config.sparkplug
    told = Sparkplug(node)
    listen: dict[str, int] = {node.commands: 1}
    said: dict[str, Any] = {"will": node.will, "farewell": node.death, "greeting": told.greeting}
    if not there.host and not there.hosts:
        return told.run(own_link(config, "-sparkplug", listen, **said))
    login = (there.user, there.password) if there.user else None
    name = f"reedmesh-{config.name}-sparkplug"
    first, *others = hosts.nodes(there)
    return told.run(Link(*first, name, subscriptions=listen, login=login, ca=there.ca, others=others, **said))


class EdgeNode:
    """The messages of the edge node `name` of `group`, in their order. Pure: the caller publishes them."""

    def __init__(self, group: str, name: str, line: Line) -> None:
        self.commands = f"spBv1.0/{group}/NCMD/{name}"
        self._group = group
        self._name = name
        self._line = line
        self._births = -1  # bdSeq, of the connection that is or was
        self._seq = 0
        self._said: dict[str, Metrics] = {}  # by device, "" being the node: metrics as last told

    def will(self) -> Message:
        """The last will for the next connection; each has a number of its own."""
        return self._death((self._births + 1) % NUMBERS)

    def joined(self) -> None:
        """That connection is there."""
        self._births = (self._births + 1) % NUMBERS

    def death(self) -> Message:
        """The same, said by ourselves before we leave."""
        return self._death(self._births)

    def _death(self, births: int) -> Message:
        return Message(self._topic("NDEATH"), pack({"bdSeq": (INT64, births)}, None), qos=1)

    def births(self) -> list[Message]:
        """The node and every device that is there, with all their metrics."""
        self._seq, self._said = 0, {"": self._node()}
        control: Metrics = {"bdSeq": (INT64, self._births), REBIRTH: (BOOLEAN, False)}
        born = Message(self._topic("NBIRTH"), pack({**control, **self._said[""]}, 0))
        return [born, *self.news()]

    def news(self) -> list[Message]:
        """Changes since the last call: data of node and devices, births of new ones, deaths of those gone."""
        there = {sensor.name: device(sensor) for sensor in self._line.sensors.values() if sensor.online}
        gone = [name for name in self._said if name and name not in there]
        said = [self._next("DDEATH", name, {}) for name in gone]
        for name in gone:
            del self._said[name]
        for name, metrics in {"": self._node(), **there}.items():
            before = self._said.get(name)
            if before is not None and before.keys() != metrics.keys():
                before = None  # it turned out to judge parts: a birth names all metrics
            new = {key: value for key, value in metrics.items() if before is None or before.get(key) != value}
            if new:
                kind = "DBIRTH" if before is None else "DDATA" if name else "NDATA"
                said.append(self._next(kind, name, new))
            self._said[name] = metrics
        return said

    def wants_rebirth(self, message: Message) -> bool:
        """Whether a host asks for all births again; raises WireError."""
        return message.topic == self.commands and unpack(message.payload).get(REBIRTH) is True

    def _node(self) -> Metrics:
        alerts = [alert for sensor in self._line.sensors.values() for alert in sensor.alerts()]
        urgent = min((alert.priority for alert in alerts), default=0)
        return {
            "Properties/Version": (STRING, __version__),
            "Alerts/Open": (INT64, len(alerts)),
            "Alerts/Most urgent": (INT64, urgent),
            "Alerts/Call": (BOOLEAN, any(sensor.calls for sensor in self._line.sensors.values())),
            "Sensors": (INT64, len(self._line.sensors)),
        }

    def _next(self, kind: str, name: str, metrics: Metrics) -> Message:
        self._seq = (self._seq + 1) % NUMBERS
        return Message(self._topic(kind, name), pack(metrics, self._seq))

    def _topic(self, kind: str, name: str = "") -> str:
        return "/".join(filter(None, ("spBv1.0", self._group, kind, self._name, name)))


def device(sensor: Sensor) -> Metrics:
    """A sensor's metrics, always the same ones; of a station also those of its parts."""
    state = sensor.summary()
    return (_of_parts(state["parts"]) if "parts" in state else {}) | {
        "Score": (DOUBLE, state.get("score")),
        "Threshold": (DOUBLE, state.get("threshold")),
        "State": (STRING, state["state"]),
        "Problem": (BOOLEAN, bool(state["alerts"])),
        "Call": (BOOLEAN, state["call"]),
        "Priority": (INT64, state["priority"]),
        "Alerts": (STRING, ", ".join(state["alerts"])),
        "Learning progress": (DOUBLE, float(state.get("progress", 1.0))),
        "Model version": (INT64, state.get("sequence")),
        "Windows": (INT64, state["windows"]),
    }


def _of_parts(it: Mapping[str, Any]) -> dict[str, tuple[int, Value]]:
    counted = {"Parts/OK": "ok", "Parts/NOK": "nok", "Parts/Unsure": "unsure", "Parts/Missed triggers": "missed"}
    counted |= {"Parts/Double triggers": "doubled", "Parts/Late verdicts": "late"}
    words = {"Parts/Verdict": "verdict", "Parts/Class": "class", "Parts/Number": "part"}
    found: dict[str, tuple[int, Value]] = {name: (INT64, it[key]) for name, key in counted.items()}
    found |= {name: (STRING, it.get(key, "")) for name, key in words.items()}
    return found | {"Parts/Yield": (DOUBLE, it["yield"])}


class Sparkplug:
    """Publishes what an edge node says on a channel of its own, whose will, farewell and greeting are this one's."""

    def __init__(self, node: EdgeNode) -> None:
        self.node = node
        self._born = False

    def greeting(self) -> list[Message]:
        """Connected anew: births come first, said by `run` alone so that nothing gets between them."""
        self.node.joined()
        self._born = False
        return []

    async def run(self, channel: Channel) -> None:
        """For ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen(channel))
            tasks.create_task(self._speak(channel))

    async def _listen(self, channel: Channel) -> None:
        async for message in channel.messages():
            try:
                if self.node.wants_rebirth(message):
                    self._born = False
            except WireError as fault:
                log.info("%s: %s", message.topic, fault)

    async def _speak(self, channel: Channel) -> None:
        while True:
            if channel.connected:
                await self._say(channel)
            await asyncio.sleep(LOOK_SECONDS)

    async def _say(self, channel: Channel) -> None:
        """What there is to say; when the link breaks meanwhile, all of it is said anew."""
        born, self._born = self._born, True
        for message in self.node.news() if born else self.node.births():
            if not self._born or not await channel.publish(message):
                self._born = False
                return
