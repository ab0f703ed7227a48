"""The page of a shift handover, the report to print, and the CSV: all three of the same `Shift`."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from html import escape

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from reedmesh.assistant.past_alerts import MOST
from reedmesh.dashboard.model import answers
from reedmesh.dashboard.model.feed import Feed
from reedmesh.dashboard.model.handover import SensorShift, Shift, shift
from reedmesh.dashboard.model.view import Alert, View
from reedmesh.dashboard.pages.downloads import Cell, every_alert, file_of
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, button, link, put
from reedmesh.dashboard.ui.language import CODES, Language, preferred
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit
from reedmesh.errors import RefusedError

SPANS = {"shift": 28800.0, "day": 86400.0, "week": 604800.0}  # seconds
EVERY = 15.0  # seconds between two questions
COLUMNS = ("sensor", "count", "time", "open", "acknowledged", "models")
CSV = ("gateway", "sensor", "alerts", "seconds_in_alert", "still_open", "acknowledged_by", "new_models")
REPORT = "/handover.html"
METAS = '<meta charset="utf-8"><meta name="viewport" content="width=device-width">'
STYLE = """
body { font: 11pt/1.4 sans-serif; margin: 2rem auto; max-width: 50rem; color: #111; background: #fff }
table { border-collapse: collapse; width: 100%; margin: 0 0 1.5rem } th, td { text-align: left; padding: .25rem .5rem;
border-bottom: 1px solid #bbb; vertical-align: top; overflow-wrap: anywhere } tr { break-inside: avoid }
@page { margin: 15mm } @media screen { body { padding: 0 1rem } }
@media (max-width: 40rem) { body { font-size: 9pt } th, td { padding: .2rem } }
"""


class HandoverPage(Page):
    """The report of a shift."""

    part = "handover"

    def __init__(self, visit: Visit) -> None:
        self._span = "shift"
        super().__init__(visit)

    def build(self) -> None:
        """Make its sections."""
        say = self.say
        with box("header", "section-head"):
            Text("h1", "", say("handover.title"))
            with box("div", "buttons", role="group", aria_label=say("sensor.span")):
                self._spans = {key: button(say(f"handover.{key}"), self._chooser(key)) for key in SPANS}
        self._period = Text("p", "quiet")
        self._fault = Text("p", "faults")
        self._cut = Text("p", "faults")
        with box("p", "links"):
            self._report = link(REPORT, say("handover.report"))
            self._csv = link("/handover.csv", say("handover.csv"))
            self._csv.props["download"] = True
        with box("section", aria_label=say("handover.alerts")):
            Text("h2", "", say("handover.alerts"))
            self._nothing = Text("p", "quiet", say("handover.nothing"))
            self._causes = _table(("cause", "count"), lambda it: (_cause(it[0], say), say.count(it[1])), say)
        with box("section", aria_label=say("handover.line")):
            Text("h2", "", say("handover.line"))
            self._sensors = _table(COLUMNS, lambda it: _cells(it, say), say)
        self._asked = Asked(self._ask, EVERY, self._fault)
        self._press()

    def draw(self, view: View, now: float) -> str:  # noqa: ARG002 - as every page
        """Ask when it is time."""
        self._asked.look(self._span)
        return self.say("handover.title")

    async def _ask(self) -> None:
        until = time.time()
        it = await collect(self.feed, until - SPANS[self._span], until)
        say = self.say
        self._period.set_text(say("handover.span", since=say.stamp(it.since), until=say.stamp(it.until)))
        self._nothing.set_visibility(not it.causes)
        self._cut.set_text(_cut(it, say))
        self._causes.show([(name, (name, count)) for name, count in it.causes])
        self._sensors.show([(f"{each.gateway}/{each.sensor}", each) for each in it.sensors])

    def _chooser(self, key: str) -> Callable[[], Awaitable[None]]:
        async def choose() -> None:
            self._span = key
            self._press()
            await self._asked.now()

        return choose

    def _press(self) -> None:
        for key, element in self._spans.items():
            put(element, "aria-pressed", "true" if key == self._span else "false")
        put(self._report, "href", f"{REPORT}?span={self._span}")
        put(self._csv, "href", f"/handover.csv?span={self._span}")


class HandoverFiles:
    """The same as files."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed

    async def csv(self, request: Request) -> Response:
        """GET /handover.csv?span=shift: a row for each sensor that had an alert or a new model."""
        it = await self._shift(request)
        rows = [_row(each) for each in it.sensors]
        return file_of("handover.csv", CSV, rows)

    async def report(self, request: Request) -> Response:
        """GET /handover.html?span=shift: a page of its own, which prints."""
        code = request.cookies.get("lang", "")
        say = Language(code if code in CODES else preferred(request.headers.get("accept-language", "")))
        return HTMLResponse(html(await self._shift(request), say), headers={"cache-control": "no-store"})

    async def _shift(self, request: Request) -> Shift:
        span = SPANS.get(request.query_params.get("span", ""), SPANS["shift"])
        until = time.time()
        return await collect(self._feed, until - span, until)


async def collect(feed: Feed, since: float, until: float) -> Shift:
    """The data of that time from all gateways that answer."""
    alerts: list[tuple[str, Alert]] = []
    models: list[tuple[str, str, float]] = []
    cut: list[str] = []
    for gateway in feed.view.line:
        try:
            told = await every_alert(feed, gateway.name, since, until)
            made = await feed.ask(gateway.name, "made", since=since)
        except RefusedError:
            continue  # one that is away must not keep the others' from whoever needs them
        alerts += [(gateway.name, each) for each in answers.alerts({"alerts": told})]
        cut += [gateway.name] if len(told) >= MOST else []
        models += [(gateway.name, *each) for each in answers.made(made)]
    return replace(shift(alerts, models, since, until), cut=tuple(cut))


def html(it: Shift, say: Language) -> str:
    """The report."""
    causes = [(_cause(name, say), say.count(count)) for name, count in it.causes]
    listed = [(say.stamp(a.since), f"{g} · {a.sensor}", say.of("kind", a.kind), a.cause or a.verdict, a.by)
              for g, a in it.alerts]  # fmt: skip
    period = say("handover.span", since=say.stamp(it.since), until=say.stamp(it.until))
    heads = [say(f"handover.{key}") for key in ("cause", "count")]
    parts = [
        f"<h1>{escape(say('handover.title'))}</h1><p>{escape(period)}. {escape(say('foot.clock'))}</p>",
        f"<p>{escape(_cut(it, say))}</p>" if it.cut else "",
        f"<h2>{escape(say('handover.alerts'))}</h2>{_html_table(heads, causes)}" if causes else "",
        "" if causes else f"<p>{escape(say('handover.nothing'))}</p>",
        _html_table([say(f"handover.{key}") for key in COLUMNS], [_cells(each, say) for each in it.sensors]),
        _html_table([say("alert.began"), say("handover.sensor"), say("alert.kind"), say("handover.cause"),
                     say("handover.acknowledged")], listed) if listed else "",
    ]  # fmt: skip
    head = f"{METAS}<title>{escape(say('handover.title'))}</title><style>{STYLE}</style>"
    return f'<!doctype html><html lang="{say.code}"><head>{head}</head><body>{"".join(parts)}</body></html>'


def _html_table(heads: list[str], rows: Sequence[tuple[str, ...]]) -> str:
    head = "".join(f"<th>{escape(each)}</th>" for each in heads)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(it: SensorShift) -> list[Cell]:
    return [it.gateway, it.sensor, it.alerts, round(it.seconds), it.still_open, ", ".join(it.by), it.models]


def _cells(it: SensorShift, say: Language) -> tuple[str, ...]:
    by = ", ".join(it.by) or (say("handover.nobody") if it.alerts else "")
    time_in = say.duration(it.seconds) if it.alerts else ""
    counts = (say.count(it.alerts), time_in, say.count(it.still_open))
    return f"{it.gateway} · {it.sensor}", *counts, by, say.count(it.models)


def _cut(it: Shift, say: Language) -> str:
    """Which gateways have more alerts than are counted."""
    return " ".join(say("handover.cut", gateway=name, n=say.count(MOST)) for name in it.cut)


def _cause(name: str, say: Language) -> str:
    return say.of("step", say.of("kind", name))


def _table(keys: tuple[str, ...], texts: "Callable[..., tuple[str, ...]]", say: Language) -> "Parts[object]":
    with box("table", "cards"):
        with box("thead"), box("tr"):
            for key in keys:
                put(Text("th", "", say(f"handover.{key}")), "scope", "col")
        labels = [say(f"handover.{key}") for key in keys]
        return Parts(box("tbody"), lambda: Row(len(keys), texts, labels))
