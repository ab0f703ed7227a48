"""How a new sensor reaches this gateway's broker, from the gateway's own settings: address, port, certificate."""

import argparse
import socket
from pathlib import Path

from reedmesh.broker import authority
from reedmesh.config.settings import Config, is_loopback
from reedmesh.errors import ConfigError

ELSEWHERE = ("192.0.2.1", 9)  # of RFC 5737's example net: nothing is sent there, the route tells our own address


def complete(chosen: argparse.Namespace, settings: Config) -> None:
    """Fill in what `sensor_settings.settings` needs and the operator did not say; raises ConfigError with a remedy."""
    chosen.gateway, chosen.family = settings.name, settings.family
    if chosen.uart is not None:
        return
    broker = settings.broker
    if broker.hosts:  # a cluster, which serves sensors as it serves us
        chosen.host, chosen.plain = chosen.host or ",".join(broker.hosts), chosen.plain or not (chosen.ca or broker.ca)
        chosen.ca, chosen.broker_port = chosen.ca or (Path(broker.ca) if broker.ca else None), broker.port
        return
    chosen.host = chosen.host or (own_address() if is_loopback(broker.host) else broker.host)
    if chosen.ca or chosen.psk or chosen.plain:
        chosen.broker_port = chosen.broker_port or (None if chosen.ca or chosen.psk else broker.port)
    elif broker.tls_port:
        chosen.ca, chosen.broker_port = authority.path(settings), chosen.broker_port or broker.tls_port
    elif broker.psk_port:
        chosen.psk, chosen.broker_port = True, chosen.broker_port or broker.psk_port
    elif broker.plain or broker.anonymous:
        chosen.plain, chosen.broker_port = True, chosen.broker_port or broker.port
    else:
        remedy = f'`reedmesh pki issue --host {chosen.host}`, then "tls_port = 8883" in [broker]'
        raise ConfigError(f"the broker serves this machine alone: {remedy}")


def own_address() -> str:
    """The address by which this machine reaches others; raises ConfigError where it has no network."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ELSEWHERE)
            return str(probe.getsockname()[0])
        except OSError as error:
            raise ConfigError(f"this machine has no network ({error.strerror}): say --host ADDRESS") from error
