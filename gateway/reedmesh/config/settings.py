"""The gateway's settings: frozen dataclasses, read from one TOML file, each default in its one place here.

`reedmesh.example.toml` shows them all (a test keeps it equal to this file). A wrong file is refused as a whole, with a
line for each fault.
"""

import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from reedmesh.config import credentials, schema
from reedmesh.errors import ConfigError
from reedmesh.protocol import wire

FEDERATION = "reedmesh"  # of gateways that were told no other name
SECRET = {"secret": True}  # metadata of what is shown to nobody


@dataclass(frozen=True)
class Broker:
    """Where this gateway's sensors publish."""

    embedded: bool = False  # run a broker inside the gateway: demo and tests; a factory runs mosquitto
    host: str = "127.0.0.1"
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    keepalive: int = field(default=15, metadata={"min": 5, "max": 3600})  # seconds
    ca: str = ""  # file of the authority, or of the one certificate, that it must show; not set: no TLS
    tls_port: int | None = field(default=None, metadata={"min": 1, "max": 65535})  # where it serves others by TLS
    psk_port: int | None = field(default=None, metadata={"min": 1, "max": 65535})  # where sensors come by TLS-PSK
    plain: bool = False  # serve others without TLS as well: on an isolated network
    anonymous: bool = False  # let everybody say everything: a bench


@dataclass(frozen=True)
class AlertRule:
    """When a run of scores becomes an alert, and when that ends. A family's model.toml may have one of its own.

    calm: seconds that it must be calm besides; None: as many as `off`, so that `off` counts windows and seconds.
    """

    on: int = field(default=7, metadata={"min": 1, "max": 64})  # windows above the threshold ...
    of: int = field(default=16, metadata={"min": 1, "max": 64})  # ... among the last so many raise an alert
    off: int = field(default=30, metadata={"min": 1, "max": 3600})  # windows, and seconds, below it clear the alert
    deadband: float = field(default=0.1, metadata={"min": 0.0, "max": 0.9})  # below means below by this fraction
    silent: float = field(default=60.0, metadata={"min": 0.0, "max": 86400.0})  # seconds, or 3 windows; 0: never told
    off_seconds: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})

    @property
    def calm(self) -> float:
        """Seconds that it must be calm for an alert to end."""
        return float(self.off) if self.off_seconds is None else self.off_seconds


