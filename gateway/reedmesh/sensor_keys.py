"""Keys of sensors: with its own, a gateway seals the models it offers each, and a sensor that has one takes no other.

A key is 32 random bytes in the file `sensors/<name>` of the gateway's state directory, and 64 hexadecimal digits as
"key" in the sensor's config.json. Who steals a sensor can forge offers to that sensor alone.
"""

from pathlib import Path

from reedmesh import keys, wire
from reedmesh.errors import ConfigError


class SensorKeys:
    """The keys in the state directory `folder`; files that appear are seen at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sensors"

    def of(self, sensor: str) -> bytes | None:
        """The key of a sensor; None if it has none. Raises ConfigError for a damaged or readable file."""
        path = self._folder / sensor
        return keys.secret(path) if path.exists() else None

    def made_for(self, sensor: str) -> bytes:
        """The key of a sensor, made if it has none; raises ConfigError, also for what is no name."""
        if not wire.is_name(sensor):
            raise ConfigError(f"{sensor!r} is no name of a sensor: 1 to 32 of a-z 0-9 _ -")
        return keys.secret(self._folder / sensor)
