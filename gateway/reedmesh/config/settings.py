"""The gateway's settings: frozen dataclasses, read from one TOML file; each default stands at its field.

A file of this folder holds the tables of one subject, with the checks that need more than one value. All are imported
from here. `reedmesh.example.toml` shows all keys (a test keeps it equal). load_config refuses a file with a line for
each fault.
"""

from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

from reedmesh.config import credentials, joined, schema
from reedmesh.config.alerts import AlertRule, Alerts, Notify, Route, notify_faults, rule_faults
from reedmesh.config.archive import Archive, archive_faults
from reedmesh.config.assistant import Assistant, assistant_faults
from reedmesh.config.broker import Broker, Serial, broker_faults, serial_faults
from reedmesh.config.checks import LANGUAGES, NAME, NO_TLS, is_loopback
from reedmesh.config.exchange import (
    FEDERATION,
    PROFILES,
    Exchange,
    Learning,
    Neighbour,
    exchange_faults,
    learning_faults,
    neighbour_faults,
)
from reedmesh.config.exporters import (
    HomeAssistant,
    Metrics,
    Modbus,
    OpcUa,
    Sparkplug,
    home_assistant_faults,
    metrics_faults,
    plc_faults,
    sparkplug_faults,
)
from reedmesh.config.firmware import Firmware, firmware_faults
from reedmesh.config.jobs import Jobs
from reedmesh.config.machines import Bearing, Machine, PartCosts, machine_faults
from reedmesh.errors import ConfigError
from reedmesh.protocol import wire

__all__ = [
    "FEDERATION",
    "LANGUAGES",
    "NO_TLS",
    "PROFILES",
    "AlertRule",
    "Alerts",
    "Archive",
    "Assistant",
    "Bearing",
    "Broker",
    "Config",
    "Exchange",
    "Firmware",
    "HomeAssistant",
    "Jobs",
    "Learning",
    "Machine",
    "Metrics",
    "Modbus",
    "Neighbour",
    "Notify",
    "OpcUa",
    "PartCosts",
    "Route",
    "Serial",
    "Sparkplug",
    "Store",
    "is_loopback",
    "load_config",
    "shown",
]


@dataclass(frozen=True)
class Store:
    """Limits of the database on disk."""

    windows: int = field(default=100_000, metadata={"min": 1000})  # newest windows kept per gateway
    megabytes: int = field(default=1000, metadata={"min": 20})  # full at this size: windows make room, alerts last
    flush_seconds: float = field(default=10.0, metadata={"min": 0.05, "max": 60.0})


@dataclass(frozen=True)
class Config:
    """All settings of a gateway."""

    name: str
    state: str  # directory of the database
    family: str = "vibration"  # a family that ships with reedmesh, or the path of a folder with a model.toml
    families: tuple[str, ...] = ()  # several of them in its place: each sensor's recipe says which is its own
    sensors: int = field(default=200, metadata={"min": 1, "max": 2000})  # most sensors that it takes data from
    broker: Broker = field(default_factory=Broker)
    alerts: Alerts = field(default_factory=Alerts)
    learning: Learning = field(default_factory=Learning)
    store: Store = field(default_factory=Store)
    metrics: Metrics = field(default_factory=Metrics)
    exchange: Exchange = field(default_factory=Exchange)
    jobs: Jobs = field(default_factory=Jobs)
    firmware: Firmware = field(default_factory=Firmware)
    home_assistant: HomeAssistant = field(default_factory=HomeAssistant)
    sparkplug: Sparkplug = field(default_factory=Sparkplug)
    opcua: OpcUa = field(default_factory=OpcUa)
    modbus: Modbus = field(default_factory=Modbus)
    notify: Notify = field(default_factory=Notify)
    archive: Archive = field(default_factory=Archive)
    assistant: Assistant = field(default_factory=Assistant)
    parts: PartCosts = field(default_factory=PartCosts)
    machines: dict[str, Machine] = field(default_factory=dict)  # by the name of their sensor
    serial: tuple[Serial, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()

    @property
    def served(self) -> tuple[str, ...]:
        """Names of the families, at least one."""
        return self.families or (self.family,)


def shown(settings: Any) -> Any:
    """The settings as JSON values, secrets as "***": any client of the broker may request them."""
    if isinstance(settings, tuple):
        return [shown(each) for each in settings]
    if not is_dataclass(settings):
        return settings
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    hidden = {each.name for each in fields(settings) if each.metadata.get("secret")}
    return {name: "***" if name in hidden and value else shown(value) for name, value in values.items()}


def load_config(path: Path) -> Config:
    """The settings in the TOML file at `path`; raises ConfigError with one line per fault, each naming file and key."""
    config = _with_secrets(_with_joined(schema.read_file(Config, path)), path)
    if faults := _faults(config):
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    return config


def _faults(config: Config) -> list[str]:
    """Contradictions between values that are each in range, one sentence each."""
    right = wire.is_name(config.name)
    return [
        *([] if right else [f'name = "{config.name}": {NAME}, it becomes part of MQTT topics']),
        *broker_faults(config.broker),
        *serial_faults(config.serial),
        *rule_faults(config.alerts),
        *notify_faults(config.notify),
        *machine_faults(config.machines),
        *exchange_faults(config.exchange, len(config.neighbours)),
        *neighbour_faults(config.name, config.neighbours, config.exchange.authority),
        *learning_faults(config.learning),
        *firmware_faults(config.firmware),
        *metrics_faults(config.metrics),
        *home_assistant_faults(config.home_assistant),
        *sparkplug_faults(config.sparkplug),
        *plc_faults(config.opcua, config.modbus),
        *archive_faults(config.archive, config.exchange),
        *assistant_faults(config.assistant),
        *(["families: each stands there once"] if len(set(config.families)) < len(config.families) else []),
    ]


def _with_joined(config: Config) -> Config:
    """The settings with the neighbours that joined by an invitation, after those of the file."""
    named = {each.name for each in config.neighbours}
    more = [each for each in joined.load(Path(config.state)) if each.name not in named]
    return replace(config, neighbours=(*config.neighbours, *more))


def _with_secrets(config: Config, path: Path) -> Config:
    """The settings with the secrets that the file leaves out, from `credentials`."""
    secret = config.exchange.secret or credentials.find("exchange", path)
    told = [replace(each, password=each.password or _password(each.name, path)) for each in config.neighbours]
    return replace(config, exchange=replace(config.exchange, secret=secret), neighbours=tuple(told))


def _password(neighbour: str, path: Path) -> str:
    return credentials.find(f"neighbour.{neighbour}", path) if wire.is_name(neighbour) else ""
