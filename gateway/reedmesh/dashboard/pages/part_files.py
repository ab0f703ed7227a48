"""The parts of a station as a CSV file, and the stretches of time that it and the page may be of."""

import time

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from reedmesh.dashboard.model import parts as model
from reedmesh.dashboard.model.feed import Feed
from reedmesh.dashboard.model.parts import Part
from reedmesh.dashboard.pages.downloads import Cell, file_of
from reedmesh.errors import RefusedError

SHIFTS = {"shift": 0, "last-shift": 1}  # so many before the one that runs; the gateway knows when they begin
SPANS = {"day": 86400.0, "week": 604800.0}  # seconds
CSV = ("at", "part", "boot", "number", "verdict", "class", "label", "latency_ms")


class PartFiles:
    """The parts of a station as a file."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def csv(self, request: Request) -> Response:
        """GET /gateway/<gateway>/sensor/<sensor>/parts.csv?span=shift: a row for each part, the oldest first."""
        gateway, sensor = request.path_params["gateway"], request.path_params["sensor"]
        span = asked(request.query_params.get("span", ""))
        rows: dict[str, list[Cell]] = {}
        until = time.time() + 1.0
        try:
            while len(rows) < 5000:
                said = await self._feed.ask(gateway, "parts", sensor=sensor, until=until, limit=100, **span)
                found = model.listing(said).parts
                new = {part.key: _row(part) for part in found if part.key not in rows}
                if not new:
                    break
                rows |= new
                until = min(part.at for part in found) + 1e-6
        except RefusedError as error:
            return PlainTextResponse(f"{gateway} has no parts of {sensor}: {str(error)[:200]}", 404)
        return file_of("parts.csv", CSV, list(reversed(rows.values())))


def asked(span: str) -> dict[str, float]:
    """The arguments of a request about that stretch of time; another one is the shift that runs."""
    return {"since": time.time() - SPANS[span]} if span in SPANS else {"shift": SHIFTS.get(span, 0)}


def _row(it: Part) -> list[Cell]:
    at = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(it.at))
    return [at, it.name, it.boot, it.number, it.verdict, it.fault, it.label, it.latency]
