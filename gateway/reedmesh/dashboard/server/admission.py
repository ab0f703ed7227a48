"""The origin of a request, and whether it is allowed: host names, origins, sessions, the proxy. Pure.

NiceGUI takes a WebSocket from any page of any site (its Socket.IO server has cors_allowed_origins="*"), so that is
checked here: a browser says in Origin which site a page is of, and it must be ours.
"""

import socket
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from reedmesh.config.checks import is_loopback
from reedmesh.dashboard.model.sessions import OPERATOR, VIEWER, Sessions, Tries, User
from reedmesh.dashboard.settings import Settings

COOKIE = "reedmesh-session"
NOBODY = User("", VIEWER)
HERE = User("this computer", OPERATOR)  # whoever sits at it: without accounts, what only listens here asks no one


class Admission:
    """Of one dashboard. clock: seconds, for sessions."""

    def __init__(self, settings: Settings, clock: Callable[[], float]) -> None:
        self.settings = settings
        self.sessions = Sessions(3600 * settings.session_hours, 60 * settings.idle_minutes)
        self.tries = Tries()
        self.clock = clock
        own = socket.gethostname().lower()
        self._names = {"localhost", own, f"{own}.local", *(name.lower() for name in settings.names)}

    def host_is_ours(self, host: str) -> bool:
        """Whether a browser may ask for that name: else any site could point its own name here (DNS rebinding)."""
        name = _host(host)
        return name in self._names or _is_address(name)

    def origin_is_ours(self, origin: str, host: str) -> bool:
        """Whether a page of `origin` (scheme, host, port) is one of ours, which was asked for as `host`."""
        scheme, _, place = origin.partition("://")
        try:
            return scheme in ("http", "https") and _authority(place, scheme) == _authority(host, scheme)
        except ValueError:
            return False

    def forwarded(self, scope: Mapping[str, Any]) -> tuple[tuple[str, int] | None, str, str]:
        """The client, its scheme, and the address that really connected: a proxy of ours says the first two.

        Nobody else is believed. Of X-Forwarded-For the last address counts that is no proxy of ours: what stands before
        it, the client may have written itself.
        """
        client, scheme = scope.get("client"), str(scope.get("scheme", "http"))
        peer = client[0] if client else ""
        ours = self.settings.proxy.addresses if self.settings.proxy else ()
        if peer not in ours:
            return client, scheme, peer
        said: dict[bytes, str] = {}
        for name, value in scope["headers"]:
            said[name] = f"{said[name]},{value.decode('latin-1')}" if name in said else value.decode("latin-1")
        hops = [each.strip() for each in said.get(b"x-forwarded-for", "").split(",")]
        first = next((each for each in reversed(hops) if _is_address(each) and each not in ours), peer)
        told = said.get(b"x-forwarded-proto", "").strip()
        secure = {"http": "https", "ws": "wss"}
        return (first, 0), secure.get(scheme, scheme) if told == "https" else scheme, peer

    def user(self, address: str, headers: Mapping[str, str], cookies: Mapping[str, str]) -> User | None:
        """The user at `address`; None: they must log in first. Names of headers are in lower case."""
        settings = self.settings
        if settings.proxy and address in settings.proxy.addresses:
            name = headers.get(settings.proxy.header.lower(), "").strip()[:64]
            if name.isprintable() and name:
                return User(name, OPERATOR if name in settings.proxy.operators else VIEWER)
        if user := self.sessions.user(cookies.get(COOKIE, ""), self.clock()):
            return user
        if not settings.asks_for_login:
            return HERE if is_loopback(settings.host) and not settings.prefix else NOBODY
        return NOBODY if settings.anyone_may_look else None


def _authority(netloc: str, scheme: str) -> str:
    """Host and port, the latter also where it is the usual one."""
    found = urlsplit(f"//{netloc.lower()}")
    return f"{found.hostname}:{found.port or (443 if scheme == 'https' else 80)}"


def _host(text: str) -> str:
    try:
        return urlsplit(f"//{text.lower()}").hostname or ""
    except ValueError:
        return ""


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
