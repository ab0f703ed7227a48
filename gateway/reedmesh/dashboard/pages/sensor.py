"""The page of a sensor: its score over hours or days, its spectrum beside normal, models, health, and actions."""

import time
from collections.abc import Awaitable, Callable

from reedmesh.alerts.alert import ANOMALY
from reedmesh.dashboard.model import answers
from reedmesh.dashboard.model.answers import MadeModel, Papers
from reedmesh.dashboard.model.maintenance import Maintenance, maintenance
from reedmesh.dashboard.model.view import Alert, Gateway, Hello, Sensor, View, standing
from reedmesh.dashboard.pages.alert import LinkPart
from reedmesh.dashboard.ui.actions import SensorActions
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, button, link, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.maintenance import MaintenancePart
from reedmesh.dashboard.ui.parts import Badge, faults, threshold
from reedmesh.dashboard.ui.plots import ScorePlot, SpectrumPlot, begin_of
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit, facts
from reedmesh.dashboard.ui.urls import to_alert, to_windows

SPANS = {"hour": 3600.0, "shift": 28800.0, "day": 86400.0, "week": 604800.0}  # seconds
POINTS = 400
EVERY = {"history": 10.0, "spectrum": 5.0, "models": 20.0, "maintenance": 10.0}  # seconds between two questions
MOST_PAST, MOST_MODELS = 10, 10  # listed


