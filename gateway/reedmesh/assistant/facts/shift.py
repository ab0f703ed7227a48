"""Facts about a period: the shift report. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from reedmesh.alerts.alert import ANOMALY, CLEARED, FAULT, NOT_A_FAULT
from reedmesh.assistant.fact import Fact, Value, count, moment, name, span
from reedmesh.assistant.facts.alerts import brief, urgency

Table = Mapping[str, Any]
MOST_SENSORS = 8  # in a report
MOST_OPEN = 3
HELPED, WRONG = "answer helped", "answer wrong"  # steps of an alert's journal: what people thought of an answer
CONFIRMED = (FAULT, NOT_A_FAULT)  # verdicts with which somebody says what an alert was


def report(gateway: str, alerts: Sequence[Table], merges: Sequence[Table], since: float, until: float) -> list[Fact]:
    """alerts: all that stood between since and until, with journals; merges: rounds of learning, newest last."""
    head = Fact("report.head", {"gateway": gateway, "since": moment(since), "until": moment(until)}, page="handover")
    raised = [each for each in alerts if each["since"] >= since]
    if not alerts:
        return [head, Fact("report.calm", page="overview"), *_learnt(merges, since, until)]
    found = [head, Fact("report.raised", {"n": count(len(raised))}, page="overview")]
    if before := len(alerts) - len(raised):
        found.append(Fact("report.before", {"n": count(before)}, page="overview"))
    ended = [each for each in alerts if each["state"] == CLEARED and (each["until"] or 0.0) <= until]
    if ended:
        found.append(Fact("report.ended", {"n": count(len(ended))}, page="overview"))
    return [*found, *_by_sensor(alerts, since, until), *_open(alerts), *_learnt(merges, since, until), *judged(alerts)]


def _by_sensor(alerts: Sequence[Table], since: float, until: float) -> list[Fact]:
    """How often and how long each sensor was in alert, the longest first."""
    spans: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for each in alerts:
        spans[each["sensor"]].append((max(each["since"], since), min(each["until"] or until, until)))
    ranked = sorted(spans.items(), key=lambda pair: -covered(pair[1]))[:MOST_SENSORS]
    return [
        Fact(
            "report.sensor",
            {"sensor": name(sensor), "n": count(len(stood)), "lasted": span(covered(stood))},
            sensor=name(sensor),
        )
        for sensor, stood in ranked
    ]


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Seconds that at least one of the spans covers: alerts that overlap count once."""
    total, end = 0.0, float("-inf")
    for low, high in sorted(spans):
        total += max(0.0, high - max(low, end))
        end = max(end, high)
    return total


def _open(alerts: Sequence[Table]) -> list[Fact]:
    """What is left to the next shift."""
    left = sorted((each for each in alerts if each["state"] != CLEARED), key=urgency)
    if not left:
        return [Fact("report.none-open", page="overview")]
    untaken = [each for each in left if not each.get("by")]
    found = [Fact("report.open", {"n": count(len(left))}, page="overview"), *map(brief, left[:MOST_OPEN])]
    return [*found, *([Fact("report.untaken", {"n": count(len(untaken))}, page="overview")] if untaken else [])]


def _learnt(merges: Sequence[Table], since: float, until: float) -> list[Fact]:
    """Rounds of learning, and models that changed by them."""
    rounds = [each for each in merges if since <= each["at"] <= until]
    if not rounds:
        return []
    changed = {sensor for each in rounds for sensor, it in each["sensors"].items() if not it["objection"]}
    found = [Fact("report.rounds", {"n": count(len(rounds))}, page="learning")]
    return [*found, *([Fact("report.models", {"n": count(len(changed))}, page="learning")] if changed else [])]


def judged(alerts: Sequence[Table]) -> list[Fact]:
    """People's feedback on answers; credited: feedback on alerts whose verdict came afterwards."""
    steps = [(each, step) for each in alerts for step in each.get("journal", ()) if step["what"] in (HELPED, WRONG)]
    if not steps:
        return []
    helped = sum(step["what"] == HELPED for _, step in steps)
    found = [Fact("report.feedback", {"n": count(len(steps)), "helped": count(helped)}, page="overview")]
    return found + [_credit(who, number) for who, number in sorted(credits_of(alerts).items())]


def credits_of(alerts: Sequence[Table]) -> dict[str, int]:
    """How many judgements of each person a later verdict on the alert confirmed."""
    earned: defaultdict[str, int] = defaultdict(int)
    for each in alerts:
        if each.get("verdict") in CONFIRMED and each["kind"] == ANOMALY:
            for who in {step["who"] for step in each.get("journal", ()) if step["what"] == HELPED}:
                earned[who] += 1
    return dict(earned)


def _credit(who: str, number: int) -> Fact:
    values: dict[str, Value] = {"who": name(who), "n": count(number)}
    return Fact("report.credit", values, page="overview")
