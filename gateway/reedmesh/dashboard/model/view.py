"""The view of the dashboard: frozen values, with the order and the numbers that follow from them. No I/O.

A view is made of one `Gateway` per gateway and one `Sensor` per sensor. Values are replaced, never changed, so that a
page sees by identity what it need not draw again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from reedmesh.alerts.alert import ACKNOWLEDGED, ANOMALY, CLEARED
from reedmesh.readings.sensor import DEPLOYING, LEARNING, WATCHING

ALERT, OFFLINE = "alert", "offline"
WORST_FIRST = (ALERT, OFFLINE, DEPLOYING, LEARNING, WATCHING)

K = TypeVar("K")
V = TypeVar("V")


def nothing() -> Mapping[K, V]:
    """An empty mapping nobody can add to."""
    return MappingProxyType({})


@dataclass(frozen=True)
class Hello:
    """The hello of a sensor. memory: bytes of its heap; hz: readings a second.

    rssi: dBm of its Wi-Fi, None where it has none or does not tell. error: the last one nobody foresaw.
    """

    board: str = ""
    firmware: str = ""
    micropython: str = ""
    driver: str = ""
    hz: float = 0.0
    memory_free: int = 0
    memory_used: int = 0
    starts: int = 0
    safe_mode: bool = False
    rssi: int | None = None
    error: str = ""
    relapse: str = ""


@dataclass(frozen=True)
class Sensor:
    """One sensor as its gateway last described it. Scores are squared standard deviations per feature.

    progress: of learning, 0..1. model: key of the model that judges it, hexadecimal. refusal: why it did not take its
    last model. moved: units from how its machine was commissioned, when that is too far to be learnt on. still: whether
    its machine stands still, and is not judged. sequence: the model's number. update: what its firmware update is at.
    shelved_until: seconds since 1970.
    history: (seconds since 1970, score as a multiple of the threshold of its time) as they arrived, oldest first.
    """

    name: str
    state: str = ""
    online: bool = False
    alert: str | None = None
    progress: float | None = None
    score: float | None = None
    threshold: float | None = None
    model: str = ""
    refusal: str = ""
    windows: int = 0
    missed: int = 0
    lost: int = 0
    disagreements: int = 0
    history: tuple[tuple[float, float], ...] = ()
    sequence: int = 0
    update: str = ""
    shelved_until: float | None = None
    hello: Hello | None = None
    moved: float | None = None
    recording: str = ""  # label of what is recorded of it
    recording_until: float | None = None
    still: bool = False


@dataclass(frozen=True)
class Alert:
    """An alert. Times are seconds since 1970; excess: the highest score so far as a multiple of the threshold.

    priority: 1 (act now) to 3. by: who acknowledged it. verdict: "" or "not a fault". flood: id of the one it came in.
    """

    id: str
    sensor: str
    state: str
    since: float
    excess: float | None
    kind: str = ANOMALY
    priority: int = 3
    until: float | None = None
    threshold: float | None = None
    by: str = ""
    verdict: str = ""
    shelved_until: float | None = None
    flood: str = ""
    worst: float = 0.0
    limit: float = 0.0
    unit: str = ""
    cause: str = ""
    lesson: str = ""
    calls: bool = False  # whether people are called for it: its gateway's list says so

    @property
    def acknowledged(self) -> bool:
        """Whether somebody has taken it on."""
        return self.state == ACKNOWLEDGED

    @property
    def over(self) -> bool:
        """Whether the condition has passed."""
        return self.state == CLEARED


@dataclass(frozen=True)
class Gateway:
    """One gateway, its open alerts by id and its sensors by name. broker: where it was last heard.

    neighbours: whose updates it takes.
    """

    name: str
    broker: str = ""
    status: str = ""
    version: str = ""
    family: str = ""
    neighbours: tuple[str, ...] = ()
    alerts: Mapping[str, Alert] = field(default_factory=nothing)
    sensors: Mapping[str, Sensor] = field(default_factory=nothing)


@dataclass(frozen=True)
class View:
    """Everything heard so far. brokers: since when each is out of reach, None while it is connected."""

    gateways: Mapping[str, Gateway] = field(default_factory=nothing)
    brokers: Mapping[str, float | None] = field(default_factory=nothing)
    dropped: int = 0  # messages that were not what their topic promises

    def reachable(self, gateway: Gateway) -> bool:
        """Whether what we know of `gateway` is what it says now."""
        return gateway.status not in ("offline", "stopped") and self.brokers.get(gateway.broker) is None

    @property
    def line(self) -> list[Gateway]:
        """The gateways of this line: those that told of themselves, and not only that they are up.

        Names without anything behind them are those that gateways use among themselves.
        """
        return [each for each in self.gateways.values() if each.version or each.sensors or each.alerts]


@dataclass(frozen=True)
class Counts:
    """The line in numbers."""

    gateways: int
    gateways_online: int
    sensors: int
    sensors_online: int
    alerts: int


def counts(view: View) -> Counts:
    """Count what a shift leader asks for first."""
    gateways = view.line
    reachable = [gateway for gateway in gateways if view.reachable(gateway)]
    return Counts(
        gateways=len(gateways),
        gateways_online=len(reachable),
        sensors=sum(len(gateway.sensors) for gateway in gateways),
        sensors_online=sum(sensor.online for gateway in reachable for sensor in gateway.sensors.values()),
        alerts=sum(len(gateway.alerts) for gateway in gateways),
    )


def worst_first(gateway: Gateway, reachable: bool) -> list[tuple[Sensor, str]]:
    """The sensors of a gateway with their standings, those that need a person first, then by name."""
    alarmed = {alert.sensor for alert in gateway.alerts.values()}
    pairs = [(each, standing(each, reachable, each.name in alarmed)) for each in gateway.sensors.values()]
    return sorted(pairs, key=lambda pair: (_rank(pair[1]), pair[0].name))


def standing(sensor: Sensor, reachable: bool, alarmed: bool) -> str:
    """One word for a sensor: alert, offline, or the state its gateway gives it."""
    if alarmed or sensor.alert is not None:
        return ALERT
    return sensor.state if reachable and sensor.online else OFFLINE


def gateways_worst_first(view: View) -> list[Gateway]:
    """Gateways with alerts nobody has taken on first, then with any, then those out of reach, then by name."""
    return sorted(view.line, key=lambda each: (_calm(each), view.reachable(each), each.name))


def open_alerts(view: View) -> list[tuple[Gateway, Alert]]:
    """Every open alert with its gateway: those nobody has taken on first, then the shelved, the newest on top."""
    pairs = [(gateway, alert) for gateway in view.line for alert in gateway.alerts.values()]
    return sorted(pairs, key=lambda pair: (_taken_on(pair[1]), -pair[1].since, pair[0].name, pair[1].id))


def _taken_on(alert: Alert) -> int:
    """0: nobody has taken it on, 1: somebody has, 2: nobody is called for it."""
    return 2 if alert.shelved_until else int(alert.acknowledged)


def _rank(word: str) -> int:
    return WORST_FIRST.index(word) if word in WORST_FIRST else WORST_FIRST.index(DEPLOYING)


def _calm(gateway: Gateway) -> int:
    """0: an alert nobody has taken on, 1: all are taken on, 2: none is open."""
    return min((min(1, _taken_on(alert)) for alert in gateway.alerts.values()), default=2)
