"""Modbus TCP: the stations named in the settings, as devices 1, 2 ...; each has these holding registers (from 0):

    0        ready, 0 or 1                   1        verdict: 0 OK, 1 NOK, 2 unsure, 255 not judged
    2        what speaks against it, int16   3, 4     parts heard, the high word first; 5 to 10: OK, NOK, unsure
    11 - 22  the part's number, text         23 - 34  its class, text, two characters a register
    40       write 1: OK, 2: NOK, 3: take the label back, of the part whose number in the count is in 41, 42
    50 - 81  the last 16 parts, the newest last: low word of its number in the count, verdict

Whoever reads before 16 more parts came misses none. Modbus knows no users: keep it to a network nobody else is on.
"""

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from reedmesh.broker.own_link import own_link
from reedmesh.config.settings import Config
from reedmesh.inference.explain import compact
from reedmesh.links.message import Message, Publisher, beside
from reedmesh.protocol import wire
from reedmesh.readings.line import Line
from reedmesh.readings.sensor import WATCHING

SIZE, COMMAND, QUEUE, KEPT = 82, 40, 50, 16
NUMBERS = {"OK": 0, "NOK": 1, "unsure": 2}
UNJUDGED = 255
LABELS = {1: "OK", 2: "NOK", 3: ""}
TEXT = 12  # registers of a text


def run(config: Config, line: Line) -> Coroutine[Any, Any, None]:
    """The work of this exporter."""
    link = own_link(config, "-modbus", {})
    return beside(link, Modbus(config, line, link).run())


class Modbus:
    """A server for the stations of `line` that the settings name; publisher: takes requests."""

    def __init__(self, config: Config, line: Line, publisher: Publisher) -> None:
        self._config = config
        self._line = line
        self._publisher = publisher
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        host, _, port = self._config.modbus.listen.rpartition(":")
        devices = [
            SimDevice(i + 1, [SimData(0, SIZE, 0, DataType.REGISTERS)], action=partial(self._asked, name))
            for i, name in enumerate(self._config.modbus.stations)
        ]
        server = ModbusTcpServer(devices, address=(host, int(port)))
        try:
            await server.serve_forever(background=True)
            self.ready.set()
            await asyncio.Event().wait()
        finally:
            await server.shutdown()

    async def _asked(
        self, name: str, _: int, start: int, at: int, count: int, registers: list[int], values: Any
    ) -> ExcCodes | None:
        """Show the registers as they are now; a write of a command becomes a request."""
        registers[:] = self.registers(name)
        if values is None:
            return None
        written = dict(zip(range(at - start, at - start + count), values, strict=False))
        if not set(written) <= {COMMAND, COMMAND + 1, COMMAND + 2} or COMMAND not in written:
            return ExcCodes.ILLEGAL_ADDRESS
        number = (written.get(COMMAND + 1, 0) << 16) + written.get(COMMAND + 2, 0)
        return None if await self._label(name, written[COMMAND], number) else ExcCodes.ILLEGAL_VALUE

    async def _label(self, name: str, command: int, number: int) -> bool:
        sensor = self._line.sensors.get(name)
        found = sensor.station.at(number) if sensor and sensor.station else None
        if command not in LABELS or not found:
            return False
        boot, of = found.order
        table = {"sensor": name, "boot": boot, "number": of, "label": LABELS[command], "by": "modbus"}
        topic = wire.topic(self._config.name, "request", "label")
        return await self._publisher.publish(Message(topic, compact(table), qos=1))

    def registers(self, name: str) -> list[int]:
        """All of a station's; zeros while it is not there."""
        out = [0] * SIZE
        sensor = self._line.sensors.get(name)
        if not sensor or not sensor.station:
            out[1] = UNJUDGED
            return out
        station, counters = sensor.station, sensor.station.counters
        out[0] = int(sensor.online and sensor.state == WATCHING)
        out[1] = UNJUDGED
        if it := station.last:
            out[1], out[2] = NUMBERS.get(it.verdict, UNJUDGED), (it.against or 0) & 0xFFFF
            out[11 : 11 + TEXT], out[23 : 23 + TEXT] = _text(it.part), _text(it.fault)
        for i, number in enumerate((station.heard, counters.ok, counters.nok, counters.unsure)):
            out[3 + 2 * i : 5 + 2 * i] = number >> 16 & 0xFFFF, number & 0xFFFF
        newest = station.since(station.heard - KEPT)
        for i, it in enumerate(newest):
            at = QUEUE + 2 * (KEPT - len(newest) + i)
            number = station.heard - len(newest) + i + 1
            out[at : at + 2] = number & 0xFFFF, NUMBERS.get(it.verdict, UNJUDGED)
        return out


def _text(words: str) -> list[int]:
    data = words.encode("ascii", "replace")[: 2 * TEXT].ljust(2 * TEXT, b"\0")
    return [data[i] << 8 | data[i + 1] for i in range(0, 2 * TEXT, 2)]
