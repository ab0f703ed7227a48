"""What an onlooker sees of the line: it listens to the gateways' brokers like any MQTT client and keeps the picture."""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

from reedmesh.broker.acl import DASHBOARD
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from tools.simulate.factory import Machine, Plan, dashboard_password


@dataclass
class Sight:
    """One machine, as its gateway describes it."""

    machine: Machine
    state: dict[str, Any] = field(default_factory=dict)
    fault_began: float | None = None
    alerted: float | None = None  # first alert after the fault began
    false_alerts: int = 0


class Picture:
    """Everything seen so far. `good` is what the demo promises."""

    def __init__(self, plan: Plan, origin: str, page: int) -> None:
        self.plan = plan
        self.origin = origin
        self.page = page
        self.began = time.monotonic()
        self.sights = {(machine.gateway, machine.name): Sight(machine) for machine in plan.machines}
        self.updates: dict[tuple[str, str], int] = {}  # (gateway, neighbour) -> sequence of what was taken
        self.merged: dict[str, dict[str, tuple[int, int]]] = {}  # gateway -> neighbour -> times merged, refused
        self.log: list[str] = []
        self._news = asyncio.Event()

    @property
    def good(self) -> bool:
        """Whether every failing machine raised an alert, and nothing else did."""
        alerted = all(sight.alerted for sight in self.sights.values() if sight.machine.faulty)
        return alerted and not any(sight.false_alerts for sight in self.sights.values())

    def all_watching(self) -> bool:
        """Whether every sensor runs the model of its machine."""
        return all(sight.state.get("state") == "watching" for sight in self.sights.values())

    def all_taught(self) -> bool:
        """Whether every machine has a model; its sensor may be about to take the next."""
        return all("model" in sight.state for sight in self.sights.values())

    def all_found(self) -> bool:
        """Whether every failing machine raised an alert."""
        return all(sight.alerted for sight in self.sights.values() if sight.machine.faulty)

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
        elif leaf == ["alert"]:
            self._see_alert(self.sights[gateway, value["sensor"]], value)
        self._news.set()

    def note(self, text: str) -> None:
        """Remember an event for the screen."""
        self.log.append(f"{time.monotonic() - self.began:6.1f} s  {text}")

    def _see_updates(self, gateway: str, neighbours: dict[str, int | None]) -> None:
        for neighbour, sequence in neighbours.items():
            if sequence and self.updates.get((gateway, neighbour)) != sequence:
                self.updates[gateway, neighbour] = sequence
                self.note(f"gateway {gateway}: took update {sequence} of its neighbour {neighbour}")

    def _see_merges(self, gateway: str, reputation: dict[str, dict[str, Any]]) -> None:
        seen = {name: (known["merged"], known["refused"]) for name, known in reputation.items()}
        before = self.merged.get(gateway, {})
        if helped := [name for name, (merged, _) in seen.items() if merged > before.get(name, (0, 0))[0]]:
            self.note(f"gateway {gateway}: merged what {' and '.join(sorted(helped))} learnt into its own")
        self.merged[gateway] = seen

    def _see_state(self, sight: Sight, state: dict[str, Any]) -> None:
        if sight.state.get("state") != state["state"]:
            self.note(f"{sight.machine.name}: {state['state']}")
        sight.state = state

    def _see_alert(self, sight: Sight, alert: dict[str, Any]) -> None:
        numbers = f"score {alert['score']:.2f} above {alert['threshold']:.2f}"
        if alert["type"] != "new":
            self.note(f"{alert['sensor']}: alert {alert['type']}")
        elif sight.fault_began is None:
            sight.false_alerts += 1
            self.note(f"{alert['sensor']}: FALSE ALERT, {numbers}")
        elif sight.alerted is None:
            sight.alerted = time.monotonic()
            after = sight.alerted - sight.fault_began
            self.note(f"{alert['sensor']}: ALERT after {after:.1f} s, {numbers}")


def watch(plan: Plan, picture: Picture) -> list[Coroutine[Any, Any, None]]:
    """A coroutine per gateway that keeps the picture up to date."""
    return [_listen(name, port, dashboard_password(plan, name), picture) for name, port in plan.ports.items()]


async def _listen(name: str, port: int, password: str, picture: Picture) -> None:
    topics = {f"{wire.BASE}/{name}/{leaf}": 1 for leaf in ("+/state", "alert", "info")}
    link = Link("127.0.0.1", port, "line", subscriptions=topics, login=(DASHBOARD, password))
    async for message in link.messages():
        picture.take(message)
