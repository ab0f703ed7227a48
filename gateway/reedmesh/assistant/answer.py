"""An intent -> an answer: a tool asks the gateway for its tables and makes facts of them. None changes anything."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from reedmesh.alerts.alert import ANOMALY
from reedmesh.assistant import causes, periods
from reedmesh.assistant.fact import Fact, Value, count
from reedmesh.assistant.facts import alerts as about_alerts
from reedmesh.assistant.facts import line, sensors, shift, spectrum
from reedmesh.assistant.periods import SHIFTS, span
from reedmesh.assistant.tables import NONE
from reedmesh.assistant.understand import Intent
from reedmesh.assistant.words import Words

Table = dict[str, Any]
MOST_WHY = 3  # alerts that one answer explains
REMEMBERED = "7d"  # how far back an alert that is over is looked for
TREND, SHIFT = "1d", "shift"
POINTS = 60  # of a score over time
MOST_ALERTS = 2000  # of a time, that one answer counts
TEMPLATE = "template"  # who put an answer into words
SUGGESTED = ("alerts", "first", "silent", "report", "learning", "gateway")
OF_SENSOR = ("why", "look", "state", "trend")


class Source(Protocol):
    """The requests that a gateway answers; answers are the tables of its requests of the same names."""

    name: str

    def vitals(self) -> Mapping[str, Any]:
        """As `status`, of all sensors."""
        ...

    def learning(self) -> Mapping[str, Any]:
        """As `learning`."""
        ...

    async def alerts(self, since: float, until: float, limit: int) -> Sequence[Table]:
        """Alerts that stood at some time between, with journals, newest first."""
        ...

    async def alert(self, alert: str) -> Mapping[str, Any]:
        """One alert and its contributions; raises RefusedError when there is none."""
        ...

    async def history(self, sensor: str, since: float, until: float, points: int, /) -> Mapping[str, Any]:
        """A sensor's score over time."""
        ...

    async def models(self, sensor: str) -> Mapping[str, Any]:
        """The models it was offered."""
        ...

    async def maintenance(self, sensor: str) -> Mapping[str, Any]:
        """Velocity, zone, marks and trend."""
        ...


@dataclass(frozen=True)
class Query:
    """The input of a tool. now: s since 1970; shifts: when they begin, such as "06:00"."""

    intent: Intent
    line: Source
    now: float
    shifts: Sequence[str] = SHIFTS

    def span(self, default: str) -> tuple[float, float]:
        """Since and until, by the question's time or else `default`."""
        if self.intent.since:
            return periods.since(self.intent.since, self.now, self.shifts)
        return span(self.intent.period, self.now, default, self.shifts)


@dataclass(frozen=True)
class Answer:
    """intent: as it was understood; facts: what is known; by: TEMPLATE, or the model that chose the tool."""

    intent: Intent
    facts: tuple[Fact, ...]
    by: str = TEMPLATE

    def table(self, now: float) -> Table:
        """As JSON says it: facts, a sentence for each, and where their evidence is shown."""
        words = Words(self.intent.language)
        told = [each.table() | {"text": words.sentence(each, now)} for each in self.facts]
        meant = self.intent
        about = {
            "tool": meant.tool or NONE,
            "sensors": list(meant.sensors),
            "period": meant.period,
            "since": meant.since,
        }
        return about | {"language": self.intent.language, "by": self.by, "facts": told}


Tool = Callable[[Query], Awaitable[list[Fact]]]


async def answer(query: Query, by: str = TEMPLATE) -> Answer:
    """The answer to what was understood; for anything that was not, what can be asked."""
    intent = query.intent
    if intent.unknown:
        strange: dict[str, Value] = {"sensor": intent.unknown}
        facts = [Fact("unknown.sensor", strange, page="overview"), *_known(query)]
    elif intent.tool in TOOLS:
        facts = await TOOLS[intent.tool](query)
    else:
        facts = suggestions(intent)
    return Answer(intent, tuple(facts), by)


def suggestions(intent: Intent) -> list[Fact]:
    """Example questions; about a sensor, if the question named one."""
    if intent.sensors and intent.tool != NONE:
        about: dict[str, Value] = {"sensor": intent.sensors[0]}
        return [Fact("can.sensor", about), *(Fact(f"can.{tool}.sensor", about) for tool in OF_SENSOR)]
    return [Fact("can.line"), *(Fact(f"can.{tool}") for tool in SUGGESTED)]


def _known(query: Query) -> list[Fact]:
    names = sorted(query.line.vitals()["sensors"])[: sensors.MOST_NAMED]
    return [Fact("unknown.known", {"names": ", ".join(names)}, page="overview")] if names else []


async def _alerts(query: Query) -> list[Fact]:
    if query.intent.sensors:  # of a sensor that is named, its own alerts and no other's
        return await _why(query)
    vitals = query.line.vitals()
    return about_alerts.standing(vitals["standing"], len(vitals["standing"]), len(vitals["sensors"]))


