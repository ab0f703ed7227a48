"""Recordings of a sensor's windows under a label: files on this gateway, never exchanged.

The gateway stores every window anyway, so a recording is a span of time with a name. When it is over, its windows are
copied from the database into a file of their own, which no newer windows push out. Sensors publish features, not
readings, so features are what is recorded. A recording goes on over a restart of the gateway.
"""

import asyncio
import contextlib
import io
import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh import atomic_file
from reedmesh.errors import DiskError, RefusedError
from reedmesh.inference import explain
from reedmesh.service.composition import Parts
from reedmesh.service.requests.arguments import Arguments

log = logging.getLogger(__name__)

FOLDER = "recordings"  # in the state directory
MOST_KEPT, MOST_RUNNING, MOST_MINUTES = 200, 8, 1440
MOST_WINDOWS = 100_000
LOOK = 1.0  # seconds
LARGEST = 4096  # bytes of what is noted of one


@dataclass(frozen=True)
class Span:
    """A recording. since, until: seconds since 1970. windows: how many there are, -1 while it runs."""

    name: str
    sensor: str
    label: str
    by: str
    since: float
    until: float
    windows: int = -1


class Recorder:
    """The recordings of the gateway that `parts` make."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._folder = Path(parts.config.state) / FOLDER
        self._spans = {each.name: each for each in map(_read, sorted(self._folder.glob("*.json"))) if each}
        for span in self._running():
            self._mark(span)

    async def record(self, given: Arguments) -> dict[str, Any]:
        """{sensor, minutes, label, by}: its windows are recorded from now on."""
        sensor, label, by = given.some_text("sensor", 32), given.some_text("label", 64), given.who()
        minutes, now = given.number("minutes", 0.01, MOST_MINUTES), self._parts.clock()
        if sensor not in self._parts.line.sensors:
            raise RefusedError(f"sensor: this gateway has none called {sensor!r}")
        if any(each.sensor == sensor for each in self._running()) or len(self._running()) >= MOST_RUNNING:
            raise RefusedError(f"{sensor} is recorded already, or {MOST_RUNNING} others are: `reedmesh record --stop`")
        if len(self._spans) >= MOST_KEPT:
            raise RefusedError(f"{MOST_KEPT} recordings are kept: remove files in {self._folder}")
        span = Span(f"{sensor}-{int(now)}", sensor, label, by, now, now + 60 * minutes)
        await self._keep(span)
        self._mark(span)
        return asdict(span)

    async def stop(self, given: Arguments) -> dict[str, Any]:
        """{sensor, by}: the recording of a sensor ends now."""
        sensor, _ = given.some_text("sensor", 32), given.who()
        found = [each for each in self._running() if each.sensor == sensor]
        if not found:
            raise RefusedError(f"{sensor} is not recorded")
        span = Span(**{**asdict(found[0]), "until": self._parts.clock()})
        await self._keep(span)
        return asdict(span)

    async def listed(self, given: Arguments) -> dict[str, Any]:
        """{}: all recordings, the newest last."""
        del given
        return {"recordings": [asdict(each) for each in sorted(self._spans.values(), key=lambda each: each.since)]}

    async def run(self) -> None:
        """Write each recording that is over, until cancelled."""
        while True:
            for span in self._running():
                if self._parts.clock() >= span.until:
                    with contextlib.suppress(DiskError):  # tried again at the next look
                        await self._end(span)
            await asyncio.sleep(LOOK)

    async def _end(self, span: Span) -> None:
        parts = self._parts
        await parts.disk.flush()
        rows = await parts.disk.once(
            parts.store.history.features, span.sensor, span.since, span.until, MOST_WINDOWS
        )  # newest first
        await parts.disk.once(atomic_file.write, self._folder / f"{span.name}.npz", self._content(span, rows[::-1]))
        await self._keep(Span(**{**asdict(span), "windows": len(rows)}))
        if sensor := parts.line.sensors.get(span.sensor):
            sensor.recording = None
        log.info("%s: %d windows recorded as %s", span.sensor, len(rows), span.label)

    def _content(self, span: Span, rows: list[tuple[float, bytes]]) -> bytes:
        sensor, recipe = self._parts.line.sensors.get(span.sensor), self._parts.family.recipe
        names = explain.features(recipe, sensor.hz, sensor.channels) if sensor and not sensor.station else []
        width = max((len(each) for _, each in rows), default=0)
        features = [np.frombuffer(each, np.int8) for _, each in rows if len(each) == width]
        content = io.BytesIO()
        np.savez_compressed(
            content,
            features=np.array(features, np.int8).reshape(len(features), width),
            at=np.array([at for at, each in rows if len(each) == width]),
            label=np.array(span.label),
            sensor=np.array(span.sensor),
            names=np.array([f"axis {each['axis']} {each['feature']}" for each in names], dtype=np.str_),
        )
        return content.getvalue()

    async def _keep(self, span: Span) -> None:
        note = json.dumps(asdict(span)).encode()
        await self._parts.disk.once(atomic_file.write, self._folder / f"{span.name}.json", note)
        self._spans[span.name] = span

    def _running(self) -> list[Span]:
        return [each for each in self._spans.values() if each.windows < 0]

    def _mark(self, span: Span) -> None:
        if sensor := self._parts.line.sensors.get(span.sensor):
            sensor.recording = span.label, span.until


def _read(path: Path) -> Span | None:
    """What is noted of a recording; nothing for a file that is none of ours."""
    try:
        return Span(**json.loads(atomic_file.read(path, LARGEST)))
    except (OSError, ValueError, TypeError):
        log.warning("%s: no note of a recording", path)
        return None
