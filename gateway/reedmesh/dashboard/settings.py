"""The dashboard's settings: one TOML file, or options of the command line. docs/dashboard.md lists them all."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from reedmesh.config import hosts, schema
from reedmesh.config.hosts import Address
from reedmesh.dashboard.model.passwords import is_hash
from reedmesh.dashboard.model.sessions import OPERATOR, ROLES, VIEWER
from reedmesh.errors import ConfigError


@dataclass(frozen=True)
class Broker:
    """The broker of a gateway."""

    host: str = ""
    port: int = field(default=1883, metadata={"min": 1, "max": 65535})
    hosts: tuple[str, ...] = ()  # instead of host: the nodes of a cluster, each "HOST" or "HOST:PORT"
    password: str = ""  # what `reedmesh acl invite dashboard` prints on that gateway
    ca: str = ""  # file of the authority, or of the one certificate, that it must show
    plain: bool = False  # reach it without TLS: on an isolated network

    @property
    def nodes(self) -> list[Address]:
        """Where it is reached."""
        return hosts.nodes(self)


@dataclass(frozen=True)
class Account:
    """Somebody who may log in."""

    name: str
    password: str  # what `reedmesh dashboard-user` prints: a salted scrypt hash
    role: str = VIEWER  # viewer: looks; operator: acts


@dataclass(frozen=True)
class Proxy:
    """A reverse proxy before the page, which may have asked people already who they are."""

    addresses: tuple[str, ...] = ()  # it connects from; the header is believed from nowhere else
    header: str = "X-Remote-User"  # in which it gives the name, and which it removes from what browsers send
    operators: tuple[str, ...] = ()  # names of those who may act; everybody else looks
    prefix: str = ""  # path below which it has the page, such as "/reedmesh"; it may take it off or leave it


@dataclass(frozen=True)
class Settings:
    """Everything the dashboard is told."""

    brokers: tuple[Broker, ...] = ()
    host: str = "127.0.0.1"  # where browsers find the page; only this computer does by default
    port: int = field(default=8080, metadata={"min": 1, "max": 65535})
    title: str = "reedmesh"
    names: tuple[str, ...] = ()  # under which browsers may ask for it, beside addresses and this computer's own name
    certificate: str = ""  # file of the page's own certificate, for https
    private_key: str = ""  # file of that certificate's key
    session_hours: float = field(default=12.0, metadata={"min": 0.01, "max": 720.0})  # then one logs in anew
    idle_minutes: float = field(default=120.0, metadata={"min": 1.0, "max": 43200.0})  # with no page open, likewise
    anyone_may_look: bool = False  # without logging in: a screen on the wall
    accounts: tuple[Account, ...] = ()
    proxy: Proxy | None = None

    @property
    def asks_for_login(self) -> bool:
        """Whether there is anybody who can be told apart from others."""
        return bool(self.accounts or (self.proxy and self.proxy.addresses))

    @property
    def prefix(self) -> str:
        """The path below which browsers find the page; "" for none."""
        return self.proxy.prefix if self.proxy else ""


def load(path: Path) -> Settings:
    """The settings in the TOML file at `path`; raises ConfigError with one line per fault."""
    settings = schema.read_file(Settings, path)
    if faults := _contradictions(settings):
        raise ConfigError("\n".join(f"{path}: {fault}" for fault in faults))
    return settings


def _contradictions(settings: Settings) -> list[str]:
    faults = [fault for i, each in enumerate(settings.brokers) for fault in hosts.faults(f"brokers[{i}]", each)]
    if bool(settings.certificate) != bool(settings.private_key):
        faults.append("certificate and private_key: both or none")
    if not re.fullmatch("(/[A-Za-z0-9_.-]+)*", settings.prefix):
        faults.append(f'proxy.prefix = "{settings.prefix}": a path of A-Z a-z 0-9 _ . -, such as "/reedmesh"')
    names = [each.name for each in settings.accounts]
    for i, account in enumerate(settings.accounts):
        faults += _wrong(f"accounts[{i}]", account, names[:i])
    return faults


def _wrong(key: str, account: Account, others: list[str]) -> list[str]:
    faults = []
    if not 0 < len(account.name) <= 64 or not account.name.isprintable() or account.name in others:
        faults.append(f"{key}.name: 1 to 64 printable characters, of each account its own")
    if account.role not in ROLES:
        faults.append(f'{key}.role = "{account.role}": "{VIEWER}" or "{OPERATOR}"')
    if not is_hash(account.password):
        faults.append(
            f"{key}.password: what `reedmesh dashboard-user {account.name}` prints, never the password itself"
        )
    return faults
