"""The page of an alert: its subject, the score around it, the features that stood out, its journal, and actions."""

import time

from nicegui.element import Element

from reedmesh.alerts import words
from reedmesh.alerts.alert import ANOMALY, FLOOD, STRANGERS
from reedmesh.dashboard.model import answers
from reedmesh.dashboard.model.answers import AlertDetails, Feature, Step
from reedmesh.dashboard.model.replies import reply
from reedmesh.dashboard.model.view import Alert, Gateway, Sensor, View
from reedmesh.dashboard.ui import spectra
from reedmesh.dashboard.ui.actions import AlertActions
from reedmesh.dashboard.ui.elements import Parts, Row, Text, box, link, put
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.parts import ALERT_SYMBOLS, Badge, alert_state, amount, taken_on
from reedmesh.dashboard.ui.places import PlacesPart
from reedmesh.dashboard.ui.plots import ScorePlot, SharesPlot, begin_of
from reedmesh.dashboard.ui.query import Asked
from reedmesh.dashboard.ui.shell import Page, Visit, facts
from reedmesh.dashboard.ui.urls import to_alert, to_sensor

EVERY = 5.0  # seconds between two looks at what the gateway's database has
BEFORE, AFTER = 300.0, 120.0  # seconds of scores around an alert
POINTS = 300


class AlertPage(Page):
    """The page of one alert, open or over."""

    part = "overview"

    def __init__(self, visit: Visit, gateway: str, alert: str) -> None:
        self._gateway, self._id = gateway, alert
        self._alert: Alert | None = None
        self._drawn: tuple[object, ...] = ()
        self._highest = 0.0  # of the scores while it stood, times the threshold
        super().__init__(visit)

    def build(self) -> None:
        """Make its sections."""
        with box("header", "subject"):
            link("/", self.say("nav.overview"), "back")
            with box("h1"):
                self._name = Text("span")
                self._badge = Badge(ALERT_SYMBOLS)
            self._sensor = link("", self.say("alert.to-sensor"))
        self._fault = Text("p", "faults")
        self._sentence = Text("p", "sentence")
        self._remedy = Text("p", "quiet")
        self._facts = box("dl", "facts")
        self._actions = self._build_actions()
        self._build_pictures()
        self._places = PlacesPart(self.say, self._judge if self.user.acts else None)
        self._members = Parts(box("ul", "links"), LinkPart)
        with box("section", "journal", aria_label=self.say("alert.journal")):
            Text("h2", "", self.say("alert.journal"))
            self._journal = Parts(box("ol"), lambda: StepPart(self.say))
        self._asked = Asked(self._ask, EVERY, self._fault)

    def draw(self, view: View, now: float) -> str:
        """Draw what is known, and see to it that it is known anew when the alert changed."""
        gateway = view.gateways.get(self._gateway)
        told = gateway.alerts.get(self._id) if gateway else None
        if told:
            self._alert = told
        self._asked.look(told)
        title = self.say("alert.title", sensor=self._alert.sensor if self._alert else self._id)
        self._name.set_text(title)
        self._show(gateway, now)
        return title

    def _build_actions(self) -> AlertActions | None:
        if self.user.acts:
            return AlertActions(self.say, self._do)
        Text("p", "quiet", self.say("user.only-look"))
        return None

    def _build_pictures(self) -> None:
        self._pictures = box("div", "pictures")
        with self._pictures:
            with box("section", aria_label=self.say("alert.score")):
                Text("h2", "", self.say("alert.score"))
                self._scores = ScorePlot(self.say)
            with box("section", aria_label=self.say("alert.shares")):
                Text("h2", "", self.say("alert.shares"))
                self._foremost = Text("p")
                self._shares = SharesPlot(self.say)
                with box("details"):
                    Text("summary", "", self.say("alert.table"))
                    self._table = Parts(box("table", aria_label=self.say("alert.table")), lambda: Row(2, self._share))

    def _show(self, gateway: Gateway | None, now: float) -> None:
        alert = self._alert
        if alert is None:
            return
        sensor = gateway.sensors.get(alert.sensor) if gateway else None
        key = (alert, sensor, int(now))
        if key == self._drawn:
            return
        self._drawn = key
        self._badge.show(taken_on(alert), alert_state(alert, self.say, now))
        self._sentence.set_text(sentence(alert, self.say))
        self._remedy.set_text(words.remedy(alert.kind, self.say.code))
        facts(self._pairs(alert, _now(sensor) if alert.kind == ANOMALY else None, now), self._facts)
        put(self._sensor, "href", to_sensor(self._gateway, alert.sensor))
        self._sensor.set_visibility(alert.kind not in (FLOOD, STRANGERS))
        self._pictures.set_visibility(alert.kind == ANOMALY)
        if self._actions:
            self._actions.show(alert)
        company = gateway.alerts.values() if gateway and alert.kind == FLOOD else ()
        self._members.show(
            [(each.id, (to_alert(self._gateway, each.id), each.sensor)) for each in company if each.flood == alert.id]
        )

    def _pairs(self, alert: Alert, now_at: float | None, now: float) -> list[tuple[str, str]]:
        say = self.say
        ago = say.duration((alert.until or now) - alert.since)
        lasted = say("alert.lasted", time=ago) if alert.over else say("alert.ago", time=ago)
        highest = max(alert.excess or 0.0, self._highest, now_at or 0.0)
        worst = say("alert.excess-at", n=say.factor(highest)) if alert.kind == ANOMALY and highest else ""
        if alert.kind != ANOMALY:
            worst = say("alert.value-of", value=amount(alert.worst, alert, say), limit=amount(alert.limit, alert, say))
        return [
            (say("alert.kind"), say.of("kind", alert.kind)),
            (say("alert.priority"), say.of("priority", str(alert.priority))),
            (say("alert.gateway"), self._gateway),
            (say("alert.began"), f"{say.moment(alert.since, now)}, {lasted}"),
            (say("alert.ended"), say.moment(alert.until, now) if alert.until else ""),
            (
                say("alert.present"),
                "" if alert.over or now_at is None else say("alert.excess-at", n=say.factor(now_at)),
            ),
            (say("alert.highest"), worst),
            (say("alert.by"), alert.by),
            (say("alert.cause"), alert.cause),
            (say("alert.lesson"), say.of("lesson", alert.lesson)),
            (say("alert.until"), say.moment(alert.shelved_until, now) if alert.shelved_until else ""),
        ]

    async def _ask(self) -> None:
        """Ask for the alert's details, then for the scores around it, then where to look."""
        details = answers.details(await self.ask(self._gateway, "alert", alert=self._id))
        if self._alert is None or details.alert.over:
            self._alert = details.alert
        self._draw_details(details)
        self._places.root.set_visibility(details.alert.kind == ANOMALY)  # of others the remedy is told already
        if details.alert.kind != ANOMALY:
            return
        since, until = details.alert.since - BEFORE, (details.alert.until or time.time()) + AFTER
        until = min(until, time.time())
        span = {"since": since, "until": until, "points": POINTS}
        found = answers.scores(await self.ask(self._gateway, "history", sensor=details.alert.sensor, **span))
        marks = [each for each in (details.alert.since, details.alert.until) if each]
        self._scores.show(found, begin_of(found, since, until), until, marks)
        lasts = [top for at, _, top in found.points if details.alert.since <= at <= (details.alert.until or until)]
        self._highest = max(lasts, default=0.0) / (found.threshold or 1.0)
        said = await self.ask(self._gateway, "why", alert=self._id, language=self.say.code)
        self._places.show(reply(self._gateway, said))

    def _draw_details(self, details: AlertDetails) -> None:
        self._journal.show([(str(i), (each, time.time())) for i, each in enumerate(details.journal)])
        self._shares.show(details.shares)
        ranked = sorted(details.shares, key=lambda pair: -pair[1])
        self._table.show([(f"{each.axis} {each.name} {each.low}", (each, share)) for each, share in ranked])
        near = self.say("alert.near", name=details.near[0], hz=self.say.number(details.near[1])) if details.near else ""
        self._foremost.set_text(f"{foremost(details.shares, self.say)} {near}".strip())

    def _share(self, value: tuple[Feature, float]) -> tuple[str, str]:
        """A feature's row in the table."""
        return feature_name(value[0], self.say), self.say.percent(value[1])

    async def _judge(self, verdict: str) -> None:
        await self.ask(self._gateway, "feedback", alert=self._id, answer=verdict, by=self.user.name)

    async def _do(self, verb: str, **arguments: object) -> None:
        given = {key: value for key, value in arguments.items() if value != ""}
        await self.ask(self._gateway, verb, by=self.user.name, **given)
        await self._asked.now()


