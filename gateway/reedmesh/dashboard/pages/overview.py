"""The first page: open alerts, then every gateway with its sensors, the worst first."""

from reedmesh.assistant.understand import understand
from reedmesh.dashboard.model.replies import Reply, reply
from reedmesh.dashboard.model.view import Gateway, Sensor, View, gateways_worst_first, open_alerts, worst_first
from reedmesh.dashboard.pages.add import add_steps
from reedmesh.dashboard.ui.elements import Field, Parts, Text, box
from reedmesh.dashboard.ui.parts import AlertPart, AlertView, GatewayPart, GatewayView
from reedmesh.dashboard.ui.question import QuestionBox
from reedmesh.dashboard.ui.shell import Page

MOST_ALERTS = 50  # listed; nobody reads more at once
MANY = 20  # sensors of the line, from which on they can be filtered and sorted
SORTS = ("worst", "name", "score")


class Overview(Page):
    """The whole line at a glance."""

    part = "overview"

    def build(self) -> None:
        """Make its two sections."""
        Text("h1", "unseen", self.say("overview.title"))
        with box("section", "alerts", aria_label=self.say("overview.alerts")):
            self._heading = Text("h2")
            self._alerts = Parts(box("ul", aria_live="polite", aria_relevant="additions"), lambda: AlertPart(self.say))
            self._more = Text("p", "quiet")
        QuestionBox(self.say, self._ask_line, self._judge if self.user.acts else None)
        self._nobody = Text("p", "quiet", self.say("overview.nobody"))
        self._first = add_steps(self)
        self._tools = box("div", "tools")
        with self._tools:
            self._filter = Field(self.say("filter.text"), limit=32)
            choices = [(each, self.say(f"filter.{each}")) for each in SORTS]
            self._sort = Field(self.say("filter.sort"), SORTS[0], choices)
            self._shown = Text("span", "quiet")
        self._gateways: Parts[GatewayView] = Parts(box("div", "gateways"), lambda: GatewayPart(self.say))
        Text("p", "quiet", self.say("overview.legend"))

    def draw(self, view: View, now: float) -> str:
        """Draw the alerts and the gateways."""
        self._show_alerts(view, now)
        many = sum(len(each.sensors) for each in view.line) >= MANY
        self._tools.set_visibility(many)
        part, order = (self._filter.value.strip().lower(), self._sort.value) if many else ("", SORTS[0])
        shown = [(each, rows(each, view.reachable(each), part, order)) for each in gateways_worst_first(view)]
        if part:
            shown = [pair for pair in shown if pair[1]]
        self._gateways.show([(each.name, (each, view.reachable(each), mine)) for each, mine in shown])
        some, total = sum(len(mine) for _, mine in shown), sum(len(each.sensors) for each in view.line)
        self._shown.set_text(self.say("filter.shown", some=some, all=total) if part else "")
        self._nobody.set_visibility(not view.line)
        self._first.root.set_visibility(not total)
        return ""

    async def _ask_line(self, verb: str, **arguments: str) -> list[Reply]:
        """What each gateway that can be asked answers; of sensors that the question names, only their own gateways."""
        replies: list[Reply] = []
        meant = self._meant(arguments.get("text", ""))

        async def ask_one(gateway: str) -> None:
            if not meant or gateway in meant:
                replies.append(reply(gateway, await self.ask(gateway, verb, **arguments)))

        await self.each_gateway(ask_one)
        return sorted(replies, key=lambda each: each.gateway)

    def _meant(self, question: str) -> set[str]:
        """The gateways of the sensors that a question names: one may have press-2, and another press-2-old."""
        line = self.feed.view.line
        known = {sensor for each in line for sensor in each.sensors}
        named = set(understand(question, known).sensors) if question else set()
        return {each.name for each in line if named & set(each.sensors)}

    async def _judge(self, judged: Reply, verdict: str) -> None:
        await self.ask(judged.gateway, "feedback", alert=judged.alert, answer=verdict, by=self.user.name)

    def _show_alerts(self, view: View, now: float) -> None:
        alerts = open_alerts(view)
        self._heading.set_text(self.say("overview.alerts" if alerts else "overview.no-alerts"))
        rows = [
            (f"{gateway.name}/{alert.id}", AlertView(gateway.name, alert, gateway.sensors.get(alert.sensor), now))
            for gateway, alert in alerts[:MOST_ALERTS]
        ]
        self._alerts.show(rows)
        more = len(alerts) - MOST_ALERTS
        self._more.set_text(self.say("overview.more", n=more) if more > 0 else "")


def rows(gateway: Gateway, reachable: bool, part: str, order: str) -> list[tuple[Sensor, str]]:
    """The sensors of a gateway whose name has `part` in it, with their standings; a gateway's own name shows all."""
    found = worst_first(gateway, reachable)
    if part and part not in gateway.name:
        found = [pair for pair in found if part in pair[0].name]
    if order == "name":
        return sorted(found, key=lambda pair: pair[0].name)
    return sorted(found, key=lambda pair: -_factor(pair[0])) if order == "score" else found


def _factor(sensor: Sensor) -> float:
    return sensor.score / sensor.threshold if sensor.score is not None and sensor.threshold else 0.0
