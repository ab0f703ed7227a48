"""Exporters show this gateway to other programs: Home Assistant, Sparkplug B, OPC UA, Modbus.

An exporter is one file of this folder. Its settings are the table of that name in the config, a dataclass with a
property `wanted`; its `run(config, line)` is the work, on a link of its own, so that none holds up what people are
called for.
"""

from functools import partial
from importlib import import_module

from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.readings.line import Line
from reedmesh.supervisor import Work

NAMES = ("home_assistant", "sparkplug", "opcua", "modbus")


def exporters(config: Config, line: Line) -> dict[str, Work]:
    """The work of those that the settings want, by name; raises ConfigError when a library is missing."""
    return {name: _work(name, config, line) for name in NAMES if getattr(config, name).wanted}


def _work(name: str, config: Config, line: Line) -> Work:
    try:
        work: Work = partial(import_module(f"reedmesh.outputs.{name}").run, config, line)
    except ImportError as error:
        raise ConfigError(f"[{name}] needs {error.name}: pip install 'reedmesh[{name}]' ({error})") from error
    return work
