"""MQTT message -> view: what each topic changes in what the dashboard shows. Pure, and safe against any payload.

Brokers carry what anybody publishes. So everything is bounded (gateways, sensors, alerts, scores, text), numbers have
ranges, text is cut and cleaned of characters that do not print, and what does not fit is counted and dropped.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from reedmesh import wire
from reedmesh.alert import CLEARED
from reedmesh.broker import Message, read_json
from reedmesh.dashboard.view import Alert, Gateway, Sensor, View
from reedmesh.wire import WireError

SUBSCRIPTIONS = {f"{wire.BASE}/{leaf}": 1 for leaf in ("+/status", "+/info", "+/alerts", "+/alert", "+/+/state")}

MAX_GATEWAYS = 100
MAX_SENSORS = 2000  # of all gateways together; with MAX_SCORES each, about 70 MB at the very worst
MAX_ALERTS = 200  # open ones of one gateway
MAX_SCORES = 300  # of one sensor: five minutes at one a second
MAX_TEXT = 120  # characters of one value
MAX_JSON = 16384  # bytes of what a gateway says; its list of alerts may fill the largest payload
MAX_COUNT = 1e15  # windows
MAX_SCORE = 1e12
MAX_TIME = 2.0**32  # seconds since 1970: the year 2106

K = TypeVar("K")
V = TypeVar("V")


def fold(view: View, broker: str, message: Message, now: float) -> View:
    """The view after `message` came from `broker` at `now`, in seconds since 1970. Never raises."""
    try:
        name, *leaf = wire.split_topic(message.topic)
        if not message.payload:  # how a retained message is taken back
            return _forget(view, name, leaf)
        gateway = view.gateways.get(name) or _new_gateway(view, name)
        gateway = _heard(view, replace(gateway, broker=broker), leaf, message.payload, now)
        return replace(view, gateways=_with(view.gateways, name, gateway))
    except WireError:
        return replace(view, dropped=view.dropped + 1)


def connection(view: View, broker: str, connected: bool, now: float) -> View:
    """The view after the connection to `broker` was looked at; the same one when nothing changed."""
    known, since = broker in view.brokers, view.brokers.get(broker)
    if known and connected == (since is None):
        return view
    return replace(view, brokers=_with(view.brokers, broker, None if connected else now))


def _heard(view: View, gateway: Gateway, leaf: list[str], payload: bytes, now: float) -> Gateway:
    """The gateway after one of its messages. Raises WireError."""
    if leaf == ["status"]:
        return replace(gateway, status=_text(read_json(payload, MAX_JSON).get("state")))
    if leaf == ["info"]:
        return _info(gateway, read_json(payload, MAX_JSON))
    if leaf == ["alerts"]:
        return replace(gateway, alerts=_snapshot(read_json(payload, wire.MAX_PAYLOAD)))
    if leaf == ["alert"]:
        return replace(gateway, alerts=_change(gateway.alerts, read_json(payload, MAX_JSON)))
    if len(leaf) == 2 and leaf[1] == "state":
        before = gateway.sensors.get(leaf[0]) or _new_sensor(view, leaf[0])
        sensor = _state(before, read_json(payload, MAX_JSON), now)
        return replace(gateway, sensors=_with(gateway.sensors, sensor.name, sensor))
    raise WireError(f"nothing is shown of {'/'.join(leaf)}")


def _info(gateway: Gateway, info: dict[str, Any]) -> Gateway:
    family = info.get("family")
    name = family.get("name") if isinstance(family, dict) else None
    return replace(gateway, version=_text(info.get("version")), family=_text(name))


def _state(before: Sensor, state: dict[str, Any], now: float) -> Sensor:
    """The sensor as `state` describes it; fields that are missing or make no sense are unknown."""
    after = Sensor(
        name=before.name,
        state=_text(state.get("state")),
        online=state.get("online") is True,
        alert=_text(state["alert"]) if state.get("alert") else None,
        progress=_number(state.get("progress"), 1),
        score=_number(state.get("score"), MAX_SCORE),
        threshold=_number(state.get("threshold"), MAX_SCORE),
        model=_text(state.get("model")),
        refusal=_text(state.get("refusal")),
        windows=_count(state.get("windows")),
        missed=_count(state.get("missed")),
        lost=_count(state.get("lost")),
        disagreements=_count(state.get("disagreements")),
    )
    return replace(after, history=_history(before, after, now))


def _history(before: Sensor, after: Sensor, now: float) -> tuple[tuple[float, float], ...]:
    """The scores so far and the new one, if it is one: a state is also repeated when the link came back.

    Scores of another model say nothing about this one's, so a new model starts anew.
    """
    kept = before.history if before.model == after.model else ()
    if after.score is None or (kept and before.windows == after.windows):
        return kept
    return (*kept[1 - MAX_SCORES :], (now, after.score))


def _snapshot(message: dict[str, Any]) -> Mapping[str, Alert]:
    listed = message.get("alerts")
    if not isinstance(listed, list):
        raise WireError("no list of alerts")
    alerts = (_alert(each) for each in listed[:MAX_ALERTS] if isinstance(each, dict))
    return MappingProxyType({alert.id: alert for alert in alerts if alert.state != CLEARED})


def _change(alerts: Mapping[str, Alert], message: dict[str, Any]) -> Mapping[str, Alert]:
    """The alerts after one began, changed or ended."""
    alert = _alert(message)
    if message.get("type") == "end" or alert.state == CLEARED:
        return _without(alerts, alert.id)
    if alert.id not in alerts and len(alerts) >= MAX_ALERTS:
        raise WireError("more alerts than a person can read")
    return _with(alerts, alert.id, alert)


def _alert(value: dict[str, Any]) -> Alert:
    top, threshold = (_number(value.get(key), MAX_SCORE) for key in ("top_score", "threshold"))
    return Alert(
        id=_text(value.get("id")),
        sensor=_text(value.get("sensor")),
        state=_text(value.get("state")),
        since=_number(value.get("since"), MAX_TIME) or 0.0,
        excess=top / threshold if top and threshold else None,
    )


def _forget(view: View, name: str, leaf: list[str]) -> View:
    """The view without a sensor whose state, or a gateway whose status, was taken back."""
    gateway = view.gateways.get(name)
    if gateway and leaf == ["status"]:
        return replace(view, gateways=_without(view.gateways, name))
    if gateway and len(leaf) == 2 and leaf[1] == "state":
        fewer = replace(gateway, sensors=_without(gateway.sensors, leaf[0]))
        return replace(view, gateways=_with(view.gateways, name, fewer))
    return view


def _new_gateway(view: View, name: str) -> Gateway:
    if len(view.gateways) >= MAX_GATEWAYS:
        raise WireError(f"gateway {name} is one more than the {MAX_GATEWAYS} that are shown")
    return Gateway(name)


def _new_sensor(view: View, name: str) -> Sensor:
    if sum(len(gateway.sensors) for gateway in view.gateways.values()) >= MAX_SENSORS:
        raise WireError(f"sensor {name} is one more than the {MAX_SENSORS} that are shown")
    return Sensor(name)


def _text(value: object) -> str:
    """A string of at most MAX_TEXT characters that all print: no controls, lone surrogates or turns of direction."""
    cut = value[:MAX_TEXT] if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cut)


def _number(value: object, most: float) -> float | None:
    """A number of 0..most, else None; neither NaN nor True is a number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
        return float(value)
    return None


def _count(value: object) -> int:
    return int(_number(value, MAX_COUNT) or 0)


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return MappingProxyType({**mapping, key: value})


def _without(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    return MappingProxyType({each: value for each, value in mapping.items() if each != key})
