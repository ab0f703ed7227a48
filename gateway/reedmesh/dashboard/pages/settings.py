"""The page of settings: those of each gateway and of this page, read only; and downloads."""

from collections.abc import Mapping
from typing import Any

from reedmesh.dashboard.model import reducer
from reedmesh.dashboard.model.view import View
from reedmesh.dashboard.settings import Settings
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, link, put
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit

EVERY = 60.0  # seconds between two looks
MOST_ROWS = 300  # of one gateway
SECRETS = ("password", "secret", "token")  # in a key's name: its value is not shown, whoever sends it
DEEPEST = 8  # tables in tables
LONG = 300  # characters of a value

Rows = tuple[tuple[str, str], ...]


class SettingsPage(Page):
    """The effective settings of everything that can be heard."""

    part = "settings"

    def __init__(self, visit: Visit, settings: Settings) -> None:
        self._own = rows_of(_shown(settings))
        self._known: dict[str, Rows] = {}
        super().__init__(visit)

    def build(self) -> None:
        """Make a section for downloads, one for this page, one for each gateway."""
        Text("h1", "", self.say("settings.title"))
        Text("p", "quiet", self.say("settings.about"))
        self._fault = Text("p", "faults")
        with box("section", aria_label=self.say("settings.downloads")):
            Text("h2", "", self.say("settings.downloads"))
            with box("p"):
                put(link("/alerts.csv", self.say("settings.alerts")), "download", "")
            Text("p", "quiet", self.say("settings.windows"))
        self._tables: Parts[tuple[str, Rows]] = Parts(box("div", "columns"), TablePart)
        self._asked = Asked(lambda: self.each_gateway(self._ask_one), EVERY, self._fault)

    def draw(self, view: View, now: float) -> str:  # noqa: ARG002, as every page
        """Draw what gateways answered."""
        self._asked.look(len(view.line))
        own = [("", (self.say("settings.own"), self._own))]
        theirs = [
            (f"/{name}", (self.say("settings.gateway", name=name), self._known[name]))
            for name in sorted(each.name for each in view.line)
            if name in self._known
        ]
        self._tables.show([*theirs, *own])
        return self.say("settings.title")

    async def _ask_one(self, name: str) -> None:
        self._known[name] = rows_of(await self.ask(name, "config"))


class TablePart:
    """Settings by their keys."""

    def __init__(self) -> None:
        self.root = box("section")
        with self.root:
            self._name = Text("h2")
            with box("table"), box("tbody") as body:
                self._rows: Parts[tuple[str, str]] = Parts(body, lambda: Row(2, lambda pair: pair))
        self._shown: Rows | None = None

    def show(self, value: tuple[str, Rows]) -> None:
        """Draw a title and rows."""
        self._name.set_text(value[0])
        if value[1] != self._shown:
            self._shown = value[1]
            self._rows.show([(key, (key, text)) for key, text in value[1]])


def rows_of(table: Mapping[str, Any]) -> Rows:
    """Every value by its key, `broker.port`, as text; never one that is secret."""
    return tuple(_rows(table, "", DEEPEST)[:MOST_ROWS])


def _rows(value: object, key: str, depth: int) -> list[tuple[str, str]]:
    if isinstance(value, dict) and value and depth:
        pairs = list(value.items())[:MOST_ROWS]
        return [
            row for name, each in pairs for row in _rows(each, f"{key}.{reducer.text(name)}".lstrip("."), depth - 1)
        ]
    if isinstance(value, list) and value and depth:
        return [row for i, each in enumerate(value[:MOST_ROWS]) for row in _rows(each, f"{key}[{i}]", depth - 1)]
    if any(word in key.rsplit(".", 1)[-1].lower() for word in SECRETS) and value not in ("", None):
        return [(key, "***")]
    return [(key, _value(value))]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float | int):
        return f"{value:.12g}" if abs(value) < reducer.MAX_COUNT else "–"
    return reducer.text(value, LONG) if isinstance(value, str) and value else "–"


def _shown(settings: Settings) -> dict[str, Any]:
    """What this page was told, as far as readers need it."""
    return {
        "host": settings.host,
        "port": settings.port,
        "brokers": [f"{node}{' TLS' if each.ca else ''}" for each in settings.brokers for node in each.nodes],
        "https": bool(settings.certificate),
        "session_hours": settings.session_hours,
        "idle_minutes": settings.idle_minutes,
        "anyone_may_look": settings.anyone_may_look,
        "accounts": [f"{each.name} ({each.role})" for each in settings.accounts],
        "proxy": settings.proxy is not None,
    }
