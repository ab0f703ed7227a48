"""Users of a gateway's broker with their passwords, none of which anybody has to think up: all are derived.

A sensor's follows from its device key, so that the sensor can derive it too; those of gateways and dashboards from a
secret of this gateway, `broker` in its state directory, and are told to them once: `reedmesh acl invite`. Who is
revoked has none, and a neighbour that is trusted with a new key after that has another one.
"""

import hmac
from pathlib import Path

from reedmesh.broker import acl
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.identity import keys, keystore
from reedmesh.identity.invitations import Invitations
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.protocol import wire

PURPOSE = b"reedmesh mqtt password"  # firmware/node.py derives the same
PSK_PURPOSE = b"reedmesh tls psk"  # likewise


def sensor_password(key: bytes) -> str:
    """The password of the sensor that has the device key `key`: 64 hexadecimal digits."""
    return hmac.digest(key, PURPOSE, "sha256").hex()


def sensor_psk(key: bytes) -> str:
    """The pre-shared key by which the sensor with this device key comes in by TLS-PSK: 64 hexadecimal digits."""
    return hmac.digest(key, PSK_PURPOSE, "sha256").hex()


def derived(state: Path, user: str) -> str:
    """The password of a user that is no sensor, from the secret in the state directory, which is made if need be."""
    return hmac.digest(keystore.secret(state / "broker"), user.encode(), "sha256").hex()


class Users:
    """The users who may log in at the broker of the gateway of `config`, now."""

    def __init__(self, config: Config) -> None:
        self.gateway = config.name
        self.prefix = config.home_assistant.prefix
        self._state = Path(config.state)
        self._sensors = SensorKeys(self._state)
        self._trust = Trust(self._state, keys.pinned(config.neighbours))
        self._expected = {each.name for each in config.neighbours if not each.key}  # an authority gives their keys
        self._invitations = Invitations(self._state)

    def passwords(self) -> dict[str, str]:
        """Every user with its password; raises ConfigError for a damaged or readable key."""
        names = [acl.gateway_user(self.gateway), *acl.PROGRAMS]
        names += [acl.gateway_user(name) for name in sorted({*self._trust.names(), *self._expected})]
        names += [acl.sensor_user(name) for name in self._sensors.names()]
        names += [f"{acl.INVITED}.{each}" for each in self._invitations.ids()]
        found = {name: self.password(name) for name in names}
        return {name: password for name, password in found.items() if password}

    def psks(self) -> dict[str, str]:
        """Every sensor's user with its pre-shared key; raises ConfigError as `passwords` does."""
        found = {name: self._sensors.of(name) for name in self._sensors.names()}
        return {acl.sensor_user(name): sensor_psk(key) for name, key in found.items() if key}

    def password(self, user: str) -> str | None:
        """The password of `user`; None if it may not log in."""
        role, _, name = user.partition(".")
        if role == "sensor" and wire.is_name(name):
            key = self._sensors.of(name)
            return sensor_password(key) if key else None
        if role == acl.INVITED:
            invitation = self._invitations.find(name)
            return invitation.password if invitation else None
        if user in (acl.gateway_user(self.gateway), *acl.PROGRAMS):
            return derived(self._state, user)
        if role != "gateway" or not (self._trust.of(name) or self._is_expected(name)):
            return None
        return self.of_neighbour(name)

    def of_neighbour(self, name: str) -> str:
        """The password of a neighbour that is trusted, or is about to be."""
        user, before = acl.gateway_user(name), self._trust.revocations(name)
        return derived(self._state, f"{user} {before}" if before else user)

    def _is_expected(self, name: str) -> bool:
        """Whether a neighbour may still show its first credential."""
        return name in self._expected and not self._trust.revocations(name)

    def admits(self, user: str, password: str) -> bool:
        """Whether that is the user's password; takes as long for every wrong one."""
        try:
            known = self.password(user) or ""
        except ConfigError:
            known = ""
        return hmac.compare_digest(known.encode(), password.encode()) and bool(known)

    def may(self, user: str, act: str, topic: str) -> bool:
        """Whether `user` may read or write `topic`."""
        return acl.may(self.gateway, user, act, topic, self.prefix)
