"""The observer of the line: reads the brokers of the gateways like any MQTT client, and keeps the picture."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from reedmesh.alerts.alert import ANOMALY
from reedmesh.broker.acl import DASHBOARD
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from tools.simulate import gripper
from tools.simulate.factory import dashboard_password
from tools.simulate.layout import Machine, Plan

ENOUGH_REJECTED = 2  # of the failed parts that were seen
NEWS = ("starting", "learning", "watching")  # states that are noted once; the table shows later ones


@dataclass
class SensorView:
    """One sensor, as its gateway describes it. noted: the states that were noted already."""

    machine: Machine
    state: dict[str, Any] = field(default_factory=dict)
    noted: set[str] = field(default_factory=set)
    fault_began: float | None = None
    alerted: float | None = None  # first alert after the fault began
    false_alerts: int = 0

    @property
    def found_after(self) -> float | None:
        """Seconds from the fault to its alert."""
        return self.alerted - self.fault_began if self.alerted and self.fault_began else None


@dataclass
class Parts:
    """What the gripper made. last: number of the last part; rejected: of those seen, failures that did not pass;
    wrong: of those seen, how many were judged otherwise than they were."""

    state: str = "starting"
    ok: int = 0
    nok: int = 0
    unsure: int = 0
    unjudged: int = 0
    last: str = ""
    verdict: str = ""
    milliseconds: float = 0.0
    rejected: int = 0
    wrong: int = 0


class Picture:
    """Everything observed so far. `good`: the demo shows what it promises."""

    def __init__(self, plan: Plan, origin: str, page: int) -> None:
        self.plan = plan
        self.origin = origin
        self.page = page
        self.began = time.monotonic()
        self.joined = not plan.later  # whether every gateway is there
        self.sensors = {(machine.gateway, machine.name): SensorView(machine) for machine in plan.machines}
        self.updates: dict[tuple[str, str], int] = {}  # (gateway, neighbour) -> sequence of the update taken
        self.taken = 0  # updates of neighbours
        self.merged: dict[str, dict[str, tuple[int, int]]] = {}  # gateway -> neighbour -> times merged, refused
        self.parts = Parts()
        self.alerts: list[str] = []
        self.log: list[str] = []
        self._news = asyncio.Event()

    @property
    def good(self) -> bool:
        """Whether every failing machine raised an alert, and nothing else did; where a gateway has neighbours."""
        return self.all_found() and not any(sensor.false_alerts for sensor in self.counted())

    def counted(self) -> list[SensorView]:
        """All sensors but the one for comparison."""
        return [sensor for sensor in self.sensors.values() if sensor.machine.gateway != self.plan.alone]

    def present(self) -> list[SensorView]:
        """The sensors of the gateways that have joined."""
        later = () if self.joined else self.plan.later
        return [sensor for sensor in self.sensors.values() if sensor.machine.gateway not in later]

    def all_watching(self) -> bool:
        """Whether every sensor runs a model of its machine, and the gripper's that of its parts."""
        taught = self.plan.station is None or self.parts.state == "watching"
        return taught and all(sensor.state.get("state") == "watching" for sensor in self.present())

    def all_taught(self) -> bool:
        """Whether every machine has a model; its sensor may be about to take the next."""
        return self.joined and all("model" in sensor.state for sensor in self.sensors.values())

    def has_handed_over(self) -> bool:
        """Whether the gateway that came late has what each of its neighbours learnt."""
        return all((self.plan.late, each) in self.updates for each in self.plan.neighbours(self.plan.late))

    def all_found(self) -> bool:
        """Whether every failing machine with neighbours raised an alert, and failed parts were rejected."""
        rejected = self.plan.station is None or self.parts.rejected >= ENOUGH_REJECTED
        return rejected and all(sensor.alerted for sensor in self.counted() if sensor.machine.faulty)

    def merges(self) -> tuple[int, int]:
        """How many updates were merged, and refused because they would have raised the loss."""
        counts = [each for seen in self.merged.values() for each in seen.values()]
        return sum(each[0] for each in counts), sum(each[1] for each in counts)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is checked after every message."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    def turned(self, machine: Machine) -> None:
        """A machine's condition changes now."""
        sensor = self.sensors[machine.gateway, machine.name]
        if machine.condition == "fault":
            sensor.fault_began = time.monotonic()
            self.note(f"{machine.name}: the machine starts to fail")

    def take(self, message: Message) -> None:
        """One message of a gateway."""
        gateway, *leaf = wire.split_topic(message.topic)
        value = json.loads(message.payload or b"{}")
        if leaf == [gripper.NAME, "state"] and self.plan.station:
            self._see_parts(value)
        elif leaf[-1] == "state" and (gateway, leaf[0]) in self.sensors:
            self._see_state(self.sensors[gateway, leaf[0]], value)
        elif leaf == ["info"]:
            self._see_updates(gateway, value.get("neighbours", {}))
            self._see_merges(gateway, value.get("reputation", {}))
        elif leaf == ["alert"] and (gateway, value["sensor"]) in self.sensors:
            self._see_alert(self.sensors[gateway, value["sensor"]], value)
        self._news.set()

    def _see_parts(self, state: dict[str, Any]) -> None:
        """What the gripper's last part was, against what it really was."""
        parts, last = state.get("parts", {}), self.parts
        self.parts = Parts(state["state"], **{key: parts.get(key, 0) for key in ("ok", "nok", "unsure", "unjudged")})
        name, verdict = parts.get("part", ""), parts.get("verdict", "")
        self.parts.last, self.parts.rejected, self.parts.wrong = last.last, last.rejected, last.wrong
        if self.parts.state != last.state:
            self.note(f"{gripper.NAME}: {self.parts.state}")
        if not name or not verdict or name == last.last or not parts.get("latency_us"):
            return
        self.parts.last, real = name, self.plan.station.sent.get(name, "normal") if self.plan.station else "normal"
        self.parts.verdict, self.parts.milliseconds = verdict, parts["latency_us"] / 1000
        self.parts.rejected += verdict != "OK" and real != "normal"
        self.parts.wrong += (verdict != "OK") != (real != "normal")
        if real != "normal" and verdict != "OK":
            self.note(f"{gripper.NAME}: part {name}, {real}: {verdict}, {self.parts.milliseconds:.2f} ms to its pin")

    def note(self, text: str) -> None:
        """Remember an event for the screen."""
        self.log.append(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def _see_updates(self, gateway: str, neighbours: dict[str, int | None]) -> None:
        for neighbour, sequence in neighbours.items():
            before = self.updates.get((gateway, neighbour))
            if sequence and before != sequence:
                self.updates[gateway, neighbour] = sequence
                self.taken += 1
                if before is None:
                    self.note(f"gateway {gateway}: has the update of {neighbour}")

    def _see_merges(self, gateway: str, reputation: dict[str, dict[str, Any]]) -> None:
        self.merged[gateway] = {name: (known["merged"], known["refused"]) for name, known in reputation.items()}

    def _see_state(self, sensor: SensorView, state: dict[str, Any]) -> None:
        if state["state"] in NEWS and state["state"] not in sensor.noted:
            sensor.noted.add(state["state"])
            self.note(f"{sensor.machine.name}: {state['state']}")
        sensor.state = state

    def _see_alert(self, sensor: SensorView, alert: dict[str, Any]) -> None:
        if alert["kind"] != ANOMALY:
            self.note(f"{alert['sensor']}: {alert['kind']} alert {alert['type']}")
        elif alert["type"] == "new":
            numbers = f"score {alert['score']:.2f} above {alert['threshold']:.2f}"
            self._pin(sensor, numbers)
        elif alert["type"] != "update":
            self.note(f"{alert['sensor']}: alert {alert['type']}")

    def _pin(self, sensor: SensorView, numbers: str) -> None:
        """Note a new alert, which stays on the screen."""
        name = sensor.machine.name
        if sensor.fault_began is None:
            sensor.false_alerts += 1
            self.note(f"{name}: FALSE ALERT, {numbers}")
        elif sensor.alerted is None:
            sensor.alerted = time.monotonic()
            self.note(f"{name}: ALERT after {sensor.found_after:.1f} s, {numbers}")
        else:
            return
        self.alerts.append(self.log[-1])


def watch(plan: Plan, picture: Picture, gateways: Iterable[str]) -> list[Coroutine[Any, Any, None]]:
    """A coroutine for each of the gateways that keeps the picture up to date."""
    return [_listen(name, plan.ports[name], dashboard_password(plan, name), picture) for name in gateways]


async def _listen(name: str, port: int, password: str, picture: Picture) -> None:
    topics = {f"{wire.BASE}/{name}/{leaf}": 1 for leaf in ("+/state", "alert", "info")}
    link = Link("127.0.0.1", port, "line", subscriptions=topics, login=(DASHBOARD, password))
    async for message in link.messages():
        picture.take(message)
