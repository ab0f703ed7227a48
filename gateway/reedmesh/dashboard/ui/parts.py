"""The parts of the first page: alert, gateway, sensor. Each draws a frozen value, and sends only changes."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from nicegui import ui
from nicegui.element import Element

from reedmesh.alerts.alert import ACKNOWLEDGED, ANOMALY
from reedmesh.dashboard.model.view import ALERT, OFFLINE, Alert, Gateway, Sensor
from reedmesh.dashboard.ui import chart
from reedmesh.dashboard.ui.elements import Parts, Text, box, link, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.urls import to_alert, to_sensor, within
from reedmesh.readings.sensor import DEPLOYING, LEARNING, WATCHING

# A standing is told by shape and word; colour only repeats it.
SYMBOLS = {
    ALERT: "warning",
    OFFLINE: "cloud_off",
    DEPLOYING: "downloading",
    LEARNING: "school",
    WATCHING: "check_circle",
}
OTHER = "help"
ALERT_SYMBOLS = {"new": "warning", ACKNOWLEDGED: "how_to_reg", "shelved": "snooze", "cleared": "check_circle"}

MUCH_LOSS = 0.01  # share of windows missed or lost from which a sensor's link or load deserves a look


class Badge:
    """A symbol and a word."""

    def __init__(self, symbols: Mapping[str, str] = SYMBOLS) -> None:
        self._symbols = symbols
        self.root = box("span", "badge")
        with self.root:
            self._symbol = ui.icon(OTHER)
            self._word = Text("span")

    def show(self, kind: str, word: str) -> None:
        """Draw `word` in the way of `kind`, one of its symbols."""
        self._symbol.set_name(self._symbols.get(kind, OTHER))
        self._word.set_text(word)
        put(self.root, "data-kind", kind if kind in self._symbols else "other")


class NumberPart:
    """A figure of the header."""

    def __init__(self) -> None:
        self.root = box("li", "count")
        with self.root:
            self._symbol = ui.icon(SYMBOLS[ALERT])
            self._number = Text("strong")
            self._what = Text("span")

    def show(self, value: tuple[str, str, bool]) -> None:
        """Draw a number, what it counts, and a warning sign unless it is as it should be."""
        number, what, fine = value
        self._symbol.set_visibility(not fine)
        self._number.set_text(number)
        self._what.set_text(what)


class OutagePart:
    """A broker that cannot be reached."""

    def __init__(self) -> None:
        self.root = box("li", "outage")
        with self.root:
            ui.icon(SYMBOLS[OFFLINE])
            self._text = Text("span")

    def show(self, value: str) -> None:
        """Draw a sentence."""
        self._text.set_text(value)


@dataclass(frozen=True)
class AlertView:
    """What one line of the list of open alerts says; sensor is None while the gateway has told nothing of it."""

    gateway: str
    alert: Alert
    sensor: Sensor | None
    now: float


class AlertPart:
    """An open alert: where, since when, how bad."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("li", "alert")
        with self.root:
            self._symbol = ui.icon(SYMBOLS[ALERT])
            with box("div", "what"):
                self._sensor = link("", "")
                self._where = Text("span", "quiet")
            with box("div", "much"):
                self._excess = Text("strong")
                self._scores = Text("span", "quiet")
            with box("div", "when"):
                self._state = Text("strong")
                self._since = Text("span", "quiet")

    def show(self, value: AlertView) -> None:
        """Draw `value`."""
        alert, say = value.alert, self._say
        put(self._sensor, "href", to_alert(value.gateway, alert.id))
        self._sensor.set_text(alert.sensor or say("alert.unnamed"))
        self._where.set_text(say("alert.where", gateway=value.gateway, kind=say.of("kind", alert.kind)))
        self._excess.set_text(excess(value.sensor, say) if alert.kind == ANOMALY else measured(alert, say))
        self._scores.set_text(_scores(alert, value.sensor, say) if alert.kind == ANOMALY else "")
        put(self.root, "data-state", taken_on(alert))
        self._symbol.set_name(ALERT_SYMBOLS[taken_on(alert)])
        self._state.set_text(alert_state(alert, say, value.now))
        age = say.duration(value.now - alert.since)
        self._since.set_text(say("alert.since", when=say.moment(alert.since, value.now), ago=age))