class StepPart:
    """One line of a journal."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("li")
        with self.root:
            self._when = Text("time", "quiet")
            self._what = Text("strong")
            self._text = Text("span")

    def show(self, value: tuple[Step, float]) -> None:
        """Draw when, what by whom, and in what words."""
        step, now = value
        self._when.set_text(self._say.moment(step.at, now))
        what = self._say.of("step", step.what)
        self._what.set_text(self._say("alert.step-by", what=what, who=step.who) if step.who else what)
        self._text.set_text(step.text)


class LinkPart:
    """A link in a list."""

    def __init__(self) -> None:
        self.root: Element = box("li")
        with self.root:
            self._link = link("", "")

    def show(self, value: tuple[str, str]) -> None:
        """Draw an address and its name."""
        put(self._link, "href", value[0])
        self._link.set_text(value[1])


def sentence(alert: Alert, say: Language) -> str:
    """The sentence for the alert, in the reader's language."""
    told = {"kind": alert.kind, "sensor": alert.sensor, "worst": alert.worst, "limit": alert.limit, "unit": alert.unit}
    return f"{words.sentence(told, say.code)}."


def _now(sensor: Sensor | None) -> float | None:
    """The present score, times the threshold."""
    return sensor.score / sensor.threshold if sensor and sensor.score is not None and sensor.threshold else None


def foremost(shares: tuple[tuple[Feature, float], ...], say: Language) -> str:
    """The features that stand out, in a sentence."""
    if not shares:
        return say("alert.no-shares")
    named = [f"{feature_name(each, say)} ({say.percent(share)})" for each, share in spectra.outstanding(shares)]
    return say("alert.foremost", names=", ".join(named)) if named else say("alert.even")


def feature_name(feature: Feature, say: Language) -> str:
    """A band by its frequencies, anything else by its name; on which axis."""
    if feature.band:
        name = say("plot.band", low=say.number(feature.low), high=say.number(feature.high))
    else:
        name = say.of("feature", feature.name)
    return say("plot.on-axis", name=name, axis=spectra.axis_name(feature))
