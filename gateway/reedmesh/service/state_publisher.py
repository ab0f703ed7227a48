"""Publishes the state of each sensor, of the gateway and of its alerts when it changes or time passes."""

import asyncio
import contextlib
import logging
from pathlib import Path
from typing import Any

from reedmesh.alerts.standing import Finding
from reedmesh.errors import DiskError
from reedmesh.exchange import fanout
from reedmesh.exchange.heard import heard_now
from reedmesh.links.message import Channel
from reedmesh.service import own_conditions
from reedmesh.service.composition import Parts, listed
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.status import Status
from reedmesh.store import database
from reedmesh.supervisor import apart

log = logging.getLogger(__name__)

STATE_SECONDS = 1.0  # a sensor's state is published at most this often
RETAINED = ("hello", "availability", "state")  # what a broker keeps of a sensor


class StatePublisher:
    """Of the gateway that `parts` make."""

    def __init__(self, parts: Parts, status: Status) -> None:
        self._parts = parts
        self._status = status
        self._began = parts.clock()
        self._now = heard_now(parts.config)
        self._test = own_conditions.TestAlert()

    async def test_alert(self, given: Arguments) -> dict[str, Any]:
        """{by}: an alert is raised and ends by itself, to see whom it reaches."""
        return {"until": self._test.send(given.who(), self._parts.clock())}

    async def run(self, channel: Channel) -> None:
        """Publish what changed, every STATE_SECONDS until cancelled."""
        parts = self._parts
        while True:
            parts.line.revoked = parts.sensor_keys.revoked()
            parts.line.babbling = parts.subscriptions.rate_guard.rates()
            await self._pass_time(channel.connected)
            await self._take_back(channel)
            for sensor in list(parts.line.sensors.values()):
                with apart(f"state of {sensor.name}"):
                    await parts.retained.publish(channel, f"{sensor.name}/state", sensor.summary())
            await parts.retained.publish(channel, "info", self._status.info())
            await parts.retained.publish(channel, "alerts", listed(parts.alarms, parts.config.notify.priority))
            await asyncio.sleep(STATE_SECONDS)

    async def _take_back(self, channel: Channel) -> None:
        """Delete what the broker retains of sensors that were forgotten."""
        for name in list(self._parts.line.forgotten):
            if await self._parts.retained.take_back(channel, *(f"{name}/{leaf}" for leaf in RETAINED)):
                self._parts.line.forgotten.discard(name)

    async def _pass_time(self, connected: bool) -> None:
        """Do what time alone brings about: shelves expire, sensors are missed, and the clock may have been set."""
        parts, now, changes = self._parts, self._parts.clock(), []
        if step := parts.steps.look():
            log.warning("the clock was set by %+.0f s; what lasts goes on at its pace", step)
            changes = parts.alarms.move(step, now)
            with contextlib.suppress(DiskError):
                await parts.disk.once(parts.store.move_deadlines, step)
        changes += parts.alarms.tick(now)
        own = self._own_conditions(now)
        for change in [*changes, *parts.alarms.look(now, parts.steady(), connected, own)]:
            parts.alert_publisher.put(change)

    def _own_conditions(self, now: float) -> dict[str, Finding | None]:
        """Return which conditions of the gateway itself hold."""
        config, known = self._parts.config, [each.statistics for each in self._parts.learners]
        space = database.space(Path(config.state))
        since = max(self._began, fanout.EPOCH * self._now.number if len(self._now) < len(config.neighbours) else 0.0)
        heard = {name: max(max(of.heard(name) or 0.0, since) for of in known) for name in self._now}
        return {
            own_conditions.DISK: own_conditions.disk(space["free"], space["total"], self._parts.disk.trouble),
            own_conditions.TEST: self._test.finding(now),
            own_conditions.NEIGHBOUR: own_conditions.neighbours(heard, now, config.exchange.silent_days),
        }
