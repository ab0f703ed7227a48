"""The wires of a config: links to sensors that do not come by the broker. A new transport adds its own here."""

from collections.abc import Callable

from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.links.combined_link import Wire

KeyOf = Callable[[str], bytes | None]
Opened = tuple[Wire, tuple[str, ...]]  # a wire, and the sensors that may publish there; (): all new ones


def wires(config: Config, key_of: KeyOf) -> list[Opened]:
    """Every wire of the config, not connected yet; raises ConfigError when the library of one is not installed.

    key_of: a sensor's key, by which it is known that it says what comes in its name; None: it has none.
    """
    return [*_serial(config, key_of)]


def _serial(config: Config, key_of: KeyOf) -> list[Opened]:
    if not config.serial:
        return []
    try:
        from reedmesh.links.serial_link import SerialLink, Tags
    except ImportError as error:
        raise ConfigError(f"[[serial]] needs pyserial: pip install 'reedmesh[serial]' ({error})") from error
    return [(SerialLink(each.port, each.baud, Tags(key_of, each.tagged)), each.sensors) for each in config.serial]
