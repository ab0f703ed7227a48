"""Facts about the line: the machine to look at first, what neighbours contributed, the health of the gateway. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any

from reedmesh.assistant.fact import MEGABYTES, SHARE, Fact, Quantity, Value, count, moment, name, times
from reedmesh.assistant.facts.alerts import brief, urgency

Table = Mapping[str, Any]
MB = 1e6
MOST_NEIGHBOURS = 5


def first(alerts: Sequence[Table], sensors: Mapping[str, Table]) -> list[Fact]:
    """Which machine to see first: the most urgent alert, or else the one nearest to its threshold."""
    if alerts:
        most = min(alerts, key=urgency)
        return [Fact("first.alert", {"sensor": name(most["sensor"])}, alert=most["id"]), brief(most)]
    judged = {
        each: it["score"] / it["threshold"] for each, it in sensors.items() if it.get("score") and it.get("threshold")
    }
    calm = Fact("first.calm", page="overview")
    if not judged:
        return [calm]
    nearest = max(judged, key=lambda each: judged[each])
    values: dict[str, Value] = {"sensor": nearest, "times": times(judged[nearest], 1.0)}
    return [calm, Fact("first.nearest", values, sensor=nearest)]


def learning(told: Table) -> list[Fact]:
    """Facts about learning from neighbours. told: a gateway's answer to `learning`."""
    found = [Fact("learning.rounds", {"n": count(told["rounds"])}, page="learning")]
    neighbours = sorted(told["neighbours"].items(), key=lambda pair: -pair[1]["merged"])[:MOST_NEIGHBOURS]
    if not neighbours:
        return [*found, Fact("learning.nobody", page="learning")]
    for gateway, it in neighbours:
        found.append(Fact("learning.merged", {"gateway": name(gateway), "n": count(it["merged"])}, page="learning"))
        if it["refused"]:
            values: dict[str, Value] = {"gateway": name(gateway), "n": count(it["refused"])}
            found.append(Fact("learning.refused", values, page="learning"))
    return [*found, *_last_round(told["merges"])]


def _last_round(merges: Sequence[Table]) -> list[Fact]:
    """When the last round was, and what it did to false alarms."""
    if not merges:
        return []
    last = merges[-1]
    found = [Fact("learning.last", {"at": moment(last["at"])}, page="learning")]
    for sensor, each in sorted(last["sensors"].items())[:MOST_NEIGHBOURS]:
        if each["before"] and not each["objection"]:
            rates = {key: Quantity(each[key]["false_alarms"], SHARE) for key in ("before", "after")}
            found.append(Fact("learning.alarms", {"sensor": name(sensor), **rates}, sensor=name(sensor)))
    return found


def gateway(vitals: Table) -> list[Fact]:
    """How the gateway is. vitals: what it answers to `status`."""
    store = vitals["store"]
    space: dict[str, Value] = {key: Quantity(store[key] / MB, MEGABYTES) for key in ("bytes", "free")}
    found = [Fact("gateway.disk", space, page="settings")]
    if store.get("trouble"):
        found.append(Fact("gateway.trouble", {"trouble": name(store["trouble"])}, page="settings"))
    if waiting := store.get("waiting"):
        found.append(Fact("gateway.waiting", {"n": count(waiting)}, page="settings"))
    counted = vitals.get("counted", {}).get("sensors", len(vitals["sensors"]))
    found.append(Fact("gateway.sensors", {"n": count(counted), "most": count(vitals["limit"])}, page="overview"))
    if reconnects := vitals.get("link", {}).get("reconnects"):
        found.append(Fact("gateway.link", {"n": count(reconnects)}, page="settings"))
    return found
