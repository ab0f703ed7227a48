"""The subscriptions of a gateway at its broker: known sensors by name, unknown ones by their hello alone.

A broker whose queue for us is full drops messages of all senders alike, but it queues none that we are not subscribed
to. So a client that sends too much (`alerts/rate_guard.py`) is unsubscribed from, and messages of unknown senders on
other topics never arrive (decision 0026).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable

from reedmesh.alerts.rate_guard import DOOR, RateGuard
from reedmesh.broker import acl
from reedmesh.links.message import Subscriber
from reedmesh.protocol import wire
from reedmesh.readings.line import Line

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks at who is there
HELLO, REQUEST = "hello", "request"
BEAT = "beat"  # leaf of the topic on which the gateway hears itself
SAYS = {leaf: int(leaf not in ("window", "part")) for leaf in acl.SENSOR_SAYS if leaf != HELLO}  # with the QoS


class SensorSubscriptions:
    """Of gateway `name`, to the sensors of `line`.

    by_name: False where the broker itself slows down a client that sends too much: matching thousands of topics would
    cost it more; and on a cluster, where its nodes must agree on each filter. most_qos: 0 on a cluster, which would
    make a replicated queue for each filter at QoS 1; the session is clean, so such a queue outlives nothing.
    """

    def __init__(
        self, name: str, line: Line, by_name: bool, clock: Callable[[], float] = time.monotonic, most_qos: int = 1
    ) -> None:
        self.rate_guard = RateGuard(line.sensors, own=[REQUEST])
        self._base = wire.topic(name)
        self._line = line
        self._by_name = by_name
        self._most_qos = most_qos
        self._clock = clock
        self._stir = asyncio.Event()

    def topics(self) -> dict[str, int]:
        """Topic filters with their QoS, as of now."""
        return {topic: min(qos, self._most_qos) for topic, qos in self._filters().items()}

    def _filters(self) -> dict[str, int]:
        if not self._by_name:
            return self._of("+", {**SAYS, HELLO: 1}) | self._own()
        names = self._line.sensors.keys() - self.rate_guard.shut
        open_door = DOOR not in self.rate_guard.shut
        found = self._own() | (self._of("+", {HELLO: 1}) if open_door else {})
        for name in names:
            found |= self._of(name, SAYS if open_door else {**SAYS, HELLO: 1})
        return found

    def admit(self, topic: str) -> bool:
        """Whether to listen to a message on `topic`; quick, for it is asked of every one."""
        parts = topic.split("/", 3)
        if len(parts) < 4 or (parts[3] not in SAYS and parts[3] != HELLO and parts[2] != REQUEST):
            return True  # the gateway's own
        shut = self.rate_guard.shut
        admitted = self.rate_guard.admit(parts[2], self._clock())
        if self.rate_guard.shut is not shut:
            self._stir.set()
        return admitted

    async def run(self, link: Subscriber) -> None:
        """Have `link` follow who is there, until cancelled."""
        before: tuple[frozenset[str], frozenset[str]] | None = None
        told: dict[str, float] = {}
        while True:
            self.rate_guard.look(self._clock())
            told = self._tell(told)
            if (now := (frozenset(self._line.sensors), self.rate_guard.shut)) != before:
                await link.follow()
                before = now
            self._stir.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK):
                    await self._stir.wait()

    def _own(self) -> dict[str, int]:
        heard = {BEAT: 1} if REQUEST in self.rate_guard.shut and self._by_name else {BEAT: 1, f"{REQUEST}/+": 1}
        return {f"{self._base}/{leaf}": qos for leaf, qos in heard.items()}

    def _of(self, name: str, leaves: dict[str, int]) -> dict[str, int]:
        return {f"{self._base}/{name}/{leaf}": qos for leaf, qos in leaves.items()}

    def _tell(self, before: dict[str, float]) -> dict[str, float]:
        """Log senders that were blocked, and those that were released."""
        rates = self.rate_guard.rates()
        for name in rates.keys() - before:
            log.error("%s: %.0f messages/s: blocked for now", name or "strangers", rates[name])
        for name in before.keys() - rates:
            log.warning("%s: sends at a normal rate again", name or "strangers")
        return rates
