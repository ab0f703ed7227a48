"""The wires of a config: links to sensors that do not come by the broker. A new transport adds its own here."""

from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.links.combined_link import Wire

Opened = tuple[Wire, tuple[str, ...]]  # a wire, and the sensors that may publish there; (): all new ones


def wires(config: Config) -> list[Opened]:
    """Every wire of the config, not connected yet; raises ConfigError when the library of one is not installed."""
    return [*_serial(config)]


def _serial(config: Config) -> list[Opened]:
    if not config.serial:
        return []
    try:
        from reedmesh.links.serial_link import SerialLink
    except ImportError as error:
        raise ConfigError(f"[[serial]] needs pyserial: pip install 'reedmesh[serial]' ({error})") from error
    return [(SerialLink(each.port, each.baud), each.sensors) for each in config.serial]
