"""The dashboard's view: what each message changes, in what order things are shown, and that nothing can break it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import answers
from reedmesh.dashboard.model.reducer import (
    MAX_ALERTS,
    MAX_GATEWAYS,
    MAX_SCORES,
    MAX_SENSORS,
    MAX_TEXT,
    connection,
    fold,
)
from reedmesh.dashboard.model.view import Sensor, View, counts, gateways_worst_first, open_alerts, worst_first
from reedmesh.dashboard.ui import chart
from reedmesh.dashboard.ui.language import Language
from reedmesh.links.message import Message

BROKER = "gw1.local:1883"
EMPTY = View()
EN = Language("en")
WATCHING = {"state": "watching", "online": True, "model": "3fa2c1d0", "threshold": 1.5, "windows": 7, "score": 0.5}
HELLO = {"board": "esp32", "memory": {"free": 30000, "used": 70000}, "sensor": {"driver": "lis3dh"}, "starts": 2}
ALERT = {"id": "press3-1", "sensor": "press3", "state": "new", "since": 60.0, "worst": 30, "limit": 10}


def say(topic: str, value: object) -> Message:
    return Message(f"reedmesh/{topic}", value if isinstance(value, bytes) else json.dumps(value).encode())


def heard(*messages: Message, view: View = EMPTY, now: float = 100.0) -> View:
    for message in messages:
        view = fold(view, BROKER, message, now)
    return view


def states(sensor: str, *values: dict[str, Any]) -> list[Message]:
    return [say(f"gw1/{sensor}/state", WATCHING | value) for value in values]


def order(view: View) -> list[tuple[str, str]]:
    gateway = view.gateways["gw1"]
    return [(sensor.name, standing) for sensor, standing in worst_first(gateway, view.reachable(gateway))]


def test_state_becomes_a_sensor() -> None:
    told = {"missed": 3, "lost": 1, "disagreements": 2, "refusal": "400 too large", "moved": 1.3}
    view = heard(*states("press3", told))
    assert view.gateways["gw1"].sensors["press3"] == Sensor(
        "press3",
        "watching",
        True,
        None,
        None,
        0.5,
        1.5,
        "3fa2c1d0",
        "400 too large",
        7,
        3,
        1,
        2,
        ((100.0, 1 / 3),),
        moved=1.3,
    )


def test_scores_are_kept_once_each_as_multiples_of_the_threshold_of_their_time() -> None:
    first, repeated, second = {"windows": 1, "score": 0.3}, {"windows": 1, "score": 0.3}, {"windows": 2, "score": 0.6}
    renewed = {"windows": 3, "score": 0.3, "model": "b0b0", "threshold": 3.0}
    view = heard(*states("press3", first, repeated, second, renewed, {"windows": 4, "threshold": None}))
    kept = [round(excess, 3) for _, excess in view.gateways["gw1"].sensors["press3"].history]
    assert kept == [0.2, 0.4, 0.1]


def test_those_that_need_a_person_come_first() -> None:
    view = heard(
        *states("calm", {}),
        *states("new", {"state": "learning", "progress": 0.5, "model": None}),
        *states("silent", {"online": False}),
        *states("moving", {"state": "deploying"}),
        *states("press3", {}),
        *states("odd", {"state": "dreaming"}),
        say("gw1/alert", {"type": "new"} | ALERT),
    )
    assert order(view) == [
        ("press3", "alert"),
        ("silent", "offline"),
        ("moving", "deploying"),
        ("odd", "dreaming"),
        ("new", "learning"),
        ("calm", "watching"),
    ]


def test_an_alert_lives_from_new_to_end_and_the_snapshot_has_the_last_word() -> None:
    begun = heard(say("gw1/alert", {"type": "new"} | ALERT))
    [(gateway, alert)] = open_alerts(begun)
    assert (gateway.name, alert.sensor, alert.since, alert.excess) == ("gw1", "press3", 60.0, 3.0)
    worse = heard(say("gw1/alert", {"type": "update"} | ALERT | {"worst": 80}), view=begun)
    assert [alert.excess for _, alert in open_alerts(worse)] == [8.0]
    assert not open_alerts(heard(say("gw1/alert", {"type": "end"} | ALERT), view=worse))
    assert not open_alerts(heard(say("gw1/alerts", {"alerts": []}), view=worse))
    assert len(open_alerts(heard(say("gw1/alerts", {"alerts": [ALERT, ALERT | {"id": "b"}]})))) == 2


def test_alerts_nobody_has_taken_on_come_first_then_the_newest() -> None:
    listed = [("old", "new", 10), ("taken", "acknowledged", 30), ("young", "new", 20)]
    alerts = [ALERT | {"id": key, "state": state, "since": since} for key, state, since in listed]
    view = heard(say("gw2/alerts", {"alerts": alerts[1:2]}), say("gw1/alerts", {"alerts": alerts[::2]}))
    view = heard(say("gw3/status", {"state": "offline"}), say("gw0/status", {"state": "online"}), view=view)
    assert [alert.id for _, alert in open_alerts(view)] == ["young", "old", "taken"]
    shelved = ALERT | {"id": "shelved", "since": 40, "shelved_until": 99}
    assert open_alerts(heard(say("gw1/alert", {"type": "update"} | shelved), view=view))[-1][1].id == "shelved"
    told = {"version": "0.1.0"}
    view = heard(say("gw3/info", told), say("gw0/info", told), say("a1b2/status", {"state": "online"}), view=view)
    assert [gateway.name for gateway in gateways_worst_first(view)] == ["gw1", "gw2", "gw3", "gw0"], "and no a1b2"


@pytest.mark.parametrize("state", ["offline", "stopped"])
def test_sensors_of_a_gateway_that_went_away_are_offline(state: str) -> None:
    view = heard(*states("press3", {}), say("gw1/status", {"state": state}))
    assert order(view) == [("press3", "offline")]
    assert (counts(view).gateways_online, counts(view).sensors_online, counts(view).sensors) == (0, 0, 1)


def test_sensors_behind_a_broker_out_of_reach_are_offline_until_it_is_back() -> None:
    view = connection(heard(*states("press3", {})), BROKER, False, 120.0)
    assert view.brokers == {BROKER: 120.0}
    assert connection(view, BROKER, False, 130.0) is view
    assert order(view) == [("press3", "offline")]
    assert order(connection(view, BROKER, True, 140.0)) == [("press3", "watching")]


def test_what_is_taken_back_is_forgotten() -> None:
    view = heard(*states("press3", {}), *states("press4", {}), say("gw1/press3/state", b""))
    assert order(view) == [("press4", "watching")]
    assert not heard(say("gw1/status", b""), view=view).gateways


def test_nothing_that_did_not_change_is_replaced() -> None:
    """The page goes by identity: an update of one sensor must not redraw the others."""
    before = heard(*states("press3", {}), *states("press4", {}), say("gw2/status", {"state": "online"}))
    after = heard(*states("press3", {"windows": 8}), view=before)
    assert after.gateways["gw2"] is before.gateways["gw2"]
    assert after.gateways["gw1"].sensors["press4"] is before.gateways["gw1"].sensors["press4"]


@pytest.mark.parametrize(
    "message",
    [
        Message("reedmesh", b"{}"),
        Message("reedmesh/<b>/status", b"{}"),
        say("gw1/status", b"["),
        say("gw1/status", []),
        say("gw1/status", b"[" * 10_000),
        say("gw1/info", b'{"a":' + b"1" * 10_000 + b"}"),
        say("gw1/alerts", {"alerts": {}}),
        say("gw1/alerts", b'{"alerts":[]' + b" " * 200_000 + b"}"),
        say("gw1/press3/state", b" " * 20_000 + b"{}"),
    ],
    ids=lambda message: f"{message.topic} {message.payload[:12]!r}",
)
def test_junk_is_counted_and_changes_nothing(message: Message) -> None:
    before = heard(*states("press3", {}))
    after = heard(message, view=before)
    assert after.dropped == 1
    assert after.gateways == before.gateways


def test_memory_is_bounded() -> None:
    view = heard(*(say(f"gw1/s{number}/state", {}) for number in range(MAX_SENSORS - 1)))
    view = heard(*states("press3", *({"windows": each} for each in range(MAX_SCORES + 9))), view=view)
    view = heard(say("gw2/press4/state", {}), view=view)
    assert counts(view).sensors == MAX_SENSORS
    assert len(view.gateways["gw1"].sensors["press3"].history) == MAX_SCORES
    view = heard(*(say(f"g{number}/status", {}) for number in range(MAX_GATEWAYS + 9)))
    assert len(view.gateways) == MAX_GATEWAYS
    view = heard(*(say("gw1/alert", {"id": str(number)}) for number in range(MAX_ALERTS + 9)))
    assert counts(view).alerts == MAX_ALERTS


NASTY = ["<script>alert(1)</script>", "\ud800", "\u202e", "\x00", "x" * 999, "watching", "cleared", "offline"]
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.sampled_from(NASTY), st.just(10**400)
)
KEYS = [
    *WATCHING,
    *ALERT,
    *HELLO,
    "journal",
    "at",
    "what",
    "who",
    "text",
    "contributions",
    "share",
    "hz",
    "alert",
    "alerts",
    "type",
    "progress",
    "refusal",
    "missed",
    "version",
    "family",
    "name",
]
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS) | st.text(), inner, max_size=9),
    max_leaves=20,
)
PAYLOADS = st.binary() | st.dictionaries(st.sampled_from(KEYS), VALUES).map(lambda value: json.dumps(value).encode())
LEAVES = ["gw1/status", "gw1/info", "gw1/alerts", "gw1/alert", "gw1/press3/state", "gw2/press3/state", "gw1/window"]
LEAVES += ["gw1/press3/hello", "gw1/response/alert"]
TOPICS = st.sampled_from([f"reedmesh/{leaf}" for leaf in LEAVES]) | st.text()


@given(st.lists(st.tuples(TOPICS, PAYLOADS), max_size=20))
def test_no_message_breaks_it(messages: list[tuple[str, bytes]]) -> None:
    view = heard(*(Message(topic, payload) for topic, payload in messages))
    assert counts(view).gateways <= 2
    for gateway in gateways_worst_first(view):
        shown = [gateway.status, gateway.version, gateway.family]
        for sensor, standing in worst_first(gateway, view.reachable(gateway)):
            shown += [sensor.state, sensor.model, sensor.refusal, sensor.alert or "", standing]
            chart.path(sensor.history)
            EN.number(sensor.score)
        assert all(len(text) <= MAX_TEXT and text.isprintable() for text in shown)
    for _, alert in open_alerts(view):
        assert all(len(text) <= MAX_TEXT and text.isprintable() for text in (alert.id, alert.sensor, alert.state))
        assert EN.moment(alert.since, 1e9) and EN.number(alert.excess)


def test_a_hello_is_kept_beside_the_state() -> None:
    hello = HELLO | {"measured_hz": 199.5, "rssi": -61, "safe_mode": True, "error": "OSError: \x07"}
    view = heard(*states("press3", {}), say("gw1/press3/hello", hello), *states("press3", {"windows": 8}))
    found = view.gateways["gw1"].sensors["press3"].hello
    assert found and (found.board, found.driver, found.hz, found.memory_free) == ("esp32", "lis3dh", 199.5, 30000)
    assert (found.rssi, found.starts, found.safe_mode) == (-61, 2, True) and found.error == "OSError: \ufffd"


def test_an_answer_becomes_a_story() -> None:
    share = {"feature": "band 7", "axis": 1, "hz": [7.0, 8.6], "share": 0.4}
    step = {"at": 70.0, "what": "acknowledged", "who": "Ana", "text": "on my way"}
    told = answers.details({"alert": ALERT | {"journal": [step]}, "contributions": [share, {"feature": "RMS"}, 7]})
    assert (told.alert.id, told.alert.excess) == ("press3-1", 3.0)
    assert told.journal == (answers.Step(70.0, "acknowledged", "Ana", "on my way"),)
    assert told.shares == ((answers.Feature("band 7", 1, 7.0, 8.6), 0.4), (answers.Feature("RMS", 0), 0.0))
    found = answers.scores({"threshold": 1.5, "at": [2, 1, None], "mean": [0.2, 0.1, 3], "top": [0.4, 0.3]})
    assert found == answers.Scores(((1.0, 0.1, 0.3), (2.0, 0.2, 0.4)), 1.5)
    seen = answers.picture({"features": [share, share], "now": [-3.5, 900], "normal": [True], "lifts": [4.5, None]})
    assert [row[1:] for row in seen.rows] == [(-3.5, None, None, 4.5), (None, None, None, None)]
    made = {"sequence": 2, "made": 5.0, "bytes": 900}
    assert answers.models({"in_service": 2, "models": [made]}) == (2, (answers.MadeModel(2, 5.0, 900),))


@given(st.dictionaries(st.sampled_from(KEYS), VALUES))
def test_no_answer_breaks_it(answer: dict[str, Any]) -> None:
    details = answers.details(answer)
    assert all(each.isprintable() for step in details.journal for each in (step.what, step.who, step.text))
    assert all(0 <= share <= 1 for _, share in details.shares)
    answers.scores(answer), answers.picture(answer), answers.models(answer), answers.alerts(answer)


def test_charts_have_the_threshold_in_the_middle_and_keep_every_peak() -> None:
    middle, top = chart.THRESHOLD, chart.MARGIN
    assert chart.path([(0, 1.0), (10, 1.0)]) == f"M0 {middle}L{chart.WIDTH} {middle}"
    assert chart.path([(0, 1.0), (5, 1e9), (10, 0)]) == f"M0 20L100 {top}L200 {chart.HEIGHT - top}"
    spike = [(float(time), 100.0 if time == 5001 else 1.0) for time in range(10_000)]
    assert f" {top}L" in chart.path(spike)
    assert chart.path(spike).count("L") <= chart.WIDTH
    assert chart.path([(0, 1.0)]) == chart.path([]) == ""
