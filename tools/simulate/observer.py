"""The observer of the line: reads the brokers of the gateways like any MQTT client, and keeps the picture."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from typing import Any

from reedmesh.broker.acl import DASHBOARD
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from tools.simulate.factory import dashboard_password
from tools.simulate.layout import Machine, Plan

NEWS = ("starting", "learning", "watching")  # states that are told once; what a sensor is at later, the table shows


@dataclass
class Sight:
    """One machine, as its gateway describes it. told: what it was at before."""

    machine: Machine
    state: dict[str, Any] = field(default_factory=dict)
    told: set[str] = field(default_factory=set)
    fault_began: float | None = None
    alerted: float | None = None  # first alert after the fault began
    false_alerts: int = 0

    @property
    def found_after(self) -> float | None:
        """Seconds from the fault to its alert."""
        return self.alerted - self.fault_began if self.alerted and self.fault_began else None


class Picture:
    """Everything seen so far. `good` is what the demo promises."""

    def __init__(self, plan: Plan, origin: str, page: int) -> None:
        self.plan = plan
        self.origin = origin
        self.page = page
        self.began = time.monotonic()
        self.joined = not plan.later  # whether every gateway is there
        self.sights = {(machine.gateway, machine.name): Sight(machine) for machine in plan.machines}
        self.updates: dict[tuple[str, str], int] = {}  # (gateway, neighbour) -> sequence of what was taken
        self.taken = 0  # updates of neighbours
        self.merged: dict[str, dict[str, tuple[int, int]]] = {}  # gateway -> neighbour -> times merged, refused
        self.alerts: list[str] = []
        self.log: list[str] = []
        self._news = asyncio.Event()

    @property
    def good(self) -> bool:
        """Whether every failing machine raised an alert, and nothing else did; where a gateway has neighbours."""
        return self.all_found() and not any(sight.false_alerts for sight in self.counted())

    def counted(self) -> list[Sight]:
        """All but what is there to compare with."""
        return [sight for sight in self.sights.values() if sight.machine.gateway != self.plan.alone]

    def present(self) -> list[Sight]:
        """Those of the gateways that have come."""
        return [sight for sight in self.sights.values() if self.joined or sight.machine.gateway not in self.plan.later]

    def all_watching(self) -> bool:
        """Whether every sensor runs the model of its machine."""
        return all(sight.state.get("state") == "watching" for sight in self.present())

    def all_taught(self) -> bool:
        """Whether every machine has a model; its sensor may be about to take the next."""
        return self.joined and all("model" in sight.state for sight in self.sights.values())

    def has_handed_over(self) -> bool:
        """Whether the gateway that came late has what each of its neighbours learnt."""
        return all((self.plan.late, each) in self.updates for each in self.plan.neighbours(self.plan.late))

    def all_found(self) -> bool:
        """Whether every failing machine raised an alert; where a gateway has neighbours."""
        return all(sight.alerted for sight in self.counted() if sight.machine.faulty)

    def merges(self) -> tuple[int, int]:
        """How often what a neighbour learnt was merged, and refused because it would have hurt."""
        counts = [each for seen in self.merged.values() for each in seen.values()]
        return sum(each[0] for each in counts), sum(each[1] for each in counts)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until `condition` holds; it is looked at after every message."""
        while not condition():
            self._news.clear()
            await self._news.wait()

    def turned(self, machine: Machine) -> None:
        """A machine's condition changes now."""
        sight = self.sights[machine.gateway, machine.name]
        if machine.condition == "fault":
            sight.fault_began = time.monotonic()
            self.note(f"{machine.name}: the machine starts to fail")

    def take(self, message: Message) -> None:
        """One message of a gateway."""
        gateway, *leaf = wire.split_topic(message.topic)
        value = json.loads(message.payload or b"{}")
        if leaf[-1] == "state" and (gateway, leaf[0]) in self.sights:
            self._see_state(self.sights[gateway, leaf[0]], value)
        elif leaf == ["info"]:
            self._see_updates(gateway, value.get("neighbours", {}))
            self._see_merges(gateway, value.get("reputation", {}))
        elif leaf == ["alert"] and (gateway, value["sensor"]) in self.sights:
            self._see_alert(self.sights[gateway, value["sensor"]], value)
        self._news.set()

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
                    self.note(f"gateway {gateway}: has what {neighbour} learnt")

    def _see_merges(self, gateway: str, reputation: dict[str, dict[str, Any]]) -> None:
        self.merged[gateway] = {name: (known["merged"], known["refused"]) for name, known in reputation.items()}

    def _see_state(self, sight: Sight, state: dict[str, Any]) -> None:
        if state["state"] in NEWS and state["state"] not in sight.told:
            sight.told.add(state["state"])
            self.note(f"{sight.machine.name}: {state['state']}")
        sight.state = state

    def _see_alert(self, sight: Sight, alert: dict[str, Any]) -> None:
        if alert["type"] == "new":
            numbers = f"score {alert['score']:.2f} above {alert['threshold']:.2f}"
            self._pin(sight, numbers)
        elif alert["type"] != "update":
            self.note(f"{alert['sensor']}: alert {alert['type']}")

    def _pin(self, sight: Sight, numbers: str) -> None:
        """A new alert is noted, and stays on the screen."""
        name = sight.machine.name
        if sight.fault_began is None:
            sight.false_alerts += 1
            self.note(f"{name}: FALSE ALERT, {numbers}")
        elif sight.alerted is None:
            sight.alerted = time.monotonic()
            self.note(f"{name}: ALERT after {sight.found_after:.1f} s, {numbers}")
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
