"""The parts of the page: alert, gateway, sensor. Each draws one frozen value, and sends only what changed in it."""

from dataclasses import dataclass

from nicegui import ui

from reedmesh.alert import ACKNOWLEDGED
from reedmesh.dashboard import chart, words
from reedmesh.dashboard.elements import Parts, Text, box, put
from reedmesh.dashboard.view import ALERT, OFFLINE, Alert, Gateway, Sensor, worst_first
from reedmesh.sensors import DEPLOYING, LEARNING, WATCHING

# A standing is told by shape and word; colour only repeats it.
SYMBOLS = {
    ALERT: "warning",
    OFFLINE: "cloud_off",
    DEPLOYING: "downloading",
    LEARNING: "school",
    WATCHING: "check_circle",
}
OTHER = "help"

MUCH_LOSS = 0.01  # share of windows missed or lost from which a sensor's link or load deserves a look


class Badge:
    """A symbol and a word."""

    def __init__(self) -> None:
        self.root = box("span", "badge")
        with self.root:
            self._symbol = ui.icon(OTHER)
            self._word = Text("span")

    def show(self, kind: str, word: str) -> None:
        """Draw `word` in the way of `kind`, one of SYMBOLS."""
        self._symbol.set_name(SYMBOLS.get(kind, OTHER))
        self._word.set_text(word)


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

    def __init__(self) -> None:
        self.root = box("li", "alert")
        with self.root:
            ui.icon(SYMBOLS[ALERT])
            with box("div", "what"):
                self._sensor = Text("strong")
                self._where = Text("span", "quiet")
            with box("div", "much"):
                self._excess = Text("strong")
                self._scores = Text("span", "quiet")
            with box("div", "when"):
                self._state = Text("strong")
                self._since = Text("span", "quiet")

    def show(self, value: AlertView) -> None:
        """Draw `value`."""
        alert = value.alert
        self._sensor.set_text(alert.sensor or "unnamed sensor")
        self._where.set_text(f"on gateway {value.gateway}")
        self._excess.set_text(_excess(value.sensor))
        self._scores.set_text(_scores(alert, value.sensor))
        put(self.root, "data-state", ACKNOWLEDGED if alert.acknowledged else "new")
        self._state.set_text(alert.state or "open")
        age = words.duration(value.now - alert.since)
        self._since.set_text(f"since {words.moment(alert.since, value.now)}, {age}")


class GatewayPart:
    """A gateway and its sensors."""

    def __init__(self) -> None:
        self.root = box("section", "gateway")
        with self.root:
            with box("header"):
                self._name = Text("h2")
                self._status = Badge()
                self._about = Text("span", "quiet")
            self._sensors = Parts(box("ul", "sensors"), SensorPart)
        self._shown: tuple[Gateway, bool] | None = None

    def show(self, value: tuple[Gateway, bool]) -> None:
        """Draw a gateway, and whether it can be reached."""
        if self._shown and self._shown[0] is value[0] and self._shown[1] == value[1]:
            return
        self._shown = value
        gateway, reachable = value
        self._name.set_text(gateway.name)
        self._status.show(WATCHING if reachable else OFFLINE, _status(gateway, reachable))
        self._about.set_text(_about(gateway))
        self.root.classes(**_toggle("unreachable", not reachable))
        self._sensors.show([(pair[0].name, pair) for pair in worst_first(gateway, reachable)])