async def _why(query: Query) -> list[Fact]:
    standing = query.line.vitals()["standing"]
    names = query.intent.sensors
    if not names and not standing:
        return await _alerts(query)
    chosen = [each for each in standing if not names or each["sensor"] in names]
    chosen = sorted(chosen, key=about_alerts.urgency)[:MOST_WHY]
    found: list[Fact] = []
    for sensor in names:
        if sensor not in {each["sensor"] for each in chosen}:
            found += await _last(query, sensor)
    for each in chosen:
        found += await _story(query, each["id"])
    return found


async def _last(query: Query, sensor: str) -> list[Fact]:
    """A sensor without an open alert: its last one, if there was one lately."""
    since, until = query.span(REMEMBERED)
    past = [each for each in await query.line.alerts(since, until, MOST_ALERTS) if each["sensor"] == sensor]
    return about_alerts.none(sensor) + (await _story(query, past[0]["id"]) if past else [])


async def _story(query: Query, alert: str) -> list[Fact]:
    return await of_alert(query.line, alert, query.now)


async def of_alert(line: Source, name: str, now: float) -> list[Fact]:
    """What an alert is about, what stood out in it, and where to look; raises RefusedError when there is none."""
    told = await line.alert(name)
    alert = told["alert"]
    known = alert["kind"] == ANOMALY and alert["sensor"] in line.vitals()["sensors"]
    marks = (await line.maintenance(alert["sensor"]))["marks"] if known else []
    found = spectrum.standouts(told["contributions"], marks)
    anomaly = alert["kind"] == ANOMALY
    bands = spectrum.facts(found, alert["id"]) if anomaly and told["contributions"] else []
    places = causes.facts(alert["kind"], found if anomaly else [], str(alert["sensor"]), alert["id"])
    return [*about_alerts.story(alert, now), *bands, *places]


async def _state(query: Query) -> list[Fact]:
    vitals = query.line.vitals()
    found: list[Fact] = []
    for sensor in query.intent.sensors:
        found += sensors.state(sensor, vitals["sensors"][sensor])
        found += sensors.velocity(sensor, await query.line.maintenance(sensor))
        standing = [each for each in vitals["standing"] if each["sensor"] == sensor]
        found += map(about_alerts.brief, sorted(standing, key=about_alerts.urgency)[:MOST_WHY])
    return found or await _alerts(query)


async def _first(query: Query) -> list[Fact]:
    vitals, named = query.line.vitals(), query.intent.sensors
    standing = [each for each in vitals["standing"] if not named or each["sensor"] in named]
    sensors_meant = {name: it for name, it in vitals["sensors"].items() if not named or name in named}
    return line.first(standing, sensors_meant)


async def _silent(query: Query) -> list[Fact]:
    every, asked = query.line.vitals()["sensors"], query.intent.sensors
    found = sensors.silent(every, asked, len(every))
    if not (query.intent.period or query.intent.since):
        return found
    past = await query.line.alerts(*query.span("today"), MOST_ALERTS)
    return found + sensors.silences([each for each in past if not asked or each["sensor"] in asked], query.now)


async def _report(query: Query) -> list[Fact]:
    since, until = query.span(SHIFT)
    past = await query.line.alerts(since, until, MOST_ALERTS)
    merges = query.line.learning()["merges"]
    more = [Fact("report.most", {"n": count(MOST_ALERTS)}, page="settings")] if len(past) >= MOST_ALERTS else []
    return shift.report(query.line.name, past, merges, since, until) + more


async def _past(query: Query) -> list[Fact]:
    since, until = query.span(REMEMBERED)
    past = await query.line.alerts(since, until, MOST_ALERTS)
    if not query.intent.sensors:
        return about_alerts.of_time(past, since)
    found: list[Fact] = []
    for sensor in query.intent.sensors:
        found += about_alerts.of_time([each for each in past if each["sensor"] == sensor], since, sensor)
    return found


async def _trend(query: Query) -> list[Fact]:
    since, until = query.span(TREND)
    found: list[Fact] = []
    for sensor in query.intent.sensors:
        found += sensors.trend(sensor, await query.line.history(sensor, since, until, POINTS), since)
        found += sensors.velocity_trend(sensor, await query.line.maintenance(sensor))
    return found or suggestions(query.intent)


async def _learning(query: Query) -> list[Fact]:
    return line.learning(query.line.learning())


async def _model(query: Query) -> list[Fact]:
    every = query.line.vitals()["sensors"]
    found: list[Fact] = []
    for sensor in query.intent.sensors or sorted(every)[: sensors.MOST_NAMED]:
        found += sensors.model(sensor, await query.line.models(sensor), every[sensor])
    return found


async def _gateway(query: Query) -> list[Fact]:
    return line.gateway(query.line.vitals())


async def _help(query: Query) -> list[Fact]:
    return suggestions(query.intent)


TOOLS: dict[str, Tool] = {
    "alerts": _alerts,
    "why": _why,
    "look": _why,  # what an alert is about says where to look, too
    "state": _state,
    "first": _first,
    "silent": _silent,
    "report": _report,
    "past": _past,
    "trend": _trend,
    "learning": _learning,
    "model": _model,
    "gateway": _gateway,
    "help": _help,
}
