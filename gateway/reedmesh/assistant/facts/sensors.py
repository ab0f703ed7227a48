"""Facts about sensors: the state of one, the silent ones, a trend, the model that one runs. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reedmesh.assistant.fact import SHARE, SPEED, Fact, Quantity, Value, Word, count, moment, name, span, times

Table = Mapping[str, Any]
MOST_NAMED = 10  # sensors in one answer
DAY = 86400.0
FEWEST = 6  # points of a score over time from which a trend is told
RISING, FALLING = 1.25, 0.8  # the last third's median score over the first third's, beyond which it is no steady one


def state(sensor: str, it: Table) -> list[Fact]:
    """How a sensor is; it: its summary, as its state is published."""
    found = [_standing(sensor, it)]
    if not it.get("online"):
        found.append(Fact("state.offline", {"sensor": sensor}, sensor=sensor))
    if it.get("moved"):
        found.append(Fact("state.moved", {"sensor": sensor}, sensor=sensor))
    if it.get("shelved_until"):
        found.append(Fact("state.shelved", {"until": moment(it["shelved_until"])}, sensor=sensor))
    if lost := it.get("missed", 0) + it.get("lost", 0):
        share = lost / (lost + it.get("windows", 0))
        found.append(Fact("state.missed", {"n": count(lost), "share": Quantity(share, SHARE)}, sensor=sensor))
    return found


def _standing(sensor: str, it: Table) -> Fact:
    about: dict[str, Value] = {"sensor": sensor}
    if it["state"] == "learning":
        return Fact("state.learning", about | {"share": Quantity(it.get("progress", 0.0), SHARE)}, sensor=sensor)
    if it["state"] != "watching":
        return Fact("state.other", about | {"state": Word("standing", it["state"])}, sensor=sensor)
    if it.get("score") is None or not it.get("threshold"):
        return Fact("state.no-score", about, sensor=sensor)
    kind = "state.above" if it["score"] > it["threshold"] else "state.below"
    return Fact(kind, about | {"times": times(it["score"], it["threshold"])}, sensor=sensor)


def silent(sensors: Mapping[str, Table], asked: Sequence[str], total: int) -> list[Fact]:
    """Which sensors say nothing now. asked: those the question names; none: all. total: how many there are."""
    if asked:
        return [_heard(each, sensors[each]) for each in asked if each in sensors]
    quiet = [each for each, it in sorted(sensors.items()) if is_silent(it)]
    if not quiet:
        return [Fact("silent.nobody", {"n": count(total)}, page="overview")]
    rest = [Fact("silent.more", {"n": count(len(quiet) - MOST_NAMED)})] if len(quiet) > MOST_NAMED else []
    return [*(Fact("silent.one", {"sensor": each}, sensor=each) for each in quiet[:MOST_NAMED]), *rest]


def is_silent(it: Table) -> bool:
    """Whether a sensor is away, or an alert says that it is silent."""
    return not it.get("online") or "silent" in it.get("alerts", ())


def _heard(sensor: str, it: Table) -> Fact:
    return Fact("silent.one" if is_silent(it) else "silent.speaks", {"sensor": sensor}, sensor=sensor)


def silences(alerts: Sequence[Table], now: float) -> list[Fact]:
    """The alerts of a time that were about silence."""
    found = [each for each in alerts if each["kind"] == "silent"][:MOST_NAMED]
    return [
        Fact(
            "silent.was",
            {
                "sensor": name(each["sensor"]),
                "since": moment(each["since"]),
                "lasted": span((each["until"] or now) - each["since"]),
            },
            alert=each["id"],
        )
        for each in found
    ]


def velocity(sensor: str, told: Table) -> list[Fact]:
    """Velocity and ISO zone. told: what a gateway answers to `maintenance`; [] where its scale is not known."""
    if told.get("mm_s") is None:
        return []
    found = [Fact("velocity.now", {"speed": Quantity(told["mm_s"], SPEED)}, sensor=sensor)]
    if told["zone"]:
        zone: dict[str, Value] = {"zone": name(told["zone"]), "class": name(told["class"])}
        found.append(Fact("velocity.zone", zone, sensor=sensor))
    return found


def velocity_trend(sensor: str, told: Table) -> list[Fact]:
    """The line through the velocities of days, and when it reaches the next limit, where the fit deserves it."""
    line = told["trend"]["line"]
    if not line:
        return []
    slope: dict[str, Value] = {"slope": Quantity(line["slope"], SPEED), "half": Quantity(line["half_width"], SPEED)}
    found = [Fact("velocity.trend", slope, sensor=sensor)]
    if line["days"] is not None:
        limit = Quantity(told["trend"]["limit"], SPEED)
        until: dict[str, Value] = {"days": span(DAY * line["days"]), "soonest": span(DAY * line["soonest"])}
        found.append(Fact("velocity.limit", until | {"limit": limit}, sensor=sensor))
    return found


def trend(sensor: str, history: Table, since: float) -> list[Fact]:
    """Whether its score rose or fell since then. history: what a gateway answers to `history`.

    The medians of the first and the last third are compared, so that single windows do not matter.
    """
    scores, threshold = np.array(history["mean"], dtype=np.float64), history.get("threshold") or 0.0
    if len(scores) < FEWEST or threshold <= 0:
        return [Fact("trend.unknown", {"sensor": sensor, "since": moment(since)}, sensor=sensor)]
    third = len(scores) // 3
    first, last = float(np.median(scores[:third])), float(np.median(scores[-third:]))
    ratio = last / first if first > 0 else 1.0
    kind = "rising" if ratio >= RISING else "falling" if ratio <= FALLING else "steady"
    values: dict[str, Value] = {"sensor": sensor, "first": times(first, threshold), "last": times(last, threshold)}
    begun = max(since, float(history["at"][0]))
    return [Fact(f"trend.{kind}", values | {"since": moment(begun)}, sensor=sensor)]


def model(sensor: str, told: Table, it: Table) -> list[Fact]:
    """Which model judges it. told: what a gateway answers to `models`."""
    made = {each["sequence"]: each["made"] for each in told["models"]}
    number = told["in_service"]
    if number not in made:
        return [Fact("model.none", {"sensor": sensor}, sensor=sensor)]
    about: dict[str, Value] = {"sensor": sensor, "number": count(number), "made": moment(made[number])}
    rest = [Fact("model.deploying", {"sensor": sensor}, sensor=sensor)] if it.get("state") == "deploying" else []
    return [Fact("model.in-service", about, sensor=sensor), *rest]
