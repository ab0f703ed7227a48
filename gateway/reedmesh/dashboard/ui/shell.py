"""The frame of all pages: header with the line in numbers, navigation, outages, the user.

Each browser has a page of its own, which looks at the feed's view five times a second and sends what changed.
"""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from nicegui import Client, ui
from nicegui.element import Element

from reedmesh.dashboard.model.feed import Feed, NoAnswerError
from reedmesh.dashboard.model.sessions import User
from reedmesh.dashboard.model.view import View, counts
from reedmesh.dashboard.ui.elements import Parts, Tab, Text, box, link, put
from reedmesh.dashboard.ui.language import CODES, Language
from reedmesh.dashboard.ui.parts import NumberPart, OutagePart
from reedmesh.dashboard.ui.urls import within
from reedmesh.errors import RefusedError

REFRESH = 0.2  # seconds
PAGES = (
    ("overview", "/"),
    ("parts", "/parts"),
    ("handover", "/handover"),
    ("learning", "/learning"),
    ("provenance", "/provenance"),
    ("jobs", "/pool"),
    ("archive", "/archive"),
    ("add", "/add"),
    ("settings", "/settings"),
)


class LeftError(RefusedError):
    """The reader left the page while a gateway answered: there is nothing to draw in any more."""


@dataclass(frozen=True)
class Visit:
    """One browser on one page. user: who looks now; None when their session is over."""

    feed: Feed
    title: str
    say: Language
    path: str
    who: Callable[[], User | None]
    login: bool  # whether there is anything to log in to
    theme: str = "auto"


class Page(ABC):
    """A page in one browser; each kind of page is a subclass that builds its own part and draws a view in it."""

    part = ""  # which of PAGES it belongs to

    def __init__(self, visit: Visit) -> None:
        self.visit, self.say, self.feed = visit, visit.say, visit.feed
        self.user = visit.who() or User("")
        self._client = ui.context.client
        _evaluate_nothing(self._client)
        with _whole_page(self._client), box("div", "page"):
            link("#main", self.say("nav.skip"), "skip")
            self._tab = Tab()
            self._header()
            self._outages = Parts(box("ul", "outages", role="status"), OutagePart)
            with box("main", id="main", tabindex="-1"):
                self.build()
            self._footer()
        self._look()
        ui.timer(REFRESH, self._look)

    @abstractmethod
    def build(self) -> None:
        """Make the elements of this page."""

    @abstractmethod
    def draw(self, view: View, now: float) -> str:
        """Draw `view`; returns what this page is called. now: seconds since 1970."""

    async def ask(self, gateway: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """The answer of a gateway; raises RefusedError with a text for people, LeftError when nobody waits for it."""
        try:
            answer = await self.feed.ask(gateway, verb, **arguments)
        except NoAnswerError as error:
            raise RefusedError(self.say("ask.silent", gateway=gateway)) from error
        except RefusedError as error:
            raise RefusedError(self.say("ask.refused", gateway=gateway, reason=_clean(str(error)))) from error
        if self._client.is_deleted:
            raise LeftError
        return answer

    async def each_gateway(self, ask: Callable[[str], Awaitable[None]]) -> None:
        """Ask all that can be asked, at once; raises what the first of them raised, after all others are done."""
        names = [each.name for each in self.feed.view.line if self.feed.view.reachable(each)]
        for fault in await asyncio.gather(*map(ask, names), return_exceptions=True):
            if isinstance(fault, BaseException):
                raise fault

    def _look(self) -> None:
        if self.visit.who() is None:
            ui.navigate.to("/login")
            return
        view, now = self.feed.view, time.time()
        self._numbers.show(_numbers(view, self.say))
        outages = [(place, self._outage(place, since, now)) for place, since in view.brokers.items() if since]
        self._outages.show(outages)
        name, alerts = self.draw(view, now), counts(view).alerts
        self._tab.show(f"{f'({alerts}) ' if alerts else ''}{f'{name} · ' if name else ''}{self.visit.title}")
        dropped = self.say.plural("dropped", view.dropped) if view.dropped else ""
        self._foot.set_text(f"{self.say('foot.clock')} {dropped}".strip())

    def _header(self) -> None:
        with box("header", "top"):
            link("/", self.visit.title, "brand")
            with box("nav", aria_label=self.say("nav.label")), box("ul"):
                for part, href in PAGES:
                    with box("li"):
                        put(
                            link(href, self.say(f"nav.{part}")),
                            "aria-current",
                            "page" if part == self.part else "false",
                        )
            self._numbers = Parts(box("ul", "counts"), NumberPart)

    def _footer(self) -> None:
        with box("footer"):
            self._foot = Text("p", "quiet")
            with box("div", "choices"):
                self._identity()
                for theme in ("light", "dark", "auto"):
                    self._choice("theme", theme, self.say(f"theme.{theme}"), theme == self.visit.theme)
                for code in CODES:
                    self._choice("lang", code, self.say(f"language.{code}"), code == self.say.code)

    def _choice(self, name: str, value: str, text: str, chosen: bool) -> None:
        element = link(f"{quote(self.visit.path)}?{name}={value}", text)
        put(element, "aria-current", "true" if chosen else "false")

    def _identity(self) -> None:
        """Who is looking, and the way out or in."""
        if self.visit.login and self.user.name:
            Text("span", "", self.say("user.is", name=self.user.name, role=self.say(f"user.{self.user.role}")))
            with box("form", method="post", action=within("/logout")):
                Text("button", "", self.say("user.leave"))
        elif self.visit.login:
            link(f"/login?next={quote(self.visit.path)}", self.say("user.enter"))
        else:
            Text("span", "", self.say("user.here" if self.user.acts else "user.nobody"))

    def _outage(self, place: str, since: float, now: float) -> str:
        when, ago = self.say.moment(since, now), self.say.duration(now - since)
        return self.say("outage.broker", place=place, when=when, ago=ago)


def _whole_page(client: Client) -> Element:
    """The element that a page is built in: NiceGUI's own is a <main>, and so header and footer would be in it."""
    client.page_container.set_visibility(False)
    return client.layout


def _evaluate_nothing(client: Client) -> None:
    """Reload as after a restart where NiceGUI, having lost track of a browser, would have it evaluate a script."""

    def reload(*_: object, **__: object) -> None:
        client.outbox.enqueue_message("try_reconnect", {}, client.id)

    client.run_javascript = reload  # type: ignore[assignment, method-assign]


def facts(pairs: list[tuple[str, str]], root: Element) -> None:
    """Names and values as a description list in `root`, which is emptied."""
    root.clear()
    with root:
        for name, value in pairs:
            if value:
                with box("div"):
                    Text("dt", "", name)
                    Text("dd", "", value)


def _clean(reason: str) -> str:
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in reason[:300])


def _numbers(view: View, say: Language) -> list[tuple[str, tuple[str, str, bool]]]:
    """The header's figures: number, what it counts, whether it is as it should be."""
    total = counts(view)
    gateways = say("counts.of", some=total.gateways_online, all=total.gateways)
    sensors = say("counts.of", some=total.sensors_online, all=total.sensors)
    return [
        ("alerts", (str(total.alerts), say("counts.alerts"), not total.alerts)),
        ("gateways", (gateways, say("counts.gateways"), total.gateways_online == total.gateways)),
        ("sensors", (sensors, say("counts.sensors"), total.sensors_online == total.sensors)),
    ]