class SensorPart:
    """A sensor: how it stands, its score against the threshold, and how well it hears."""

    def __init__(self) -> None:
        self.root = box("li", "sensor")
        with self.root:
            with box("header"):
                self._name = Text("h3")
                self._badge = Badge()
            with box("div", "numbers"):
                self._score = Text("strong")
                self._threshold = Text("span", "quiet")
            self._chart = Chart()
            self._progress = box("progress", "progress", max="1", aria_label="learnt so far")
            self._counts = Text("p", "quiet")
            self._losses = Text("p", "quiet")
            self._faults = Text("p", "faults")
        self._shown: tuple[Sensor, str] | None = None

    def show(self, value: tuple[Sensor, str]) -> None:
        """Draw a sensor and its standing."""
        if self._shown and self._shown[0] is value[0] and self._shown[1] == value[1]:
            return
        self._shown = value
        sensor, standing = value
        put(self.root, "data-standing", standing if standing in SYMBOLS else "other")
        self._name.set_text(sensor.name)
        self._badge.show(standing, standing or "unknown")
        self._show_score(sensor)
        self._counts.set_text(_counts(sensor))
        self._losses.set_text(_losses(sensor))
        self._faults.set_text(_faults(sensor))

    def _show_score(self, sensor: Sensor) -> None:
        learning = sensor.progress is not None
        self._progress.set_visibility(learning)
        self._chart.root.set_visibility(not learning)
        if learning:
            put(self._progress, "value", str(sensor.progress))
        self._score.set_text(f"{sensor.progress:.0%}" if learning else words.number(sensor.score))
        self._threshold.set_text("learnt of what is normal here" if learning else _threshold(sensor))
        self._chart.show(sensor)


class Chart:
    """Scores over time, and the threshold as a dashed line across the middle. The numbers stand beside it as text."""

    def __init__(self) -> None:
        self.root = box("div", "plot", aria_hidden="true")
        with self.root:
            size = f"0 0 {chart.WIDTH} {chart.HEIGHT}"
            with box("svg", "chart", viewBox=size, preserveAspectRatio="none"):
                box("rect", "above", width=str(chart.WIDTH), height=str(chart.THRESHOLD))
                box("path", "threshold", d=f"M0 {chart.THRESHOLD}H{chart.WIDTH}")
                self._line = box("path", "scores")
            Text("span", "scale", "10 ×\n1 ×\n0.1 ×")
            self._span = Text("span")

    def show(self, sensor: Sensor) -> None:
        """Draw the history of `sensor`."""
        line = chart.path(sensor.history, sensor.threshold or 0.0)
        put(self._line, "d", line)
        self._span.set_text(f"over {words.duration(chart.span(sensor.history))}" if line else "no scores yet")


def _excess(sensor: Sensor | None) -> str:
    if sensor is None or sensor.score is None or not sensor.threshold:
        return "no score now"
    return f"{words.number(sensor.score / sensor.threshold)} × threshold now"


def _scores(alert: Alert, sensor: Sensor | None) -> str:
    now = (
        f"{words.number(sensor.score)} against {words.number(sensor.threshold)} · "
        if sensor and sensor.threshold
        else ""
    )
    return f"{now}at worst {words.number(alert.excess)} × threshold"


def _threshold(sensor: Sensor) -> str:
    if not sensor.threshold:
        return "no threshold yet"
    threshold = f"threshold {words.number(sensor.threshold)}"
    return f"{words.number(sensor.score / sensor.threshold)} × {threshold}" if sensor.score is not None else threshold


def _counts(sensor: Sensor) -> str:
    model = f"model {sensor.model[:8]} · " if sensor.model else ""
    return f"{model}{words.plural(sensor.windows, 'window')}"


def _losses(sensor: Sensor) -> str:
    lost = f" · {words.count(sensor.lost)} lost" if sensor.lost else ""
    return f"{words.count(sensor.missed)} missed{lost} · {words.plural(sensor.disagreements, 'disagreement')}"


def _faults(sensor: Sensor) -> str:
    """What somebody should look into; "" when nothing is."""
    gone = sensor.missed + sensor.lost
    faults = [
        "sensor and gateway disagree on scores" if sensor.disagreements else "",
        "many windows do not arrive" if gone > MUCH_LOSS * (sensor.windows + gone) else "",
        f"model refused: {sensor.refusal}" if sensor.refusal else "",
    ]
    return " · ".join(filter(None, faults))


def _status(gateway: Gateway, reachable: bool) -> str:
    """What a gateway says of itself, unless nobody can hear it."""
    if reachable:
        return gateway.status or "online"
    return gateway.status if gateway.status in ("offline", "stopped") else "no connection"


def _about(gateway: Gateway) -> str:
    about = [f"version {gateway.version}" if gateway.version else "", gateway.family]
    return " · ".join(filter(None, [*about, words.plural(len(gateway.sensors), "sensor")]))


def _toggle(name: str, on: bool) -> dict[str, str]:
    return {"add": name} if on else {"remove": name}
