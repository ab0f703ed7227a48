"""All sensors of one gateway, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from reedmesh.alerts.debounce import Watcher
from reedmesh.alerts.presence import Presence
from reedmesh.config.settings import AlertRule
from reedmesh.learning import gate
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings.sensor import CALLED, Sensor
from reedmesh.readings.standstill import Standstill

if TYPE_CHECKING:  # the web page uses this package without LiteRT
    from reedmesh.inference.family import Family

RESERVED = ("request", "response", "update")  # second parts of topics that are the gateway's own


@dataclass(frozen=True)
class Kind:
    """How the sensors of a family are judged: windows it takes to learn one, and the rule of its alerts."""

    family: "Family"
    to_learn: int
    rule: AlertRule


class Line:
    """All sensors of one gateway, by name; at most `limit`, so that made-up names cannot fill the memory.

    features, to_learn, rule: of sensors that said no recipe yet; 0 features: their windows are refused until they do.
    kind_of: how the sensor with this hello is judged, None for one of no family that is served; served: their names.
    """

    def __init__(
        self,
        features: int,
        to_learn: int,
        rule: AlertRule,
        limit: int,
        called: int = CALLED,
        kind_of: Callable[[Mapping[str, Any]], Kind | None] | None = None,
        served: str = "",
    ) -> None:
        self.sensors: dict[str, Sensor] = {}
        self.revoked: frozenset[str] = frozenset()  # names whose messages are ignored
        self.babbling: Mapping[str, float] = {}  # messages a second of blocked senders, see alerts/rate_guard.py
        self.forgotten: set[str] = set()  # names whose retained topics are still to be taken back
        self._features = features
        self._to_learn = to_learn
        self._rule = rule
        self._called = called
        self._limit = limit
        self._kind_of = kind_of
        self._served = served

    def sensor(self, name: str) -> Sensor:
        """The sensor of that name, a new one if it is unknown; raises WireError when revoked or too many."""
        if name in self.revoked:
            raise WireError(f"sensor {name} was revoked: `reedmesh sensor-key {name}` lets it in again, with a new key")
        if name not in self.sensors:
            if name in RESERVED:
                raise WireError(f"sensor {name}: the name is taken, topics of the gateway's own begin with it")
            if len(self.sensors) >= self._limit:
                raise WireError(f"sensor {name} is one more than the {self._limit} of `sensors` in the config")
        return self.known(name)

    def known(self, name: str) -> Sensor:
        """The sensor of that name, which the store remembers: the limit is for new ones."""
        if name not in self.sensors:
            watcher, presence = Watcher(name, self._rule), Presence(name, self._rule.silent)
            sensor = Sensor(name, watcher, presence, self._to_learn, called=self._called, length=self._features)
            sensor.still = Standstill(self._rule.standstill, self._rule.settle)  # until its hello says its family
            watcher.pace = lambda: sensor.pace
            self.sensors[name] = sensor
        return self.sensors[name]

    def forget(self, sensor: Sensor) -> None:
        """Stop expecting the sensor."""
        self.sensors.pop(sensor.name, None)
        self.forgotten.add(sensor.name)

    def assign(self, sensor: Sensor) -> None:
        """Judge the sensor by the family that the recipe in its hello belongs to, or refuse it where none does."""
        if self._kind_of is None:
            return
        kind = self._kind_of(sensor.hello)
        sensor.unserved = "" if kind else f"{_shown(sensor.hello.get('features'))}; this gateway serves {self._served}"
        if kind is None:
            sensor.length = 0
            return
        if sensor.family and sensor.family.id != kind.family.id:
            sensor.begin_anew()
        sensor.family, sensor.length, sensor.to_learn = kind.family, kind.family.recipe.length, kind.to_learn
        sensor.watcher.follow(kind.rule)
        sensor.still.follow(gate.below(kind.family.recipe, kind.rule.standstill), kind.rule.settle)

    def admit(self, window: Window, name: str) -> None:
        """Raise WireError when `window` cannot be judged by its sensor's family, or is no part of that station."""
        sensor = self.sensors.get(name)
        if sensor and sensor.unserved:
            raise WireError(f"window of a sensor with {sensor.unserved}")
        wanted = sensor.length if sensor else self._features
        wanted = sensor.station.recipe.length if sensor and sensor.station else wanted
        if not wanted:
            raise WireError(f"window before the hello that says its recipe; this gateway serves {self._served}")
        if len(window.features) != wanted:
            raise WireError(f"window of {len(window.features)} features, this gateway's family has {wanted}")


def _shown(table: object) -> str:
    """A recipe that nobody here knows, in a few words."""
    return f"recipe {table!r:.120}" if table else "no recipe"
