"""CSV files to download: alerts with their journals, the features of a sensor's newest windows.

Readings never leave a sensor, so there are none to download, and no WAV.
"""

import csv
import io
import time
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from reedmesh.assistant.past_alerts import PAGE, every
from reedmesh.dashboard.model import answers
from reedmesh.dashboard.model.answers import Step
from reedmesh.dashboard.model.feed import Feed
from reedmesh.dashboard.model.view import Alert
from reedmesh.errors import RefusedError

FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # a spreadsheet would take such a cell for one (OWASP, CSV injection)
COLUMNS = ("gateway", "id", "sensor", "kind", "priority", "state", "since", "until", "times_threshold", "by", "verdict")
DAY = 86400.0  # by which a gateway's clock may be ahead of ours
Cell = str | float | int | None


class Downloads:
    """Files made of what gateways answer."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def alerts(self, _: Request) -> Response:
        """GET /alerts.csv: the alerts of all gateways that answer."""
        rows: list[list[Cell]] = []
        for name in sorted(each.name for each in self._feed.view.line):
            try:
                said = {"alerts": await every_alert(self._feed, name, 0.0, time.time() + DAY)}
            except RefusedError:
                continue  # one that is away must not keep the others' from whoever needs them
            rows += [_alert_row(name, alert, steps) for alert, steps in answers.journals(said)]
        return file_of("alerts.csv", [*COLUMNS, "journal"], rows)

    async def windows(self, request: Request) -> Response:
        """GET /gateway/<gateway>/sensor/<sensor>/windows.csv: features, as the sensor made them (int8)."""
        gateway, sensor = request.path_params["gateway"], request.path_params["sensor"]
        try:
            features, rows = answers.windows(await self._feed.ask(gateway, "windows", sensor=sensor))
        except RefusedError as error:
            return PlainTextResponse(f"{gateway} has no windows of {sensor}: {str(error)[:200]}", 404)
        heads = [_head(each) for each in features]
        return file_of("windows.csv", ["at", *heads], [[_moment(at), *values] for at, values in rows])


async def every_alert(feed: Feed, gateway: str, since: float, until: float) -> list[dict[str, Any]]:
    """The alerts of a gateway in that time, as it tells of them; the newest past_alerts.MOST. Raises RefusedError."""

    async def page(until: float) -> list[dict[str, Any]]:
        return answers.dicts((await feed.ask(gateway, "alerts", since=since, until=until, limit=PAGE)).get("alerts"))

    return await every(page, until)


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    """RFC 4180, with a byte order mark so that spreadsheets read UTF-8; no text in it is taken for a formula."""
    out = io.StringIO()
    out.write("\N{ZERO WIDTH NO-BREAK SPACE}")
    writer = csv.writer(out)
    writer.writerow([_harmless(each) for each in columns])
    writer.writerows([_harmless(each) for each in row] for row in rows)
    return out.getvalue()


def _harmless(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith(FORMULA):
        return f"'{cell}"
    return cell


def _alert_row(gateway: str, it: Alert, steps: Sequence[Step]) -> list[Cell]:
    excess = None if it.excess is None else round(it.excess, 3)
    journal = " | ".join(" ".join(filter(None, [_moment(each.at), each.what, each.who, each.text])) for each in steps)
    times = _moment(it.since), _moment(it.until) if it.until else ""
    return [gateway, it.id, it.sensor, it.kind, it.priority, it.state, *times, excess, it.by, it.verdict, journal]


def _head(feature: answers.Feature) -> str:
    name = f"{feature.low:g}-{feature.high:g} Hz" if feature.band else feature.name
    return f"axis {feature.axis + 1} {name}"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(timespec="seconds")  # the zone of every page


def file_of(name: str, columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Response:
    """A CSV to download."""
    stamped = f"{time.strftime('%Y%m%d-%H%M')}-{name}"
    headers = {"content-disposition": f'attachment; filename="{stamped}"', "cache-control": "no-store"}
    return Response(csv_of(columns, rows), media_type="text/csv; charset=utf-8", headers=headers)
