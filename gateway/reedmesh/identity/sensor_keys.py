"""Keys of sensors: with its own, a gateway seals the models it offers each, and a sensor that has one takes no other.

A key is 32 random bytes in the file `sensors/<name>` of the gateway's state directory, and 64 hexadecimal digits as
"key" in the sensor's config.json. Who steals a sensor can forge offers to that sensor alone.
"""

from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.identity import keystore
from reedmesh.protocol import wire

REVOKED = ".revoked"  # an empty file of this name says so; no sensor's name has a dot


class SensorKeys:
    """The keys in the state directory `folder`; files that appear are seen at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "sensors"

    def of(self, sensor: str) -> bytes | None:
        """The key of a sensor; None if it has none. Raises ConfigError for a damaged or readable file."""
        path = self._folder / sensor
        return keystore.secret(path) if path.exists() else None

    def made_for(self, sensor: str) -> bytes:
        """The key of a sensor, made if it has none, also if it was revoked; raises ConfigError for what is no name."""
        made = keystore.secret(self._folder / _named(sensor))
        atomic_file.remove(self._folder / f"{sensor}{REVOKED}")
        return made

    def revoke(self, sensor: str) -> None:
        """Have the sensor heard no more, and its key forgotten; raises ConfigError for what is no name."""
        atomic_file.write(self._folder / f"{_named(sensor)}{REVOKED}", b"")
        atomic_file.remove(self._folder / sensor)

    def revoked(self) -> frozenset[str]:
        """Names of the sensors that were revoked."""
        return frozenset(path.name.removesuffix(REVOKED) for path in self._folder.glob(f"*{REVOKED}"))

    def names(self) -> list[str]:
        """Sensors that have a key."""
        return sorted(path.name for path in self._folder.glob("*") if wire.is_name(path.name))


def _named(sensor: str) -> str:
    if not wire.is_name(sensor):
        raise ConfigError(f"{sensor!r} is no name of a sensor: 1 to 32 of a-z 0-9 _ -")
    return sensor