class GatewayPart:
    """A gateway and its sensors."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section", "gateway")
        with self.root:
            with box("header"):
                self._name = Text("h2")
                self._status = Badge()
                self._about = Text("span", "quiet")
            self._sensors: Parts[SensorView] = Parts(box("ul", "sensors"), lambda: SensorPart(say))
        self._shown: GatewayView | None = None

    def show(self, value: "GatewayView") -> None:
        """Draw a gateway, whether it can be reached, and those of its sensors that are to be shown."""
        before = self._shown
        if before and before[0] is value[0] and before[1:] == value[1:]:
            return
        self._shown = value
        gateway, reachable, sensors = value
        self._name.set_text(gateway.name)
        self._status.show(WATCHING if reachable else OFFLINE, status(gateway, reachable, self._say))
        self._about.set_text(about(gateway, self._say))
        self.root.classes(**_toggle("unreachable", not reachable))
        self._sensors.show([(pair[0].name, (gateway.name, *pair)) for pair in sensors])


GatewayView = tuple[Gateway, bool, list[tuple[Sensor, str]]]  # gateway, whether it can be reached, sensors
SensorView = tuple[str, Sensor, str]  # gateway, sensor, standing


class SensorPart(Element, component="card.js"):
    """A sensor: how it stands, its score against the threshold, and how well it hears. One element, for speed."""

    def __init__(self, say: Language) -> None:
        super().__init__()
        self.root: Element = self
        self._say = say
        self._shown: SensorView | None = None

    def show(self, value: SensorView) -> None:
        """Draw a sensor and its standing."""
        if self._shown and self._shown[1] is value[1] and self._shown[2] == value[2]:
            return
        self._shown = value
        self._props["card"] = card(*value, self._say)


def card(gateway: str, sensor: Sensor, standing: str, say: Language) -> dict[str, Any]:
    """The data that card.js draws: texts, the name of a symbol, the path of a chart of scores."""
    learning = sensor.progress is not None
    line = chart.path(sensor.history)
    over = say("sensor.over", span=say.duration(chart.span(sensor.history)))
    return {
        "standing": standing if standing in SYMBOLS else "other",
        "symbol": SYMBOLS.get(standing, OTHER),
        "word": say.of("standing", standing or "unknown"),
        "name": sensor.name,
        "href": within(to_sensor(gateway, sensor.name)),
        "progress": sensor.progress,
        "score": say.percent(sensor.progress or 0.0) if learning else say.number(sensor.score),
        "threshold": say("sensor.learnt") if learning else threshold(sensor, say),
        "line": line,
        "level": f"M0 {chart.THRESHOLD}H{chart.WIDTH}",
        "box": f"0 0 {chart.WIDTH} {chart.HEIGHT}",
        "scale": say("sensor.scale"),
        "span": over if line else say("sensor.no-scores"),
        "counts": _counts(sensor, say),
        "faults": " · ".join(faults(sensor, say)),
    }


def taken_on(alert: Alert) -> str:
    """How an open alert stands, in one of the words that style.css knows."""
    if alert.over:
        return "cleared"
    return "shelved" if alert.shelved_until else ACKNOWLEDGED if alert.acknowledged else "new"


def alert_state(alert: Alert, say: Language, now: float) -> str:
    """The same for people, with who and until when."""
    if alert.over:
        return say("alert.over-not-a-fault" if alert.verdict else "alert.over")
    if alert.shelved_until:
        return say("alert.shelved", when=say.moment(alert.shelved_until, now))
    if alert.acknowledged and alert.by:
        return say("alert.acknowledged-by", who=alert.by)
    state = say.of("alert-state", alert.state or "new")
    return say("alert.calling", state=state) if alert.calls else state


def excess(sensor: Sensor | None, say: Language) -> str:
    """The score now, as a multiple of the threshold."""
    if sensor is None or sensor.score is None or not sensor.threshold:
        return say("alert.no-score")
    return say("alert.excess", n=say.factor(sensor.score / sensor.threshold))


def measured(alert: Alert, say: Language) -> str:
    """The worst value of a condition that has no score, and its limit."""
    return say("alert.value-of", value=amount(alert.worst, alert, say), limit=amount(alert.limit, alert, say))


def amount(value: float, alert: Alert, say: Language) -> str:
    """A value with its unit: 3.3 dB, 60 s."""
    return f"{say.fixed(value, 0 if value == round(value) else 1)} {alert.unit}".strip()


def _scores(alert: Alert, sensor: Sensor | None, say: Language) -> str:
    now = sensor.score / sensor.threshold if sensor and sensor.score is not None and sensor.threshold else 0.0
    worst = say("alert.worst", n=say.factor(max(alert.excess or 0.0, now)))
    if not sensor or not sensor.threshold:
        return worst
    return say("alert.now", score=say.number(sensor.score), threshold=say.number(sensor.threshold)) + f" · {worst}"


def threshold(sensor: Sensor, say: Language) -> str:
    """A score against its threshold."""
    if not sensor.threshold:
        return say("sensor.no-threshold")
    level = say.number(sensor.threshold)
    if sensor.score is None:
        return say("sensor.threshold", threshold=level)
    return say("sensor.excess", n=say.factor(sensor.score / sensor.threshold), threshold=level)


def _counts(sensor: Sensor, say: Language) -> str:
    model = say("sensor.model", key=sensor.model[:8], n=sensor.sequence) if sensor.model else ""
    gone = sensor.missed + sensor.lost
    missing = say("sensor.missing", n=say.count(gone)) if gone else ""
    return " · ".join(filter(None, [model, say.plural("window", sensor.windows), missing]))


def faults(sensor: Sensor, say: Language) -> list[str]:
    """The faults that a person should look into."""
    gone, hello = sensor.missed + sensor.lost, sensor.hello
    found = [
        say("alert.shelved", when=say.moment(sensor.shelved_until, time.time())) if sensor.shelved_until else "",
        say("fault.disagreements") if sensor.disagreements else "",
        say("fault.moved", far=say.number(sensor.moved)) if sensor.moved else "",
        say("fault.losses") if gone > MUCH_LOSS * (sensor.windows + gone) else "",
        say("fault.refusal", reason=sensor.refusal) if sensor.refusal else "",
        say("fault.safe-mode") if hello and hello.safe_mode else "",
        say("fault.error", error=hello.error) if hello and hello.error else "",
        say("fault.relapse", reason=hello.relapse) if hello and hello.relapse else "",
    ]
    return [each for each in found if each]


def status(gateway: Gateway, reachable: bool, say: Language) -> str:
    """What a gateway says of itself, unless nobody can hear it."""
    known = gateway.status in ("offline", "stopped")
    return say.of("status", (gateway.status or "online") if reachable or known else "unreachable")


def about(gateway: Gateway, say: Language) -> str:
    """Its version, family and size."""
    version = say("gateway.version", version=gateway.version) if gateway.version else ""
    return " · ".join(filter(None, [version, gateway.family, say.plural("sensor", len(gateway.sensors))]))


def _toggle(name: str, on: bool) -> dict[str, str]:
    return {"add": name} if on else {"remove": name}
