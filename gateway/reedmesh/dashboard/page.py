"""The first page: the line in numbers, open alerts, then every gateway with its sensors. Read-only.

Each browser has a page of its own, which looks at the feed's view five times a second and sends what changed.
"""

import time

from nicegui import ui

from reedmesh.dashboard import words
from reedmesh.dashboard.elements import Parts, Text, box
from reedmesh.dashboard.feed import Feed
from reedmesh.dashboard.parts import AlertPart, AlertView, GatewayPart, NumberPart, OutagePart
from reedmesh.dashboard.view import Gateway, View, counts, gateways_worst_first, open_alerts

REFRESH = 0.2  # seconds
MOST_ALERTS = 50  # listed; nobody reads more at once

LEGEND = (
    "Charts: score over time, from a tenth of the threshold at the bottom to ten times at the top (logarithmic); "
    "the dashed line is the threshold. Times of day are those of the computer that serves this page."
)


class Page:
    """The page of one browser."""

    def __init__(self, feed: Feed, title: str) -> None:
        self._feed = feed
        self._title = self._tab = title
        with box("div", "page"):
            with box("header", "top"):
                Text("h1", text=title)
                self._numbers = Parts(box("ul", "counts"), NumberPart)
            self._outages = Parts(box("ul", "outages", role="status"), OutagePart)
            with box("div"):
                self._build_main()
            self._foot = Text("footer", "quiet")
        self.refresh()
        ui.timer(REFRESH, self.refresh)

    def refresh(self) -> None:
        """Draw the view as it is now."""
        view, now = self._feed.view, time.time()
        self._numbers.show(_numbers(view))
        self._outages.show([(place, _outage(place, since, now)) for place, since in view.brokers.items() if since])
        self._show_alerts(view, now)
        self._gateways.show([(each.name, (each, view.reachable(each))) for each in gateways_worst_first(view)])
        self._nobody.set_visibility(not view.gateways)
        dropped = f" {words.plural(view.dropped, 'message')} could not be read." if view.dropped else ""
        self._foot.set_text(LEGEND + dropped)

    def _build_main(self) -> None:
        with box("section", "alerts", aria_label="Open alerts"):
            self._heading = Text("h2")
            self._alerts = Parts(box("ul", aria_live="polite", aria_relevant="additions"), AlertPart)
            self._more = Text("p", "quiet")
        self._nobody = Text("p", "quiet", "No gateway was heard yet.")
        self._gateways: Parts[tuple[Gateway, bool]] = Parts(box("div"), GatewayPart)

    def _show_alerts(self, view: View, now: float) -> None:
        alerts = open_alerts(view)
        self._heading.set_text("Open alerts" if alerts else "No open alerts")
        rows = [
            (f"{gateway.name}/{alert.id}", AlertView(gateway.name, alert, gateway.sensors.get(alert.sensor), now))
            for gateway, alert in alerts[:MOST_ALERTS]
        ]
        self._alerts.show(rows)
        self._more.set_text(f"and {len(alerts) - MOST_ALERTS} more" if len(alerts) > MOST_ALERTS else "")
        self._name_tab(f"({len(alerts)}) {self._title}" if alerts else self._title)

    def _name_tab(self, name: str) -> None:
        """The tab says how many alerts are open, for those who look at another one."""
        if name != self._tab:
            self._tab = name
            ui.page_title(name)


def _numbers(view: View) -> list[tuple[str, tuple[str, str, bool]]]:
    """The header's figures: number, what it counts, whether it is as it should be."""
    total = counts(view)
    gateways = f"{total.gateways_online} of {total.gateways}"
    sensors = f"{total.sensors_online} of {total.sensors}"
    return [
        ("alerts", (str(total.alerts), "open alerts", not total.alerts)),
        ("gateways", (gateways, "gateways online", total.gateways_online == total.gateways)),
        ("sensors", (sensors, "sensors online", total.sensors_online == total.sensors)),
    ]


def _outage(place: str, since: float, now: float) -> str:
    lasts = f"since {words.moment(since, now)}, {words.duration(now - since)}"
    return f"No connection to broker {place} {lasts}. Trying again; what it last said stays on this page."
