"""Who says far too much is not listened to for a while, and costs the others nothing; whoever does not is heard."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.alerts.rate_guard import (
    BURST,
    DOOR,
    DOOR_BURST,
    FIRST,
    LONGEST,
    MOST,
    SETTLED,
    STRANGERS,
    TRIAL,
    RateGuard,
)
from reedmesh.broker import acl
from reedmesh.config.settings import AlertRule
from reedmesh.readings import subscriptions
from reedmesh.readings.line import Line
from reedmesh.readings.subscriptions import SensorSubscriptions
from tests.support.timeouts import PATIENCE

FLOOD = 10_000.0  # messages a second


def line_of(*names: str) -> Line:
    line = Line(features=5, to_learn=1000, rule=AlertRule(), limit=2000)
    for name in names:
        line.known(name)
    return line


class Site:
    """Names that speak, at a clock of the test's."""

    def __init__(self, *known: str) -> None:
        self.known = dict.fromkeys(known)
        self.rate_guard = RateGuard(self.known)
        self.now = 1000.0

    def says(self, name: str, rate: float, seconds: float) -> int:
        """How many of its messages were listened to."""
        heard = 0
        for _ in range(int(rate * seconds)):
            self.now += 1 / rate
            heard += self.rate_guard.admit(name, self.now)
        return heard

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            self.now += 1.0
            self.rate_guard.look(self.now)


@given(st.lists(st.integers(0, 60_000), max_size=400))
def test_whoever_stays_below_the_limit_is_always_heard(moments: list[int]) -> None:
    """Up to BURST at any moment, whenever they come."""
    site = Site("press")
    for moment in sorted(moments)[: int(BURST)]:
        assert site.rate_guard.admit("press", moment / 1000)
    assert not site.rate_guard.rates() and site.rate_guard.refused == 0


def test_a_flood_is_cut_off_at_once_and_the_others_are_heard() -> None:
    site = Site("press", "saw")
    heard = site.says("press", FLOOD, 1.0)
    assert BURST <= heard < BURST + MOST and site.rate_guard.refused == FLOOD - heard
    assert site.rate_guard.shut == {"press"}
    assert site.rate_guard.rates()["press"] == pytest.approx(FLOOD, rel=0.02)
    assert site.says("saw", 20, 10.0) == 200


def test_one_that_goes_on_is_tried_less_and_less_often_and_one_that_ceased_counts_as_well_again() -> None:
    site = Site("press")
    pauses = []
    site.says("press", FLOOD, 0.1)
    for _ in range(8):
        began = site.now
        while site.rate_guard.shut:
            site.wait(1)
        pauses.append(site.now - began)
        assert site.rate_guard.rates()  # on trial
        assert MOST <= site.says("press", FLOOD, 0.1) <= MOST + 2 and site.rate_guard.shut
    assert pauses == pytest.approx([min(LONGEST, FIRST * 2**i) for i in range(8)], abs=1.1)
    site.wait(LONGEST + 1)
    assert site.says("press", 20, TRIAL - 1) == 20 * (TRIAL - 1) and site.rate_guard.rates()
    site.wait(2)
    assert not site.rate_guard.rates()
    site.says("press", FLOOD, 0.1)
    site.wait(FIRST + 1)
    assert not site.rate_guard.shut  # as short as the first time


def test_many_strangers_close_the_door_to_strangers_alone() -> None:
    site = Site("press")
    heard = sum(site.says(f"x{i}", FLOOD, 1 / FLOOD) for i in range(20_000))
    assert STRANGERS + DOOR_BURST <= heard < STRANGERS + DOOR_BURST + 3 * MOST
    assert site.rate_guard.shut == {DOOR} and set(site.rate_guard.rates()) == {DOOR}
    assert site.rate_guard.admit("press", site.now)
    assert not site.rate_guard.admit("new", site.now) and not site.rate_guard.admit("x0", site.now)
    site.wait(FIRST + 1)
    assert site.rate_guard.admit("new", site.now)
    site.wait(60)
    assert len(site.rate_guard._clients) <= 2  # who is silent is forgotten


def test_one_that_is_shut_out_and_comes_in_with_the_strangers_closes_the_door() -> None:
    site = Site("press", "saw")
    site.says("press", FLOOD, SETTLED)
    assert site.rate_guard.shut == {"press"}  # what was still on its way counts for nothing
    site.says("press", FLOOD, 0.5)
    assert site.rate_guard.shut == {"press", DOOR} and site.rate_guard.admit("saw", site.now)


