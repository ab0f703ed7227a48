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

from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Publisher
from reedmesh.protocol import firmware_package
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import Sensor
from reedmesh.updates.firmware_packages import FirmwarePackage, PackageStore
from reedmesh.updates.latest_queue import LatestQueue
from reedmesh.updates.transfer import MOST_ASKED, Transfer

log = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
SILENT = 60.0  # seconds without a word from a sensor that is sent firmware: it is the next one's turn
PROOF = 1800.0  # seconds that new firmware has to prove good, three starts among them
PARTIAL, TAKEN, SAME, BUSY, TIMEOUT = 206, 200, 304, 409, 408  # what a sensor says, in the numbers of HTTP


class FirmwareRollout:
    """Updates the sensors of gateway `gateway` from the packages in its `state` directory."""

    def __init__(
        self,
        gateway: str,
        line: Line,
        state: Path,
        clock: Callable[[], float] = time.monotonic,
        signer: bytes = b"",
    ) -> None:
        self.statuses: LatestQueue[dict[str, Any]] = LatestQueue()
        self._gateway = gateway
        self._line = line
        self._store = PackageStore(state, signer)
        self._keys = SensorKeys(state)
        self._clock = clock
        self._turn: Sensor | None = None  # who is being updated
        self._package: FirmwarePackage | None = None  # with what
        self._transfer: Transfer | None = None  # its shards, until it has them
        self._since = 0.0
        self._later: dict[str, float] = {}  # when to try again those who could not
        self._refused: set[str] = set()
        self._failed: set[str] = set()  # codes whose package failed on a sensor

    async def run(self, publisher: Publisher) -> None:
        """Update the sensors that need it, until cancelled."""
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
        """See whether the packages, or the sensor whose turn it is, has changed; else give somebody a turn."""
        try:
            if self._store.look():
                self._refused.clear()
                self._failed.clear()
        except ConfigError as error:
            log.error("%s", error)
        if self._turn and self._package:
            self._follow(self._turn, self._package)
        elif sensor := next(filter(self._needs, self._line.sensors.values()), None):
            await self._offer(publisher, sensor)

    def _needs(self, sensor: Sensor) -> bool:
        tree = _tree(sensor)
        found = self._store.of(tree.get("code"))
        if found is None or not sensor.online or sensor.name in self._refused or found.code in self._failed:
            return False
        if any(_doubtful(other, found) for other in self._line.sensors.values()):
            return False
        return found.sequence > int(tree["newest"]) and self._clock() >= self._later.get(sensor.name, 0.0)

    async def _offer(self, publisher: Publisher, sensor: Sensor) -> None:
        found = self._store.of(_tree(sensor)["code"])
        try:
            key = self._keys.of(sensor.name)
        except ConfigError as error:
            log.error("%s", error)
            key = None
        if not found or not key:
            self._refuse(sensor, "it has no key, and takes no firmware without: `reedmesh sensor-key`")
            return
        family = firmware_package.FAMILY + found.code
        self._transfer = Transfer(self._gateway, sensor, "firmware", found.payload, family, found.sequence)
        self._turn, self._package, self._since = sensor, found, self._clock()
        sensor.update = "firmware 0 %"
        await self._transfer.announce(publisher, key)

    async def _hear(self, publisher: Publisher, sensor: Sensor, status: dict[str, Any]) -> None:
        """What the sensor says of the firmware it is sent."""
        code, transfer = status.get("code"), self._transfer
        if code == PARTIAL and transfer:
            await self._send(publisher, sensor, transfer, status)
        elif code == TAKEN:
            self._transfer, self._since = None, self._clock()
            sensor.update = "firmware on probation"
        elif code in (BUSY, TIMEOUT, SAME):
            self._postpone(sensor, str(status.get("reason", ""))[:200])
        else:
            self._refuse(sensor, f"{code} {status.get('reason', '')}"[:200])

    async def _send(self, publisher: Publisher, sensor: Sensor, transfer: Transfer, status: dict[str, Any]) -> None:
        block, missing = status.get("block"), status.get("missing")
        if not isinstance(block, int) or not isinstance(missing, int) or not 0 <= block < transfer.blocks:
            return
        if not transfer.count(block):
            self._refuse(sensor, f"it asked for block {block} more than {MOST_ASKED} times")
            return
        self._since = self._clock()
        sensor.update = f"firmware {100 * block // transfer.blocks} %"
        await transfer.send(publisher, block, missing)

    def _follow(self, sensor: Sensor, sent: FirmwarePackage) -> None:
        """Whether the sensor whose turn it is has come to an end with its update, good or bad."""
        tree, waited = _tree(sensor), self._clock() - self._since
        if tree.get("sequence") == sent.sequence and tree.get("proved"):
            log.info("%s: firmware %d proved good", sensor.name, sent.sequence)
            self._end(sensor)
        elif tree.get("newest") == sent.sequence and tree.get("relapse"):
            self._fail(sensor, sent, str(tree["relapse"])[:200])
        elif self._transfer and waited > SILENT:
            self._postpone(sensor, f"silent for {SILENT:.0f} s")
        elif waited > PROOF:
            self._fail(sensor, sent, f"it did not prove good in {PROOF / 60:.0f} minutes")

    def _end(self, sensor: Sensor, said: str = "") -> None:
        self._turn = self._package = self._transfer = None
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
