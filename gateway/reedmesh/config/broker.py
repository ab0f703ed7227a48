"""Settings of the broker and of serial lines: where sensors publish."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from reedmesh.config import hosts
from reedmesh.config.hosts import Address

LOOPBACK = "127.0.0.1"
CLUSTERS = ("", "nats", "rabbitmq")


@dataclass(frozen=True)
class Broker:
    """Where this gateway's sensors publish."""

    embedded: bool = False  # run a broker inside the gateway: demo and tests; a factory runs mosquitto
    host: str = LOOPBACK
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    hosts: tuple[str, ...] = ()  # instead of host: the nodes of a cluster, each "HOST" or "HOST:PORT"
    cluster: str = ""  # its software: "nats" or "rabbitmq"; not set: one broker
    keepalive: int = field(default=15, metadata={"min": 5, "max": 3600})  # seconds
    ca: str = ""  # file of the authority, or of the one certificate, that it must show; not set: no TLS
    tls_port: int | None = field(default=None, metadata={"min": 1, "max": 65535})  # where it serves others by TLS
    psk_port: int | None = field(default=None, metadata={"min": 1, "max": 65535})  # where sensors come by TLS-PSK
    plain: bool = False  # serve others without TLS as well: on an isolated network
    anonymous: bool = False  # everybody may publish everything: for benchmarks

    @property
    def nodes(self) -> list[Address]:
        """The addresses of the broker, at least one."""
        return hosts.nodes(self)


@dataclass(frozen=True)
class Serial:
    """A serial port with sensors on it: RS-485, or one on a UART."""

    port: str  # such as /dev/ttyUSB0, or better its name in /dev/serial/by-id
    baud: int = field(default=115200, metadata={"min": 1200, "max": 4_000_000})
    tagged: bool = False  # only what is tagged with its sensor's key is heard; what once was tagged must go on to be
    sensors: tuple[str, ...] = ()  # names that may publish there, and nowhere else; none: all that are not on MQTT


def broker_faults(broker: Broker) -> list[str]:
    """Contradictions in `[broker]`, one sentence each."""
    faults = list(hosts.faults("broker", broker, LOOPBACK))
    if broker.cluster not in CLUSTERS:
        faults.append(f'broker.cluster = "{broker.cluster}": "nats" or "rabbitmq"')
    if broker.embedded and (broker.cluster or broker.hosts):
        faults.append("broker.embedded: it is one broker in this process; hosts and cluster are for other brokers")
    if broker.psk_port and broker.cluster:
        faults.append(f"broker.psk_port: {broker.cluster} has no TLS-PSK, mosquitto has")
    if broker.psk_port and broker.embedded:
        faults.append("broker.psk_port: the embedded broker has no TLS-PSK, mosquitto has")
    return faults


def serial_faults(lines: Sequence[Serial]) -> list[str]:
    """Ports that `[[serial]]` names twice, one sentence each."""
    ports = [each.port for each in lines]
    twice = [i for i, port in enumerate(ports) if port in ports[:i]]
    return [f'serial[{i}].port = "{ports[i]}": a port is opened once, and it stands there twice' for i in twice]
