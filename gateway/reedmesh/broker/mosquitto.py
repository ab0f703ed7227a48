"""`reedmesh acl`: the files by which mosquitto keeps our rules: configuration, access list, passwords.

The loopback is for the gateway and what runs beside it. Others come over TLS; without it only if `broker.plain` says
that the network is isolated.
"""

import base64
import secrets
from collections.abc import Mapping
from hashlib import pbkdf2_hmac
from pathlib import Path

from reedmesh.broker import acl as access
from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Broker

ROUNDS = 1000  # of PBKDF2: a password has 256 random bits, more would only cost the broker time
TLS = "tls_version tlsv1.2"  # or newer: a sensor's mbedTLS speaks 1.2
SETTINGS = """\
per_listener_settings false
allow_anonymous false
set_tcp_nodelay true
max_queued_messages 10000
max_queued_bytes 16777216
max_inflight_messages 100
message_size_limit 131072
max_packet_size 196608
max_keepalive 3600
"""


def files(broker: Broker, users: Users, folder: Path, pki: Path) -> dict[str, str]:
    """Name -> text of each file, to lie in `folder`; `pki` is where the broker's certificate is."""
    passwords = users.passwords()
    return {
        "mosquitto.conf": configuration(broker, folder, pki),
        "acl": acl(users.gateway, passwords, users.prefix),
        "passwords": "".join(f"{user}:{hashed(password)}\n" for user, password in passwords.items()),
        "psk": "".join(f"{user}:{key}\n" for user, key in users.psks().items()),
    }


def configuration(broker: Broker, folder: Path, pki: Path) -> str:
    """mosquitto.conf: who may connect where."""
    lines = [f"password_file {folder / 'passwords'}", f"acl_file {folder / 'acl'}"]
    lines += [f"listener {broker.port}" + ("" if broker.plain else " 127.0.0.1")]
    if broker.tls_port:
        lines += [f"listener {broker.tls_port}", TLS, f"certfile {pki / 'server.crt'}", f"keyfile {pki / 'server.key'}"]
    if broker.psk_port:
        lines.insert(0, f"psk_file {folder / 'psk'}")
        lines += [f"listener {broker.psk_port}", TLS, "psk_hint reedmesh", "use_identity_as_username true"]
        lines += ["use_username_as_clientid true"]  # so that no sensor pushes another off by calling itself like it
    return SETTINGS + "\n".join(lines) + "\n"


def acl(gateway: str, users: Mapping[str, str], prefix: str = access.DISCOVERY) -> str:
    """The access list: all that is not in it is forbidden."""
    parts = []
    for user in users:
        lines = [f"topic {rule.access} {rule.topic}" for rule in access.rules(gateway, user, prefix)]
        parts.append("\n".join([f"user {user}", *lines]) + "\n")
    return "\n".join(parts)


def hashed(password: str) -> str:
    """A password as mosquitto 2 keeps it: $7$<rounds>$<salt>$<PBKDF2-HMAC-SHA512>."""
    salt = secrets.token_bytes(12)
    digest = pbkdf2_hmac("sha512", password.encode(), salt, ROUNDS)
    return f"$7${ROUNDS}${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
