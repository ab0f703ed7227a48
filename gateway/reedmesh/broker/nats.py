"""`reedmesh acl write --for nats` and `reedmesh broker cluster`: NATS servers that keep our access rules. Pure.

NATS maps MQTT topics to subjects: levels are separated by dots, `+` is `*` and `#` is `>`. Retained messages and QoS 1
need JetStream, which replicates its streams over the nodes. Reference: docs.nats.io, "MQTT" and "Authorization".

NATS grants a subscription whole or not at all, where mosquitto grants it and filters what passes. So the dashboard,
which subscribes to `reedmesh/+/...`, may read all gateways of its cluster.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reedmesh.broker import acl
from reedmesh.errors import ConfigError
from reedmesh.protocol.wire import BASE

QOS1_IN = "$MQTT.sub.>"  # what the server delivers to a subscription at QoS 1 on
USERS = "users.conf"
ROUTE_PORT = 6222
MOST_PAYLOAD = 131_072  # bytes: as mosquitto's message_size_limit


@dataclass(frozen=True)
class Node:
    """A server of the cluster. host: of MQTT clients and of the other nodes."""

    host: str
    port: int  # of MQTT
    route_port: int = ROUTE_PORT


def users(gateway: str, passwords: Mapping[str, str], prefix: str = acl.DISCOVERY) -> dict[str, Any]:
    """Return the users of a gateway with their permissions, by name, as the file `users.conf` has them."""
    return {name: _user(gateway, name, password, prefix) for name, password in passwords.items()}


def _user(gateway: str, name: str, password: str, prefix: str) -> dict[str, Any]:
    rules = acl.rules(gateway, name, prefix)
    said = [each.topic for each in rules if each.access == acl.WRITE]
    heard = [each.topic for each in rules if each.access == acl.READ]
    heard += [f"{BASE}/#"] if name == acl.DASHBOARD else []
    permissions = {
        "publish": {"allow": list(_subjects(said))},
        "subscribe": {"allow": [*_subjects(heard), QOS1_IN]},
    }
    return {"user": name, "password": password, "permissions": permissions}


def subject(topic: str) -> str:
    """Return the NATS subject of a topic or filter; raises ConfigError for a topic that none can be made of.

    >>> subject("reedmesh/hall1/+/window"), subject("reedmesh/hall1/#"), subject("spBv1.0/#")
    ('reedmesh.hall1.*.window', 'reedmesh.hall1.>', 'spBv1//0.>')
    """
    if any(c.isspace() for c in topic):
        raise ConfigError(f"{topic!r}: NATS has no subject for a topic with spaces")
    levels = topic.split("/")
    return ".".join({"+": "*", "#": ">"}.get(level, level.replace(".", "//")) for level in levels)


def _subjects(topics: Iterable[str]) -> Iterable[str]:
    for topic in topics:
        yield subject(topic)
        if topic.endswith("/#"):
            yield subject(topic[:-2])  # which `#` matches as well (MQTT 3.1.1, 4.7.1.2), and `>` does not


def merged(files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the users of several gateways on one cluster; raises ConfigError for a user with two passwords.

    Gateways of one cluster have the same file `broker` in their state directories, so that a gateway, or the dashboard,
    has one password there, whichever gateway's list it stands in. Then its permissions are those of all lists.
    """
    found: dict[str, Any] = {}
    for user in [each for file in files for each in file.values()]:
        before = found.get(user["user"], user)
        if before["password"] != user["password"]:
            raise ConfigError(
                f"{user['user']}: two gateways of this cluster have a user of that name with different passwords; "
                "rename the sensor, or copy the file `broker` of one state directory to the other"
            )
        found[user["user"]] = user | {"permissions": _both(before["permissions"], user["permissions"])}
    return found


def _both(one: Mapping[str, Any], two: Mapping[str, Any]) -> dict[str, Any]:
    return {
        act: {"allow": list(dict.fromkeys([*one[act]["allow"], *two[act]["allow"]]))}
        for act in ("publish", "subscribe")
    }


def users_file(found: Mapping[str, Any]) -> str:
    """Return the text of users.conf: JSON, which NATS reads."""
    return json.dumps({"authorization": {"users": list(found.values())}}, indent=1) + "\n"


def read_users(text: str) -> dict[str, Any]:
    """Return the users in a users.conf; raises ConfigError."""
    try:
        return {each["user"]: each for each in json.loads(text)["authorization"]["users"]}
    except (ValueError, KeyError, TypeError) as fault:
        raise ConfigError(f"no users.conf of `reedmesh acl write --for nats`: {fault}") from fault


def server(nodes: Sequence[Node], number: int, folder: str, tls: bool) -> str:
    """Return the configuration of node `number` of `nodes`. folder: where its files are on that machine; tls: for all.

    Three nodes keep everything when one fails. Streams have as many replicas as there are nodes, at most 5.
    """
    own = nodes[number]
    others = [each for i, each in enumerate(nodes) if i != number]
    replicas = min(5, len(nodes) if len(nodes) % 2 else len(nodes) - 1)
    certificate = f'tls {{ cert_file: "{folder}/server.crt", key_file: "{folder}/server.key" }}'
    peers = f'tls {{ cert_file: "{folder}/server.crt", key_file: "{folder}/server.key", ca_file: "{folder}/ca.crt" }}'
    lines = [
        f'server_name: "{_name(own)}"',
        "listen: 127.0.0.1:-1  # NATS' own protocol: nobody uses it",
        f"max_payload: {MOST_PAYLOAD}",
        f'jetstream {{ store_dir: "{folder}/jetstream" }}',
        "cluster {",
        '  name: "reedmesh"',
        f'  listen: "{_address(own.host, own.route_port)}"',
        "  routes: [" + ", ".join(f'"nats-route://{_address(each.host, each.route_port)}"' for each in others) + "]",
        *([f"  {peers}"] if tls else []),
        "}",
        "mqtt {",
        f'  listen: "{_address(own.host, own.port)}"',
        f"  stream_replicas: {replicas}",
        "  consumer_replicas: 1  # a clean session outlives nothing, so its queues need no copies",
        "  consumer_memory_storage: true",
        *([f"  {certificate}"] if tls else []),
        "}",
        f"include {USERS}",
    ]
    return "\n".join(lines) + "\n"


def _name(node: Node) -> str:
    return f"{node.host}-{node.port}".replace(".", "-").replace(":", "-")


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