def test_what_is_no_name_gets_no_place_of_its_own() -> None:
    site = Site()
    for i in range(50):
        site.rate_guard.admit(f"{i}" + "x" * 40, site.now)
    assert set(site.rate_guard._clients) == {DOOR}


def test_one_that_babbled_before_a_restart_is_on_trial() -> None:
    site = Site("press")
    site.rate_guard.suspect("press", 5000.0, site.now)
    assert site.rate_guard.rates() == {"press": 5000.0} and site.rate_guard.admit("press", site.now)
    site.wait(TRIAL + 1)
    assert not site.rate_guard.rates()


def test_sensors_are_listened_to_by_name_and_strangers_may_say_hello() -> None:
    line = line_of("press", "saw")
    listening = SensorSubscriptions("gw", line, by_name=True, clock=lambda: 0.0)
    said = {f"reedmesh/gw/{name}/{leaf}" for name in ("press", "saw") for leaf in acl.SENSOR_SAYS if leaf != "hello"}
    own = {"reedmesh/gw/+/hello", "reedmesh/gw/request/+", "reedmesh/gw/beat"}
    assert listening.topics().keys() == said | own
    unanswered = {t for t in said if t.endswith(("/window", "/part"))}
    assert {topic for topic, qos in listening.topics().items() if not qos} == unanswered
    line.known("new")
    assert "reedmesh/gw/new/window" in listening.topics()


@pytest.mark.parametrize("leaf", acl.SENSOR_SAYS)
def test_a_sensor_that_floods_any_of_its_topics_is_unsubscribed_from(leaf: str) -> None:
    listening = SensorSubscriptions("gw", line_of("press", "saw"), by_name=True, clock=lambda: 5.0)
    topic = f"reedmesh/gw/press/{leaf}"
    assert sum(listening.admit(topic) for _ in range(1000)) == BURST
    assert not any("/press/" in each for each in listening.topics()) and "reedmesh/gw/saw/window" in listening.topics()


def test_a_flood_of_requests_leaves_windows_alone_and_what_the_gateway_says_itself_is_not_counted() -> None:
    listening = SensorSubscriptions("gw", line_of("press"), by_name=True, clock=lambda: 5.0)
    for topic in ("reedmesh/gw/beat", "reedmesh/gw/press/state", "reedmesh/gw/update/vibration/shard"):
        assert all(listening.admit(topic) for _ in range(1000))
    assert sum(listening.admit("reedmesh/gw/request/ack") for _ in range(1000)) == BURST
    assert "reedmesh/gw/request/+" not in listening.topics() and "reedmesh/gw/press/window" in listening.topics()


def test_with_the_door_closed_sensors_are_heard_by_name_alone() -> None:
    listening = SensorSubscriptions("gw", line_of("press"), by_name=True, clock=lambda: 5.0)
    for i in range(20_000):
        listening.admit(f"reedmesh/gw/x{i}/hello")
    topics = listening.topics()
    assert "reedmesh/gw/press/hello" in topics and "reedmesh/gw/+/hello" not in topics
    assert listening.admit("reedmesh/gw/request/status") and "reedmesh/gw/request/+" in topics


def test_where_the_broker_slows_down_all_are_heard_by_pattern() -> None:
    listening = SensorSubscriptions("gw", line_of("press"), by_name=False, clock=lambda: 5.0)
    assert sum(listening.admit("reedmesh/gw/press/window") for _ in range(1000)) == BURST
    assert set(listening.topics()) == {f"reedmesh/gw/+/{leaf}" for leaf in acl.SENSOR_SAYS} | {
        "reedmesh/gw/request/+",
        "reedmesh/gw/beat",
    }


class Followed:
    """A link that notes what it would listen to."""

    connected = True

    def __init__(self, listening: SensorSubscriptions) -> None:
        self._listening = listening
        self.topics: asyncio.Queue[set[str]] = asyncio.Queue()

    async def follow(self) -> None:
        self.topics.put_nowait(set(self._listening.topics()))


def test_the_link_follows_new_sensors_soon_and_floods_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        line = line_of("press")
        listening = SensorSubscriptions("gw", line, by_name=True)
        link = Followed(listening)
        task = asyncio.create_task(listening.run(link))  # type: ignore[arg-type]
        async with asyncio.timeout(PATIENCE):
            assert "reedmesh/gw/press/window" in await link.topics.get()
            monkeypatch.setattr(subscriptions, "LOOK", 1000.0)
            line.known("new")
            assert "reedmesh/gw/new/window" in await link.topics.get()
            for _ in range(1000):
                listening.admit("reedmesh/gw/press/window")
            assert "reedmesh/gw/press/window" not in await link.topics.get()
        task.cancel()

    asyncio.run(story())
