"""New firmware for sensors: to one after the other, and to no further one once it failed on any.

What a sensor runs it says in its hello, so nothing is remembered here: sensors that were away get theirs when they are
back. A sensor asks for its firmware block by block, and is done when it says that the new one proved good.
"""

import asyncio
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reedmesh.coding.bundle import Bundle, shape_for
from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message, Publisher
from reedmesh.protocol import firmware_package, shards, wire
from reedmesh.readings.sensor import Line, Sensor
from reedmesh.updates.firmware_packages import FirmwarePackage, PackageStore
from reedmesh.updates.latest_queue import LatestQueue

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SPARE = 1  # parity shards of each block, before anybody says that one is missing
SILENT = 60.0  # seconds without a word from a sensor that is sent firmware: it is the next one's turn
PROOF = 1800.0  # seconds that new firmware has to prove good, three starts among them
PARTIAL, TAKEN, SAME, BUSY, TIMEOUT = 206, 200, 304, 409, 408  # what a sensor says, in the numbers of HTTP
MOST_ASKED = 40  # times that a sensor may ask for more of a block; it gives up after 10 without an answer


class FirmwareRollout:
    """Updates the sensors of gateway `gateway` from the shelf in its `state` directory."""

    def __init__(self, gateway: str, line: Line, state: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.statuses: LatestQueue[dict[str, Any]] = LatestQueue()
        self._gateway = gateway
        self._line = line
        self._shelf = PackageStore(state)
        self._keys = SensorKeys(state)
        self._clock = clock
        self._turn: Sensor | None = None  # who is being updated
        self._parcel: FirmwarePackage | None = None  # with what
        self._bundle: Bundle | None = None  # its shards, until it has them
        self._since = 0.0
        self._asked: dict[int, int] = {}  # block -> how often it was asked for
        self._later: dict[str, float] = {}  # when to try again those who could not
        self._refused: set[str] = set()
        self._failed: set[str] = set()  # codes whose parcel failed on a sensor

    async def run(self, publisher: Publisher) -> None:
        """Update whoever needs it; for ever."""
        while True:
            try:
                async with asyncio.timeout(LOOK_SECONDS):
                    sensor, status = await self.statuses.get()
            except TimeoutError:
                await self._look(publisher)
            else:
                if sensor is self._turn:
                    await self._hear(publisher, sensor, status)

    async def _look(self, publisher: Publisher) -> None:
        """See whether the shelf, or the sensor whose turn it is, has changed; else give somebody a turn."""
        try:
            if self._shelf.look():
                self._refused.clear()
                self._failed.clear()
        except ConfigError as error:
            log.error("%s", error)
        if self._turn and self._parcel:
            self._follow(self._turn, self._parcel)
        elif sensor := next(filter(self._needs, self._line.sensors.values()), None):
            await self._offer(publisher, sensor)

    def _needs(self, sensor: Sensor) -> bool:
        tree = _tree(sensor)
        found = self._shelf.of(tree.get("code"))
        if found is None or not sensor.online or sensor.name in self._refused or found.code in self._failed:
            return False
        if any(_doubtful(other, found) for other in self._line.sensors.values()):
            return False
        return found.sequence > int(tree["newest"]) and self._clock() >= self._later.get(sensor.name, 0.0)

    async def _offer(self, publisher: Publisher, sensor: Sensor) -> None:
        found = self._shelf.of(_tree(sensor)["code"])
        try:
            key = self._keys.of(sensor.name)
        except ConfigError as error:
            log.error("%s", error)
            key = None
        if not found or not key:
            self._refuse(sensor, "it has no key, and takes no firmware without: `reedmesh sensor-key`")
            return
        shape = shape_for(len(found.payload), sensor.longest_shard, sensor.room)
        family = firmware_package.FAMILY + found.code
        self._bundle = Bundle(found.payload, family, self._gateway, found.sequence, found.sequence, shape)
        self._turn, self._parcel, self._since = sensor, found, self._clock()
        self._asked.clear()
        sensor.update = "firmware 0 %"
        topic = wire.topic(self._gateway, sensor.name, "firmware", "manifest")
        await publisher.publish(Message(topic, shards.sealed(self._bundle.manifest, key), qos=1))

    async def _hear(self, publisher: Publisher, sensor: Sensor, status: dict[str, Any]) -> None:
        """What the sensor says of the firmware it is sent."""
        code, bundle = status.get("code"), self._bundle
        if code == PARTIAL and bundle:
            await self._send(publisher, sensor, bundle, status)
        elif code == TAKEN:
            self._bundle, self._since = None, self._clock()
            sensor.update = "firmware on probation"
        elif code in (BUSY, TIMEOUT, SAME):
            self._postpone(sensor, str(status.get("reason", ""))[:200])
        else:
            self._refuse(sensor, f"{code} {status.get('reason', '')}"[:200])

    async def _send(self, publisher: Publisher, sensor: Sensor, bundle: Bundle, status: dict[str, Any]) -> None:
        block, missing = status.get("block"), status.get("missing")
        if not isinstance(block, int) or not isinstance(missing, int) or not 0 <= block < bundle.shape.blocks:
            return
        self._asked[block] = self._asked.get(block, 0) + 1
        if self._asked[block] > MOST_ASKED:
            self._refuse(sensor, f"it asked for block {block} {MOST_ASKED} times")
            return
        self._since = self._clock()
        sensor.update = f"firmware {100 * block // bundle.shape.blocks} %"
        topic = wire.topic(self._gateway, sensor.name, "firmware", "shard")
        for frame in bundle.wave({block: max(1, min(missing, bundle.shape.k)) + SPARE}):
            await publisher.publish(Message(topic, frame))

    def _follow(self, sensor: Sensor, sent: FirmwarePackage) -> None:
        """Whether the sensor whose turn it is has come to an end with its update, good or bad."""
        tree, waited = _tree(sensor), self._clock() - self._since
        if tree.get("sequence") == sent.sequence and tree.get("proved"):
            log.info("%s: firmware %d proved good", sensor.name, sent.sequence)
            self._end(sensor)
        elif tree.get("newest") == sent.sequence and tree.get("relapse"):
            self._fail(sensor, sent, str(tree["relapse"])[:200])
        elif self._bundle and waited > SILENT:
            self._postpone(sensor, f"silent for {SILENT:.0f} s")
        elif waited > PROOF:
            self._fail(sensor, sent, f"it did not prove good in {PROOF / 60:.0f} minutes")

    def _end(self, sensor: Sensor, said: str = "") -> None:
        self._turn = self._parcel = self._bundle = None
        sensor.update = said

    def _postpone(self, sensor: Sensor, reason: str) -> None:
        log.info("%s: its firmware has to wait: %s", sensor.name, reason)
        self._later[sensor.name] = self._clock() + SILENT
        self._end(sensor)

    def _refuse(self, sensor: Sensor, reason: str) -> None:
        log.error("%s gets no new firmware: %s", sensor.name, reason)
        self._refused.add(sensor.name)
        self._end(sensor, f"firmware refused: {reason}")

    def _fail(self, sensor: Sensor, sent: FirmwarePackage, reason: str) -> None:
        log.error("%s: %s; no other sensor gets firmware %d", sensor.name, reason, sent.sequence)
        self._failed.add(sent.code)
        self._end(sensor, f"firmware failed: {reason}")


def _tree(sensor: Sensor) -> dict[str, Any]:
    """What a sensor says of its firmware, if it makes sense."""
    said = sensor.hello.get("tree")
    if not isinstance(said, dict) or not isinstance(said.get("code"), str):
        return {}
    return said if all(isinstance(said.get(key), int) for key in ("sequence", "newest")) else {}


def _doubtful(sensor: Sensor, sent: FirmwarePackage) -> bool:
    """Whether it shows, or may yet show, that this firmware is bad."""
    tree = _tree(sensor)
    mine = tree.get("code") == sent.code and tree.get("newest") == sent.sequence
    return mine and bool(tree.get("relapse") or (sensor.online and not tree.get("proved")))