@dataclass(frozen=True)
class Alerts:
    """What the operator sets of the rule; the rest is the family's."""

    on: int | None = field(default=None, metadata={"min": 1, "max": 64})
    of: int | None = field(default=None, metadata={"min": 1, "max": 64})
    off: int | None = field(default=None, metadata={"min": 1, "max": 3600})
    deadband: float | None = field(default=None, metadata={"min": 0.0, "max": 0.9})
    silent: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})
    off_seconds: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})

    def over(self, family: AlertRule) -> AlertRule:
        """The rule of a family with what is set here in its place."""
        return replace(family, **{name: value for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class Learning:
    """How a machine is learnt, first and on; what is not set here is the family's to say."""

    windows: int | None = field(default=None, metadata={"min": 20, "max": 20000})  # normal windows to learn from
    fresh: int = field(default=3600, metadata={"min": 10})  # normal windows of a sensor that are worth another round
    profile: str = "full"  # of what changed, how much is told: all, 25 % or 10 %
    patience: float = field(default=60.0, metadata={"min": 1.0, "max": 3600.0})  # seconds a round waits at most
    audited: bool = False  # learn each model twice, and put none into service whose receipt is doubtful


@dataclass(frozen=True)
class Store:
    """What is kept on disk."""

    windows: int = field(default=100_000, metadata={"min": 1000})  # newest windows kept per gateway
    megabytes: int = field(default=1000, metadata={"min": 20})  # full at this size: windows make room, alerts last
    flush_seconds: float = field(default=10.0, metadata={"min": 0.05, "max": 60.0})


@dataclass(frozen=True)
class Metrics:
    """Figures for Prometheus, and whether all is well; not served unless it is said where."""

    listen: str = ""  # HOST:PORT of /metrics, /health and /ready, such as 127.0.0.1:9464


@dataclass(frozen=True)
class Serial:
    """A serial port with sensors on it: RS-485, or one on a UART."""

    port: str  # such as /dev/ttyUSB0, or better what stands for it in /dev/serial/by-id
    baud: int = field(default=115200, metadata={"min": 1200, "max": 4_000_000})
    sensors: tuple[str, ...] = ()  # names that may speak there, and nowhere else; none: all that are not on MQTT


@dataclass(frozen=True)
class Exchange:
    """With the neighbours; the same on all gateways that learn from each other."""

    federation: str = FEDERATION  # its name: what is signed for one counts in no other
    silent_days: float = field(default=7.0, metadata={"min": 0.0, "max": 365.0})  # of a neighbour: an alert; 0: never
    secret: str = field(default="", metadata=SECRET)  # 64 digits of `reedmesh keys secret`; set: updates are sealed


@dataclass(frozen=True)
class Neighbour:
    """A gateway whose updates we take, read from its broker."""

    name: str
    host: str
    key: str  # its public key, 64 hexadecimal digits: what `reedmesh keys show` says there
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    password: str = field(default="", metadata=SECRET)  # what `reedmesh acl invite` says there of us
    ca: str = ""  # file of the authority, or of the one certificate, that its broker must show
    plain: bool = False  # reach it without TLS: on an isolated network


@dataclass(frozen=True)
class HomeAssistant:
    """Whether sensors appear in a Home Assistant that listens to our broker."""

    enabled: bool = True
    prefix: str = "homeassistant"  # of discovery topics, as its MQTT integration has it

    @property
    def wanted(self) -> bool:
        """Whether this exporter runs."""
        return self.enabled


@dataclass(frozen=True)
class Sparkplug:
    """Whether the gateway is an edge node of Sparkplug B, and on which broker."""

    group: str = ""  # its group; not set: it is none
    host: str = ""  # of the broker of the SCADA system; not set: our own
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    user: str = ""
    password: str = field(default="", metadata=SECRET)
    ca: str = ""  # file of the authority, or of the one certificate, that it must show
    plain: bool = False  # reach it without TLS: on an isolated network

    @property
    def wanted(self) -> bool:
        """Whether this exporter runs."""
        return bool(self.group)


@dataclass(frozen=True)
class OpcUa:
    """Whether stations that judge parts are shown by OPC UA; needs reedmesh[opcua]."""

    listen: str = ""  # such as "opc.tcp://0.0.0.0:4840"; not set: there is none
    certificate: str = ""  # file of its certificate, PEM or DER
    key: str = ""  # file of the private key, which only the gateway may read
    trusted: str = ""  # folder of the clients' certificates, or of their authority; no others are let in

    @property
    def wanted(self) -> bool:
        """Whether this exporter runs."""
        return bool(self.listen)


@dataclass(frozen=True)
class Modbus:
    """Whether stations that judge parts are shown by Modbus TCP; needs reedmesh[modbus]."""

    listen: str = ""  # such as "192.168.1.10:502"; not set: there is none
    stations: tuple[str, ...] = ()  # names of sensors: devices 1, 2 ...
    plain: bool = False  # it knows no users: beyond this machine only on a network nobody else is on

    @property
    def wanted(self) -> bool:
        """Whether this exporter runs."""
        return bool(self.listen)


@dataclass(frozen=True)
class Route:
    """Whom to call besides, for some sensors or at some hours."""

    urls: tuple[str, ...] = field(metadata=SECRET)  # Apprise's
    priority: int = field(default=2, metadata={"min": 1, "max": 3})  # the lowest that it is called for
    sensors: tuple[str, ...] = ("*",)  # names, with * and ? as in a shell
    hours: str = ""  # "HH:MM-HH:MM", local time, may pass midnight; not set: at all hours


@dataclass(frozen=True)
class Notify:
    """Whom to call for alerts, when an open one that nobody acknowledged first reaches the priority."""

    urls: tuple[str, ...] = field(default=(), metadata=SECRET)  # Apprise's; not set: nobody
    priority: int = field(default=2, metadata={"min": 1, "max": 3})  # the lowest that people are called for
    seconds: float = field(default=60.0, metadata={"min": 1.0, "max": 86400.0})  # from a call to the next, at least
    again: float = field(default=60.0, metadata={"min": 0.0, "max": 10080.0})  # minutes to the next call; 0: never
    second: tuple[str, ...] = field(default=(), metadata=SECRET)  # Apprise's, of the second contact ...
    escalate: float = field(default=30.0, metadata={"min": 1.0, "max": 10080.0})  # ... called so many minutes later
    quiet: str = ""  # "HH:MM-HH:MM", local time: only alerts of priority 1 call, the others when it is over
    language: str = "en"  # of the text: en, pt, fr, de, es
    route: tuple[Route, ...] = ()


@dataclass(frozen=True)
class Assistant:
    """Questions in plain language. Without `url` and `model` tables of phrases understand them alone."""

    language: str = "en"  # of answers to questions that do not show theirs: en, pt, fr, de, es
    shifts: tuple[str, ...] = ("06:00", "14:00", "22:00")  # when they begin, in the gateway's local time
    url: str = ""  # of a server with OpenAI's API, such as "http://127.0.0.1:8080/v1": chooses what no table knows
    name: str = ""  # of the model that the server is asked for
    ca: str = ""  # file of the authority that an https server must show; not set: the system's
    model: str = ""  # path of a .gguf file instead of a server; needs reedmesh[assistant]
    sha256: str = ""  # of that file, 64 digits; set: no other is loaded
    memory: int = field(default=2048, metadata={"min": 128, "max": 65536})  # MB that its process may use
    seconds: float = field(default=30.0, metadata={"min": 0.1, "max": 600.0})  # that an answer may take


@dataclass(frozen=True)
class Bearing:
    """A rolling bearing, by its geometry: its frequencies are marked on the spectrum."""

    balls: int = field(metadata={"min": 3, "max": 200})
    ball_mm: float = field(metadata={"min": 0.1, "max": 1000.0})  # diameter of a ball or roller
    pitch_mm: float = field(metadata={"min": 0.2, "max": 10_000.0})  # diameter of the circle of their centres
    angle_deg: float = field(default=0.0, metadata={"min": 0.0, "max": 80.0})  # of contact
    name: str = ""  # such as 6205


@dataclass(frozen=True)
class Machine:
    """What the machine of one sensor is, for the maintenance view."""

    iso_class: str = ""  # I (to 15 kW), II (to 75 kW), III (large, rigid foundation), IV (large, soft); ISO 10816-1
    rpm: float | None = field(default=None, metadata={"min": 1.0, "max": 200_000.0})  # speed of the shaft
    lsb_per_g: float | None = field(default=None, metadata={"min": 1e-3, "max": 1e8})  # not set: the sensor's own
    bearings: tuple[Bearing, ...] = ()


@dataclass(frozen=True)
class PartCosts:
    """What wrong verdicts on parts cost, in any currency: thresholds follow from it once faults are labelled."""

    escape_cost: float = field(default=100.0, metadata={"min": 0.001, "max": 1e9})  # of a NOK part that passes
    overkill_cost: float = field(default=1.0, metadata={"min": 0.001, "max": 1e9})  # of an OK part that does not
    nok_share: float = field(default=0.02, metadata={"min": 1e-6, "max": 0.9})  # of the parts that are NOK, about


@dataclass(frozen=True)
class Config:
    """Everything a gateway is told."""

    name: str
    state: str  # directory of the database
    family: str = "vibration"  # a family that ships with reedmesh, or the path of a folder with a model.toml
    sensors: int = field(default=200, metadata={"min": 1, "max": 2000})  # most sensors it will listen to
    broker: Broker = Broker()
    alerts: Alerts = Alerts()
    learning: Learning = Learning()
    store: Store = Store()
    metrics: Metrics = Metrics()
    exchange: Exchange = Exchange()
    home_assistant: HomeAssistant = HomeAssistant()
    sparkplug: Sparkplug = Sparkplug()
    opcua: OpcUa = OpcUa()
    modbus: Modbus = Modbus()
    notify: Notify = Notify()
    assistant: Assistant = Assistant()
    parts: PartCosts = PartCosts()
    machines: dict[str, Machine] = field(default_factory=dict)  # by the name of their sensor
    serial: tuple[Serial, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()


LANGUAGES = ("en", "pt", "fr", "de", "es")  # of calls and answers; the first serves everybody else
ISO_CLASSES = ("", "I", "II", "III", "IV")
PROFILES = ("full", "narrow25", "narrow10")  # of `delta.py`
NO_USERS = 'Modbus knows no users: set "plain" = true on a network nobody else is on'
NO_TLS = 'reached without TLS: set "ca", or "plain" = true on a network nobody else is on'


def is_loopback(host: str) -> bool:
    """Whether what is said to `host` stays on this machine."""
    return host in ("localhost", "::1") or host.startswith("127.")


def shown(settings: Any) -> Any:
    """The settings as JSON says them, without what is secret: any client of the broker may ask for them."""
    if isinstance(settings, tuple):
        return [shown(each) for each in settings]
    if not is_dataclass(settings):
        return settings
    told = {each.name: getattr(settings, each.name) for each in fields(settings)}
    hidden = {each.name for each in fields(settings) if each.metadata.get("secret")}
    return {name: "***" if name in hidden and value else shown(value) for name, value in told.items()}


def load_config(path: Path) -> Config:
    """The settings in the TOML file at `path`; raises ConfigError with one line per fault, each naming file and key."""
    config = _with_secrets(schema.read_file(Config, path), path)
    faults = [*_contradictions(config), *_contradictory_learning(config.learning), *_unreadable(config.metrics)]
    faults += _contradictory_assistant(config.assistant)
    if faults:
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    return config


def _with_secrets(config: Config, path: Path) -> Config:
    """Secrets that the file leaves out, from `credentials`."""
    secret = config.exchange.secret or credentials.find("exchange", path)
    told = [replace(each, password=each.password or _password(each.name, path)) for each in config.neighbours]
    return replace(config, exchange=replace(config.exchange, secret=secret), neighbours=tuple(told))


def _password(neighbour: str, path: Path) -> str:
    return credentials.find(f"neighbour.{neighbour}", path) if wire.is_name(neighbour) else ""


def _contradictions(config: Config) -> list[str]:
    faults = []
    if not wire.is_name(config.name):
        faults.append(f'name = "{config.name}": 1 to 32 of a-z 0-9 _ -, it becomes part of MQTT topics')
    if not wire.is_name(config.exchange.federation):
        faults.append(f'exchange.federation = "{config.exchange.federation}": 1 to 32 of a-z 0-9 _ -')
    if not re.fullmatch("([0-9a-f]{64})?", config.exchange.secret):
        faults.append("exchange.secret: 64 of 0-9 a-f, as `reedmesh keys secret` prints them")
    if (rule := config.alerts.over(AlertRule())).on > rule.of:
        faults.append(f"alerts.on = {rule.on} windows cannot be above the threshold among {rule.of}")
    faults += _contradictory_notify(config.notify)
    faults += _contradictory_machines(config.machines)
    if not config.broker.ca and not config.broker.plain and not is_loopback(config.broker.host):
        faults.append(f'broker.host = "{config.broker.host}": {NO_TLS}')
    if not re.fullmatch("[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", config.home_assistant.prefix):
        faults.append(f'home_assistant.prefix = "{config.home_assistant.prefix}": a topic of A-Z a-z 0-9 _ -')
    if config.broker.psk_port and config.broker.embedded:
        faults.append("broker.psk_port: the embedded broker has no TLS-PSK, mosquitto has")
    faults += _contradictory_sparkplug(config.sparkplug)
    faults += _contradictory_floor(config.opcua, config.modbus)
    ports = [each.port for each in config.serial]
    for i, port in enumerate(ports):
        if port in ports[:i]:
            faults.append(f'serial[{i}].port = "{port}": a port is opened once, and it stands there twice')
    return faults + _contradictory_neighbours(config)


def _contradictory_floor(opcua: OpcUa, modbus: Modbus) -> list[str]:
    """Of OPC UA and Modbus."""
    faults = [
        f"opcua.{key} must be set: every session is signed and encrypted"
        for key in ("certificate", "key", "trusted")
        if opcua.listen and not getattr(opcua, key)
    ]
    if modbus.listen:
        host, _, port = modbus.listen.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 65536:
            faults.append(f'modbus.listen = "{modbus.listen}": host:port, such as "127.0.0.1:502"')
        elif not modbus.plain and not is_loopback(host):
            faults.append(f'modbus.listen = "{modbus.listen}": {NO_USERS}')
        if not 0 < len(modbus.stations) <= 247:
            faults.append("modbus.stations: names of 1 to 247 sensors")
    return faults


def _contradictory_notify(notify: Notify) -> list[str]:
    spans = {
        "notify.quiet": notify.quiet,
        **{f"notify.route[{i}].hours": it.hours for i, it in enumerate(notify.route)},
    }
    form = "([01][0-9]|2[0-3]):[0-5][0-9]"
    wrong = [f'{key} = "{span}": HH:MM-HH:MM, such as "22:00-06:00"' for key, span in spans.items()
             if span and not re.fullmatch(f"{form}-{form}", span)]  # fmt: skip
    if notify.language not in LANGUAGES:
        wrong.append(f'notify.language = "{notify.language}": one of {", ".join(LANGUAGES)}')
    return wrong


def _contradictory_machines(machines: dict[str, Machine]) -> list[str]:
    faults = []
    for name, machine in machines.items():
        if machine.iso_class not in ISO_CLASSES:
            faults.append(f'machines.{name}.iso_class = "{machine.iso_class}": one of I, II, III, IV')
        for i, each in enumerate(machine.bearings):
            if each.ball_mm >= each.pitch_mm:
                faults.append(f"machines.{name}.bearings[{i}].ball_mm: less than pitch_mm, {each.pitch_mm:g}")
    return faults


def _contradictory_sparkplug(wanted: Sparkplug) -> list[str]:
    faults = []
    if not re.fullmatch("[A-Za-z0-9_ -]{0,64}", wanted.group):
        faults.append(f'sparkplug.group = "{wanted.group}": at most 64 of A-Z a-z 0-9 _ - and space')
    if wanted.host and not wanted.ca and not wanted.plain and not is_loopback(wanted.host):
        faults.append(f'sparkplug.host = "{wanted.host}": {NO_TLS}')
    return faults


def _contradictory_neighbours(config: Config) -> list[str]:
    faults, names = [], [config.name]
    for i, neighbour in enumerate(config.neighbours):
        if not wire.is_name(neighbour.name) or neighbour.name in names:
            faults.append(f'neighbours[{i}].name = "{neighbour.name}": 1 to 32 of a-z 0-9 _ -, of each gateway its own')
        names.append(neighbour.name)
        if not neighbour.ca and not neighbour.plain and not is_loopback(neighbour.host):
            faults.append(f'neighbours[{i}].host = "{neighbour.host}": {NO_TLS}')
        if not re.fullmatch("[0-9a-f]{64}", neighbour.key):
            faults.append(
                f'neighbours[{i}].key: 64 of 0-9 a-f, as `reedmesh keys show` prints it on "{neighbour.name}"'
            )
    return faults


def _contradictory_learning(learning: Learning) -> list[str]:
    known = learning.profile in PROFILES
    return [] if known else [f'learning.profile = "{learning.profile}": one of {", ".join(PROFILES)}']


def _contradictory_assistant(wanted: Assistant) -> list[str]:
    faults, place = [], urlsplit(wanted.url)
    if wanted.language not in LANGUAGES:
        faults.append(f'assistant.language = "{wanted.language}": one of {", ".join(LANGUAGES)}')
    if not wanted.shifts or not all(re.fullmatch("([01][0-9]|2[0-3]):[0-5][0-9]", each) for each in wanted.shifts):
        faults.append('assistant.shifts: one or more times such as "06:00"')
    if wanted.url and wanted.model:
        faults.append("assistant.url and assistant.model: one of them chooses, not both")
    if wanted.url and (place.scheme not in ("http", "https") or not place.hostname):
        faults.append(f'assistant.url = "{wanted.url}": http://HOST:PORT/v1 or https://HOST/v1')
    elif place.scheme == "http" and not is_loopback(place.hostname or ""):
        faults.append(f'assistant.url = "{wanted.url}": questions leave this machine only by https')
    if not re.fullmatch("([0-9a-f]{64})?", wanted.sha256):
        faults.append("assistant.sha256: 64 of 0-9 a-f, as `sha256sum` prints them")
    return faults


def _unreadable(metrics: Metrics) -> list[str]:
    good = re.fullmatch(r"(\S+:[0-9]{1,5})?", metrics.listen)
    return [] if good else [f'metrics.listen = "{metrics.listen}": HOST:PORT, such as "127.0.0.1:9464"']
