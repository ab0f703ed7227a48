"""`reedmesh broker cluster` and `acl write --for nats | rabbitmq`: the files of a broker cluster."""

import argparse
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.broker import nats, rabbitmq
from reedmesh.broker.accounts import Users
from reedmesh.config import hosts
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates

PORT, TLS_PORT = 1883, 8883
FOLDER = "/etc/reedmesh-nats"  # on each node


def add(commands: Any, default: Path) -> None:
    """The arguments of `reedmesh broker`."""
    verbs = commands.add_parser("broker", help="broker clusters").add_subparsers(required=True, metavar="VERB")
    made = verbs.add_parser("cluster", help="write the configuration of a NATS cluster, a folder for each node")
    made.add_argument("nodes", nargs="+", help="HOST, HOST:PORT or HOST:PORT:ROUTE_PORT of 3 or 5 nodes")
    made.add_argument("--out", type=Path, default=Path("nats"), help="folder to write into; default nats")
    made.add_argument("--folder", default=FOLDER, help=f"where a node has its files; {{}}: its host; default {FOLDER}")
    made.add_argument("--ca", type=Path, help="folder of the site's authority: TLS for clients and between nodes")
    made.add_argument("--users", type=Path, help="a users.conf that exists; default: the users of this gateway")
    made.add_argument("--config", type=Path, default=default, help=f"default {default}")
    made.set_defaults(run=_cluster)


def write_users(settings: Config, software: str, others: list[Path], out: Path | None) -> None:
    """Write users.conf, or users.sh for RabbitMQ, and say where; raises ConfigError."""
    users = Users(settings)
    passwords = users.passwords()
    if software == "rabbitmq":
        name, text = "users.sh", rabbitmq.script(settings.name, passwords, users.prefix)
    else:
        files = [nats.users(settings.name, passwords, users.prefix), *(_read(each) for each in others)]
        name, text = nats.USERS, nats.users_file(nats.merged(files))
    folder = (out or Path(settings.state) / software).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    atomic_file.write(folder / name, text.encode(), 0o600)
    print(folder / name)
    print("now: sh users.sh on a node" if software == "rabbitmq" else "now: on each node; nats-server --signal reload")


def _read(path: Path) -> dict[str, Any]:
    try:
        return nats.read_users(path.read_text())
    except (OSError, ConfigError) as fault:
        raise ConfigError(f"{path}: {fault}") from fault


def _cluster(chosen: argparse.Namespace) -> None:
    nodes = [_node(each, TLS_PORT if chosen.ca else PORT) for each in chosen.nodes]
    if len(nodes) not in (3, 5) or len(set(nodes)) < len(nodes):
        raise ConfigError(f"{len(nodes)} nodes: 3 or 5 different ones, so that a majority is left when one fails")
    users = _read(chosen.users) if chosen.users else _users(load_config(chosen.config))
    for number, node in enumerate(nodes):
        folder = chosen.out / f"{node.host}-{node.port}".replace(":", "-")
        folder.mkdir(parents=True, exist_ok=True)
        text = nats.server(nodes, number, chosen.folder.format(folder.name), bool(chosen.ca))
        atomic_file.write(folder / "nats.conf", text.encode(), 0o640)
        atomic_file.write(folder / nats.USERS, nats.users_file(users).encode(), 0o600)
        if chosen.ca:
            certificates.issue(folder, [node.host], chosen.ca, certificates.DAYS)
            atomic_file.write(folder / "ca.crt", (chosen.ca / "ca.crt").read_bytes(), 0o644)
        print(f"{folder}: copy it to {chosen.folder} on {node.host}; then nats-server -c {chosen.folder}/nats.conf")
    known = [f"{each.host}:{each.port}" for each in nodes]
    print(f'in reedmesh.toml: [broker] cluster = "nats", hosts = {known}')


def _users(settings: Config) -> dict[str, Any]:
    users = Users(settings)
    return nats.users(settings.name, users.passwords(), users.prefix)


def _node(text: str, port: int) -> nats.Node:
    """Return the node in HOST, HOST:PORT or HOST:PORT:ROUTE_PORT; raises ConfigError."""
    place, route = (text, str(nats.ROUTE_PORT)) if text.count(":") < 2 else text.rsplit(":", 1)
    try:
        address = hosts.read(place, port)
        return nats.Node(address.host, address.port, hosts.read(f"x:{route}", 1).port)
    except ValueError as fault:
        raise ConfigError(f"node {fault}") from fault
