"""Facts about alerts, from tables of a gateway: the open ones, the subject of one, those of a period. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reedmesh.alerts.alert import ACKNOWLEDGED, ANOMALY, CLEARED
from reedmesh.assistant.fact import Fact, Value, Word, count, moment, name, span, times

Table = Mapping[str, Any]
MOST_LISTED = 5  # alerts in one answer


def urgency(alert: Table) -> tuple[Any, ...]:
    """The key by which alerts are sorted: priority, acknowledged or not, factor above the threshold, age."""
    return alert["priority"], alert["state"] == ACKNOWLEDGED, -_excess(alert), alert["since"]


def standing(alerts: Sequence[Table], total: int, sensors: int) -> list[Fact]:
    """The open alerts, the most urgent first. total: how many there are; sensors: of the line."""
    if not total:
        return [Fact("line.calm", {"n": count(sensors)}, page="overview")]
    shown = sorted(alerts, key=urgency)[:MOST_LISTED]
    more = [Fact("alerts.more", {"n": count(total - len(shown))}, page="overview")] if total > len(shown) else []
    return [Fact("alerts.open", {"n": count(total)}, page="overview"), *map(brief, shown), *more]


def brief(alert: Table) -> Fact:
    """An alert in one line."""
    values = _about(alert) | {"since": moment(alert["since"])}
    if alert["kind"] != ANOMALY:
        return Fact("brief.condition", values, alert=alert["id"])
    return Fact("brief.anomaly", values | {"times": _times(alert)}, alert=alert["id"])


def story(alert: Table, now: float) -> list[Fact]:
    """Facts about one alert, with the person who acknowledged it."""
    over = alert["state"] == CLEARED
    until = alert["until"] or now
    values = _about(alert) | {"since": moment(alert["since"]), "lasted": span(until - alert["since"])}
    kind = "anomaly" if alert["kind"] == ANOMALY else "condition"
    if kind == "anomaly":
        values["times"] = _times(alert)
    return [Fact(f"{'past' if over else 'alert'}.{kind}", values, alert=alert["id"]), *_handling(alert)]


def none(sensor: str) -> list[Fact]:
    """A sensor without an alert, open or remembered."""
    return [Fact("alert.none", {"sensor": sensor}, sensor=sensor)]


def of_time(alerts: Sequence[Table], since: float, sensor: str = "") -> list[Fact]:
    """How many there were since then, and the newest of them."""
    about: dict[str, Value] = {"sensor": sensor} if sensor else {}
    where = ".sensor" if sensor else ""
    page = "" if sensor else "overview"
    if not alerts:
        return [Fact(f"past.none{where}", about | {"since": moment(since)}, sensor=sensor, page=page)]
    head = Fact(
        f"past.count{where}", about | {"n": count(len(alerts)), "since": moment(since)}, sensor=sensor, page=page
    )
    newest = sorted(alerts, key=lambda each: -each["since"])[:MOST_LISTED]
    return [head, *map(brief, newest)]


def _handling(alert: Table) -> list[Fact]:
    """Who did what with it."""
    place = alert["id"]
    if alert.get("verdict"):
        cause = [Fact("alert.cause", {"cause": name(alert["cause"])}, alert=place)] if alert.get("cause") else []
        return [Fact("alert.verdict", {"verdict": Word("verdict", alert["verdict"])}, alert=place), *cause]
    if alert["state"] == CLEARED:
        return []
    if alert.get("shelved_until"):
        return [Fact("alert.shelved", {"until": moment(alert["shelved_until"])}, alert=place)]
    if alert.get("by"):
        return [Fact("alert.taken", {"by": name(alert["by"])}, alert=place)]
    return [Fact("alert.untaken", alert=place)]


def _about(alert: Table) -> dict[str, Value]:
    return {"sensor": name(alert["sensor"]), "kind": Word("kind", alert["kind"])}


def _times(alert: Table) -> Value:
    return times(alert.get("top_score", 0.0), alert.get("threshold", 0.0))


def _excess(alert: Table) -> float:
    threshold = alert.get("threshold") or 0.0
    return alert.get("top_score", 0.0) / threshold if alert["kind"] == ANOMALY and threshold else 0.0
