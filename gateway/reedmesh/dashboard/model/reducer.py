"""MQTT message -> view: the change that each topic makes to the view. Pure, and safe against any payload.

Brokers carry what anybody publishes. So everything is bounded (gateways, sensors, alerts, scores, text), numbers have
ranges, text is cut and cleaned of characters that do not print, and what does not fit is counted and dropped.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, TypeVar

from reedmesh.alerts.alert import ANOMALY, CLEARED, NEW
from reedmesh.dashboard.model.view import Alert, Gateway, Hello, Sensor, View
from reedmesh.json_object import read_json
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError

LEAVES = ("+/status", "+/info", "+/alerts", "+/alert", "+/+/state", "+/+/hello", "+/response/+")
SUBSCRIPTIONS = {f"{wire.BASE}/{leaf}": 1 for leaf in LEAVES}

MAX_GATEWAYS = 100
MAX_SENSORS = 2000  # of all gateways together; with MAX_SCORES each, about 70 MB at the very worst
MAX_NEIGHBOURS = 100
MAX_ALERTS = 200  # open ones of one gateway
MAX_SCORES = 300  # of one sensor: five minutes at one a second
MAX_TEXT = 120  # characters of one value
MAX_JSON = 16384  # bytes of what a gateway says; its list of alerts may fill the largest payload
MAX_COUNT = 1e15  # windows
MAX_SCORE = 1e12
MAX_HZ = 1e6
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
        return replace(gateway, status=text(read_json(payload, MAX_JSON).get("state")))
    if leaf == ["info"]:
        return _info(gateway, read_json(payload, MAX_JSON))
    if leaf == ["alerts"]:
        return replace(gateway, alerts=_snapshot(read_json(payload, wire.MAX_PAYLOAD)))
    if leaf == ["alert"]:
        return replace(gateway, alerts=_change(gateway.alerts, read_json(payload, MAX_JSON)))
    if len(leaf) == 2 and leaf[1] in ("state", "hello"):
        before = gateway.sensors.get(leaf[0]) or _new_sensor(view, leaf[0])
        said = read_json(payload, MAX_JSON)
        sensor = _state(before, said, now) if leaf[1] == "state" else replace(before, hello=_hello(said))
        return replace(gateway, sensors=_with(gateway.sensors, sensor.name, sensor))
    return gateway  # not subscribed to: amqtt sends what is retained to whoever connects


def _info(gateway: Gateway, info: dict[str, Any]) -> Gateway:
    family = info.get("family")
    name = family.get("name") if isinstance(family, dict) else None
    neighbours = tuple(text(each) for each in list(_table(info.get("neighbours")))[:MAX_NEIGHBOURS])
    return replace(gateway, version=text(info.get("version")), family=text(name), neighbours=neighbours)


def _state(before: Sensor, state: dict[str, Any], now: float) -> Sensor:
    """The sensor as `state` describes it; fields that are missing or make no sense are unknown."""
    recorded = _table(state.get("recording"))
    after = Sensor(
        name=before.name,
        state=text(state.get("state")),
        online=state.get("online") is True,
        alert=text(state["alert"]) if state.get("alert") else None,
        progress=number(state.get("progress"), 1),
        score=number(state.get("score"), MAX_SCORE),
        threshold=number(state.get("threshold"), MAX_SCORE),
        model=text(state.get("model")),
        refusal=text(state.get("refusal")),
        moved=number(state.get("moved"), MAX_SCORE),
        still=state.get("still") is True,
        windows=count(state.get("windows")),
        missed=count(state.get("missed")),
        lost=count(state.get("lost")),
        disagreements=count(state.get("disagreements")),
        sequence=count(state.get("sequence")),
        update=text(state.get("update")),
        shelved_until=number(state.get("shelved_until"), MAX_TIME),
        recording=text(recorded.get("label")),
        recording_until=number(recorded.get("until"), MAX_TIME),
        hello=before.hello,
    )
    return replace(after, history=_history(before, after, now))


def _hello(said: dict[str, Any]) -> Hello:
    """What a sensor says of itself, as far as it makes sense."""
    memory, driver = _table(said.get("memory")), _table(said.get("sensor"))
    rssi = number(-said["rssi"], 200) if isinstance(said.get("rssi"), int) else None
    return Hello(
        board=text(said.get("board")),
        firmware=text(said.get("firmware")),
        micropython=text(said.get("micropython")),
        driver=text(driver.get("driver")),
        hz=number(said.get("measured_hz"), MAX_HZ) or number(driver.get("rate_hz"), MAX_HZ) or 0.0,
        memory_free=count(memory.get("free")),
        memory_used=count(memory.get("used")),
        starts=count(said.get("starts")),
        safe_mode=said.get("safe_mode") is True,
        rssi=None if rssi is None else -int(rssi),
        error=text(said.get("error")),
        relapse=text(said.get("relapse")),
    )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _history(before: Sensor, after: Sensor, now: float) -> tuple[tuple[float, float], ...]:
    """The scores so far and the new one, if it is one: a state is also repeated when the link came back.

    Scores are kept as multiples of their threshold: so those of different models compare.
    """
    if after.score is None or not after.threshold or (before.history and before.windows == after.windows):
        return before.history
    return (*before.history[1 - MAX_SCORES :], (now, after.score / after.threshold))


def _snapshot(message: dict[str, Any]) -> Mapping[str, Alert]:
    listed = message.get("alerts")
    if not isinstance(listed, list):
        raise WireError("no list of alerts")
    alerts = (alert_of(each) for each in listed[:MAX_ALERTS] if isinstance(each, dict))
    return MappingProxyType({alert.id: alert for alert in alerts if alert.state != CLEARED})


def _change(alerts: Mapping[str, Alert], message: dict[str, Any]) -> Mapping[str, Alert]:
    """The alerts after one began, changed or ended."""
    alert = alert_of(message)
    if message.get("type") == "end" or alert.state == CLEARED:
        return _without(alerts, alert.id)
    if alert.id not in alerts and len(alerts) >= MAX_ALERTS:
        raise WireError("more alerts than a person can read")
    before = alerts.get(alert.id)
    still = bool(before and before.calls and alert.state == NEW)  # until the gateway's list says it anew
    return _with(alerts, alert.id, replace(alert, calls=still))


def alert_of(value: dict[str, Any]) -> Alert:
    """An alert as a gateway tells of it; what makes no sense in it is left out."""
    top, threshold = (number(value.get(key), MAX_SCORE) for key in ("worst", "limit"))
    return Alert(
        id=text(value.get("id")),
        sensor=text(value.get("sensor")),
        state=text(value.get("state")),
        since=number(value.get("since"), MAX_TIME) or 0.0,
        excess=top / threshold if top and threshold else None,
        kind=text(value.get("kind")) or ANOMALY,
        priority=min(3, count(value.get("priority")) or 3),
        until=number(value.get("until"), MAX_TIME),
        threshold=threshold,
        by=text(value.get("by")),
        verdict=text(value.get("verdict")),
        shelved_until=number(value.get("shelved_until"), MAX_TIME),
        flood=text(value.get("flood")),
        worst=top or 0.0,
        limit=threshold or 0.0,
        unit=text(value.get("unit")),
        cause=text(value.get("cause")),
        lesson=text(value.get("lesson")),
        calls=value.get("call") is True,
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


def text(value: object, most: int = MAX_TEXT) -> str:
    """A string of at most `most` characters that all print: no controls, lone surrogates or turns of direction."""
    cut = value[:most] if isinstance(value, str) else ""
    return "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in cut)


def number(value: object, most: float) -> float | None:
    """A number of 0..most, else None; neither NaN nor True is a number."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= most:
        return float(value)
    return None


def count(value: object) -> int:
    """A whole number that counts something; 0 for what is none."""
    return int(number(value, MAX_COUNT) or 0)


def _with(mapping: Mapping[K, V], key: K, value: V) -> Mapping[K, V]:
    return MappingProxyType({**mapping, key: value})


def _without(mapping: Mapping[K, V], key: K) -> Mapping[K, V]:
    return MappingProxyType({each: value for each, value in mapping.items() if each != key})