class SensorPage(Page):
    """The page of one sensor."""

    part = "overview"

    def __init__(self, visit: Visit, gateway: str, sensor: str) -> None:
        self._gateway, self._id = gateway, sensor
        self._span = "hour"
        self._known = Maintenance()
        self._drawn: tuple[object, ...] = ()
        super().__init__(visit)

    def build(self) -> None:
        """Make its sections."""
        with box("header", "subject"):
            link("/", self.say("nav.overview"), "back")
            with box("h1"):
                self._name = Text("span", "", self._id)
                self._badge = Badge()
            self._alert = link("", self.say("sensor.to-alert"))
        self._unknown = Text("p", "faults")
        self._fault = Text("p", "faults")
        self._trouble = Text("p", "faults")
        self._facts = box("dl", "facts")
        self._build_history()
        self._build_spectrum()
        self._upkeep = MaintenancePart(self.say)
        with box("div", "columns"):
            self._build_models()
            self._build_papers()
            self._build_past()
            self._actions = SensorActions(self.say, self._do) if self.user.acts else None
        if not self.user.acts:
            Text("p", "quiet", self.say("user.only-look"))
        asks = (self._ask_history, self._ask_spectrum, self._ask_models, self._ask_maintenance)
        self._asked = [Asked(ask, every, self._fault) for ask, every in zip(asks, EVERY.values(), strict=True)]

    def draw(self, view: View, now: float) -> str:
        """Draw what is known, and ask for what is not."""
        gateway = view.gateways.get(self._gateway)
        sensor = gateway.sensors.get(self._id) if gateway else None
        for asked, news in zip(self._asked, (None, None, sensor and sensor.sequence, None), strict=True):
            asked.look(news)
        known = sensor is not None or not (gateway and gateway.sensors)
        unknown = "" if known else self.say("missing.sensor", gateway=self._gateway, sensor=self._id)
        self._unknown.set_text(unknown)
        if gateway and sensor:
            self._show(gateway, sensor, view.reachable(gateway), now)
        return self._id

    def _build_history(self) -> None:
        with box("section", aria_label=self.say("sensor.history")):
            with box("header", "section-head"):
                Text("h2", "", self.say("sensor.history"))
                with box("div", "buttons", role="group", aria_label=self.say("sensor.span")):
                    self._spans = {key: button(self.say(f"span.{key}"), self._chooser(key)) for key in SPANS}
            self._scores = ScorePlot(self.say)
        self._press()

    def _build_spectrum(self) -> None:
        with box("section", aria_label=self.say("sensor.spectrum")):
            with box("header", "section-head"):
                Text("h2", "", self.say("sensor.spectrum"))
                link(to_windows(self._gateway, self._id), self.say("sensor.download")).props["download"] = True
            self._taken = Text("p", "quiet")
            self._spectrum = SpectrumPlot(self.say)
            Text("p", "quiet", self.say("sensor.spectrum-legend"))

    def _build_models(self) -> None:
        with box("section", aria_label=self.say("sensor.models")):
            Text("h2", "", self.say("sensor.models"))
            with box("table"):
                with box("thead"), box("tr"):
                    for key in ("model.number", "model.made", "model.bytes", "model.state"):
                        put(Text("th", "", self.say(key)), "scope", "col")
                self._models: Parts[tuple[MadeModel, int]] = Parts(
                    box("tbody"), lambda: Row(4, lambda it: _model(it, self.say))
                )

    def _build_papers(self) -> None:
        with box("section", aria_label=self.say("papers.title")):
            Text("h2", "", self.say("papers.title"))
            self._papers = box("dl", "facts")
            self._bad_papers = Text("p", "faults")

    def _build_past(self) -> None:
        with box("section", aria_label=self.say("sensor.past")):
            Text("h2", "", self.say("sensor.past"))
            self._none = Text("p", "quiet", self.say("sensor.no-past"))
            self._past = Parts(box("ul", "past"), LinkPart)

    def _show(self, gateway: Gateway, sensor: Sensor, reachable: bool, now: float) -> None:
        key = (sensor, reachable, tuple(gateway.alerts), int(now))
        if key == self._drawn:
            return
        self._drawn = key
        alert = next((each for each in gateway.alerts.values() if each.sensor == sensor.name), None)
        stands = standing(sensor, reachable, alert is not None)
        self._badge.show(stands, self.say.of("standing", stands or "unknown"))
        self._alert.set_visibility(alert is not None)
        if alert:
            put(self._alert, "href", to_alert(gateway.name, alert.id))
        self._trouble.set_text(" · ".join(faults(sensor, self.say)))
        facts(self._pairs(sensor, now) + _health(sensor.hello, self.say), self._facts)
        if self._actions:
            self._actions.show(shelved=bool(sensor.shelved_until))

    def _pairs(self, sensor: Sensor, now: float) -> list[tuple[str, str]]:
        say = self.say
        learning = say("sensor.progress", n=say.percent(sensor.progress)) if sensor.progress is not None else ""
        model = say("sensor.model", key=sensor.model[:8], n=sensor.sequence) if sensor.model else ""
        return [
            (say("fact.score"), learning or f"{say.number(sensor.score)} · {threshold(sensor, say)}"),
            (say("fact.machine"), say("fact.still") if sensor.still else ""),
            (say("fact.model"), model),
            (say("fact.gateway"), self._gateway),
            (say("fact.windows"), say.count(sensor.windows)),
            (say("fact.missed"), say.count(sensor.missed)),
            (say("fact.lost"), say.count(sensor.lost)),
            (say("fact.disagreements"), say.count(sensor.disagreements)),
            (say("alert.until"), say.moment(sensor.shelved_until, now) if sensor.shelved_until else ""),
            (say("fact.update"), sensor.update),
            (say("fact.recording"), self._recording(sensor, now)),
        ]

    def _recording(self, sensor: Sensor, now: float) -> str:
        until = self.say.moment(sensor.recording_until, now) if sensor.recording_until else ""
        return f"{sensor.recording} · {self.say('alert.until')} {until}" if sensor.recording else ""

    def _chooser(self, key: str) -> Callable[[], Awaitable[None]]:
        async def choose() -> None:
            self._span = key
            self._press()
            await self._asked[0].now()

        return choose

    def _press(self) -> None:
        for key, element in self._spans.items():
            put(element, "aria-pressed", "true" if key == self._span else "false")

    async def _ask_history(self) -> None:
        span, until = self._span, time.time()
        since = until - SPANS[span]
        said = await self.ask(self._gateway, "history", sensor=self._id, since=since, until=until, points=POINTS)
        if span == self._span:
            found = answers.scores(said)
            self._scores.show(found, begin_of(found, since, until), until)

    async def _ask_spectrum(self) -> None:
        picture = answers.picture(await self.ask(self._gateway, "spectrum", sensor=self._id))
        when = self.say.moment(picture.at, time.time())
        self._taken.set_text(self.say("sensor.taken", when=when) if picture.at else self.say("sensor.no-window"))
        self._spectrum.show(picture, self._known.marks, self._known.scale)

    async def _ask_maintenance(self) -> None:
        self._known = maintenance(await self.ask(self._gateway, "maintenance", sensor=self._id))
        self._upkeep.show(self._known)

    async def _ask_models(self) -> None:
        serving, made = answers.models(await self.ask(self._gateway, "models", sensor=self._id))
        self._models.show([(str(each.sequence), (each, serving)) for each in made[:MOST_MODELS]])
        if made:
            self._show_papers(answers.papers(await self.ask(self._gateway, "passport", sensor=self._id)))
        past = answers.alerts(await self.ask(self._gateway, "alerts", limit=200))
        mine = [each for each in past if each.sensor == self._id][:MOST_PAST]
        self._none.set_visibility(not mine)
        self._past.show([(each.id, (to_alert(self._gateway, each.id), self._named(each))) for each in mine])

    def _show_papers(self, it: Papers) -> None:
        say = self.say
        merged = ", ".join(f"{name} ({say.percent(share)})" for name, share in it.merged)
        signed = say("papers.signed-by", maker=it.maker, key=it.fingerprint[:16]) if it.maker else ""
        windows = say("papers.of", learnt=say.count(it.learnt), tested=say.count(it.held_out)) if it.learnt else ""
        facts(
            [
                (say("papers.signed"), signed),
                (say("papers.made"), say.stamp(it.made) if it.made else ""),
                (say("papers.windows"), windows),
                (say("papers.merged"), merged or say("papers.alone")),
                (say("papers.loss"), "" if it.loss is None else say.fixed(it.loss, 3)),
                (say("papers.alarms"), "" if it.false_alarms is None else say.percent(it.false_alarms)),
                ("SHA-256", it.sha256[:16]),
            ],
            self._papers,
        )
        self._bad_papers.set_text(it.fault)

    def _named(self, alert: Alert) -> str:
        state = self.say.of("alert-state", alert.state)
        verdict = f" · {self.say.of('step', alert.verdict)}" if alert.verdict else ""
        what = self.say("alert.excess-at", n=self.say.factor(alert.excess or 0.0))
        what = what if alert.kind == ANOMALY else self.say.of("kind", alert.kind)
        return f"{self.say.moment(alert.since, time.time())} · {what} · {state}{verdict}"

    async def _do(self, verb: str, **arguments: object) -> None:
        await self.ask(self._gateway, verb, sensor=self._id, by=self.user.name, **arguments)
        await self._asked[2].now()


def _model(value: tuple[MadeModel, int], say: Language) -> tuple[str, ...]:
    """A model's row, and whether it is in service."""
    model, serving = value
    state = say("model.serves") if model.sequence == serving else ""
    return str(model.sequence), say.moment(model.made, time.time()), say.bytes(model.bytes), state


def _health(hello: Hello | None, say: Language) -> list[tuple[str, str]]:
    """What a sensor says of itself."""
    if hello is None:
        return []
    memory = say("fact.memory-of", free=say.bytes(hello.memory_free), all=say.bytes(_all(hello)))
    return [
        (say("fact.board"), hello.board),
        (say("fact.transducer"), hello.driver),
        (say("fact.hz"), f"{say.number(hello.hz)} Hz" if hello.hz else ""),
        (say("fact.memory"), memory if _all(hello) else ""),
        (say("fact.wifi"), "" if hello.rssi is None else f"{hello.rssi} dBm"),
        (say("fact.firmware"), " · ".join(filter(None, [hello.firmware, f"MicroPython {hello.micropython}"]))),
        (say("fact.starts"), say.count(hello.starts)),
    ]


def _all(hello: Hello) -> int:
    return hello.memory_free + hello.memory_used
