"""Settings of the exporters: where other programs see the sensors of this gateway."""

import re
from dataclasses import dataclass, field

from reedmesh.config import hosts
from reedmesh.config.checks import SECRET, is_loopback

NO_USERS = 'Modbus knows no users: set "plain" = true on a network nobody else is on'


@dataclass(frozen=True)
class Metrics:
    """Figures for Prometheus, and the health of the gateway, by HTTP."""

    listen: str = ""  # HOST:PORT of /metrics, /health and /ready, such as 127.0.0.1:9464; not set: not served


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
    hosts: tuple[str, ...] = ()  # instead of host: the nodes of its cluster
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


def metrics_faults(metrics: Metrics) -> list[str]:
    """Contradictions in `[metrics]`, one sentence each."""
    good = re.fullmatch(r"(\S+:[0-9]{1,5})?", metrics.listen)
    return [] if good else [f'metrics.listen = "{metrics.listen}": HOST:PORT, such as "127.0.0.1:9464"']


def home_assistant_faults(wanted: HomeAssistant) -> list[str]:
    """Contradictions in `[home_assistant]`, one sentence each."""
    good = re.fullmatch("[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", wanted.prefix)
    return [] if good else [f'home_assistant.prefix = "{wanted.prefix}": a topic of A-Z a-z 0-9 _ -']


def sparkplug_faults(wanted: Sparkplug) -> list[str]:
    """Contradictions in `[sparkplug]`, one sentence each."""
    faults = []
    if not re.fullmatch("[A-Za-z0-9_ -]{0,64}", wanted.group):
        faults.append(f'sparkplug.group = "{wanted.group}": at most 64 of A-Z a-z 0-9 _ - and space')
    if wanted.host or wanted.hosts:
        faults += hosts.faults("sparkplug", wanted)
    return faults


def plc_faults(opcua: OpcUa, modbus: Modbus) -> list[str]:
    """Contradictions in `[opcua]` and `[modbus]`, one sentence each."""
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
