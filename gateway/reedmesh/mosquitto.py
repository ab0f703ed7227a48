"""`reedmesh acl`: the files by which mosquitto keeps our rules: configuration, access list, passwords. Pure.

The loopback is for the gateway and what runs beside it. Others come over TLS; without it only if `broker.plain` says
that the network is isolated.
"""

import base64
import secrets
from collections.abc import Mapping
from hashlib import pbkdf2_hmac
from pathlib import Path

from reedmesh import access
from reedmesh.config import Broker

ROUNDS = 1000  # of PBKDF2: a password has 256 random bits, more would only cost the broker time
SETTINGS = """\
per_listener_settings false
allow_anonymous false
set_tcp_nodelay true
max_queued_messages 10000
max_queued_bytes 16777216
max_inflight_messages 100
message_size_limit 131072
max_keepalive 3600
"""


def files(gateway: str, broker: Broker, passwords: Mapping[str, str], folder: Path, pki: Path) -> dict[str, str]:
    """Name -> text of each file, to lie in `folder`; `pki` is where the broker's certificate is."""
    return {
        "mosquitto.conf": configuration(broker, folder, pki),
        "acl": acl(gateway, passwords),
        "passwords": "".join(f"{user}:{hashed(password)}\n" for user, password in passwords.items()),
    }


def configuration(broker: Broker, folder: Path, pki: Path) -> str:
    """mosquitto.conf: who may connect where."""
    inside = [f"listener {broker.port}" + ("" if broker.plain else " 127.0.0.1")]
    outside = [f"listener {broker.tls_port}", f"certfile {pki / 'server.crt'}", f"keyfile {pki / 'server.key'}"]
    outside += ["tls_version tlsv1.2"]  # or newer: a sensor's mbedTLS speaks 1.2
    lists = [f"password_file {folder / 'passwords'}", f"acl_file {folder / 'acl'}"]
    return SETTINGS + "\n".join([*lists, *inside, *(outside if broker.tls_port else [])]) + "\n"


def acl(gateway: str, users: Mapping[str, str]) -> str:
    """The access list: all that is not in it is forbidden."""
    parts = []
    for user in users:
        lines = [f"topic {rule.access} {rule.topic}" for rule in access.rules(gateway, user)]
        parts.append("\n".join([f"user {user}", *lines]) + "\n")
    return "\n".join(parts)


def hashed(password: str) -> str:
    """A password as mosquitto 2 keeps it: $7$<rounds>$<salt>$<PBKDF2-HMAC-SHA512>."""
    salt = secrets.token_bytes(12)
    digest = pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
