"""The request `join`: a gateway that holds an invitation becomes a neighbour. The token seals all it says.

    {"invitation": "16 digits", "sealed": base64}      sealed: name, key, host, port, password, ca (PEM, "" without TLS)
    {"sealed": base64}                                 sealed: password, ca

An invitation ends with its first use, so a request that is heard twice does nothing the second time. The request
`invitation` hands an open one to the dashboard.
"""

import asyncio
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cryptography import x509

from reedmesh.broker import authority
from reedmesh.broker.accounts import Users, derived
from reedmesh.broker.acl import DASHBOARD
from reedmesh.config import joined
from reedmesh.config.settings import Config, Neighbour
from reedmesh.errors import RefusedError
from reedmesh.identity.invitation import sealed_by, token
from reedmesh.identity.invitations import Invitations
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError
from reedmesh.service.requests.arguments import Arguments
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

A_MINUTE = 10  # attempts, of everybody together
PAUSE = 2.0  # seconds in which the answer goes out, before the gateway begins anew with its new neighbour
MOST_CERTIFICATE = 1800  # characters
UNKNOWN = "no such invitation: it was used, its time is over, or another gateway made it; `reedmesh invite` makes one"


class Joining:
    """Of the gateway of `config`; begin_anew: has it read its settings again."""

    def __init__(
        self, config: Config, begin_anew: Callable[[], None], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._config = config
        self._begin_anew = begin_anew
        self._steady = steady
        self._invitations = Invitations(Path(config.state))
        self._bucket = TokenBucket(A_MINUTE / 60, A_MINUTE)

    async def join(self, given: Arguments) -> dict[str, Any]:
        """{invitation, sealed}: the answer, sealed; raises RefusedError."""
        if not self._bucket.spend(self._steady()):
            raise RefusedError(f"more than {A_MINUTE} attempts a minute: wait a minute")
        number = given.some_text("invitation", 16)
        if not (invitation := self._invitations.find(number)):
            raise RefusedError(UNKNOWN)
        try:
            told = Arguments(invitation.opened("request", given.some_text("sealed", 4000)))
        except WireError as error:
            self._invitations.failed(number)
            log.warning("invitation %s: %s", number, error)
            raise RefusedError(f"invitation: {error}") from error
        neighbour, certificate = self._neighbour(told)
        self._invitations.end(number)
        joined.save(Path(self._config.state), neighbour, certificate)
        log.warning("%s joined by invitation %s, from %s", neighbour.name, number, neighbour.host)
        asyncio.get_running_loop().call_later(PAUSE, self._begin_anew)
        answer = {"password": Users(self._config).of_neighbour(neighbour.name), "ca": authority.pem(self._config)}
        return {"sealed": invitation.seal("answer", answer)}

    async def pending(self, given: Arguments) -> dict[str, Any]:
        """{by}: the invitation that was made last and is open, sealed for the dashboard and nobody else; or nothing."""
        given.who()
        found = [each for number in self._invitations.ids() if (each := self._invitations.find(number))]
        if not found:
            return {}
        newest = max(found, key=lambda each: each.until)
        key = derived(Path(self._config.state), DASHBOARD)
        return {"sealed": sealed_by(key, token(newest)), "until": newest.until}

    def _neighbour(self, told: Arguments) -> tuple[Neighbour, str]:
        """Who joins, and its certificate; raises RefusedError for what cannot be."""
        name, key, host = told.some_text("name", 32), told.some_text("key", 64), told.some_text("host", 253)
        if not wire.is_name(name) or name == self._config.name:
            raise RefusedError(f"name: {name!r} is ours, or no name of a gateway")
        if not re.fullmatch("[0-9a-f]{64}", key) or not re.fullmatch(r"[A-Za-z0-9.:_-]+", host):
            raise RefusedError("key or host: no public key, or no address")
        if any(each.name == name and each.key != key for each in self._config.neighbours):
            raise RefusedError(f"{name}: is a neighbour with another key; `reedmesh leave {name}` ends that first")
        certificate = told.lines("ca", MOST_CERTIFICATE)
        _check(certificate)
        port = int(told.number("port", 1, 65535))
        password = told.text("password", 64)
        if not re.fullmatch("[0-9a-f]{64}", password):
            raise RefusedError("password: 64 of 0-9 a-f")
        return Neighbour(name, host, key, port, password=password, plain=not certificate), certificate


def _check(certificate: str) -> None:
    try:
        if certificate:
            x509.load_pem_x509_certificate(certificate.encode())
    except ValueError as error:
        raise RefusedError("ca: no certificate in PEM") from error
