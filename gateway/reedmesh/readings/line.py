"""All sensors of one gateway, by name."""

from collections.abc import Mapping

from reedmesh.alerts.debounce import Watcher
from reedmesh.alerts.presence import Presence
from reedmesh.config.settings import AlertRule
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings.sensor import CALLED, Sensor

RESERVED = ("request", "response", "update")  # second parts of topics that are the gateway's own


class Line:
    """All sensors of one gateway, by name; at most `limit`, so that made-up names cannot fill the memory."""

    def __init__(self, features: int, to_learn: int, rule: AlertRule, limit: int, called: int = CALLED) -> None:
        self.sensors: dict[str, Sensor] = {}
        self.revoked: frozenset[str] = frozenset()  # names that are not heard
        self.babbling: Mapping[
            str, float
        ] = {}  # messages a second of those who say far too much, see alerts/rate_guard.py
        self.forgotten: set[str] = set()  # names whose retained topics are still to be taken back
        self._features = features
        self._to_learn = to_learn
        self._rule = rule
        self._called = called
        self._limit = limit

    def sensor(self, name: str) -> Sensor:
        """The sensor of that name, new if it was never heard of; raises WireError when revoked or too many."""
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
            sensor = Sensor(name, watcher, presence, self._to_learn, called=self._called)
            watcher.pace = lambda: sensor.pace
            self.sensors[name] = sensor
        return self.sensors[name]

    def forget(self, sensor: Sensor) -> None:
        """Expect the sensor no more."""
        self.sensors.pop(sensor.name, None)
        self.forgotten.add(sensor.name)

    def admit(self, window: Window, name: str) -> None:
        """Raise WireError when `window` cannot be judged by this gateway's family, or is no part of that station."""
        sensor = self.sensors.get(name)
        wanted = sensor.station.recipe.length if sensor and sensor.station else self._features
        if len(window.features) != wanted:
            raise WireError(f"window of {len(window.features)} features, this gateway's family has {wanted}")
