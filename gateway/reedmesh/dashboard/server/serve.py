"""`reedmesh dashboard`: its options, and the web server until it is stopped."""

import argparse
import getpass
import logging
import socket
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from reedmesh.config.checks import is_loopback
from reedmesh.dashboard.model.passwords import SHORTEST, hashed
from reedmesh.dashboard.model.sessions import OPERATOR, ROLES
from reedmesh.dashboard.settings import Broker, Settings, load
from reedmesh.errors import ConfigError

log = logging.getLogger(__name__)

Address = tuple[str, int]

HISTORY = 100  # messages kept for a browser whose connection broke: 20 s; after that the page is loaded anew


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `reedmesh dashboard`; what is given here counts more than what the file says."""
    parser.add_argument(
        "brokers",
        nargs="*",
        type=address,
        metavar="HOST:PORT",
        help="the MQTT broker of a gateway; name as many as you like",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="all settings; see docs/dashboard.md")
    parser.add_argument(
        "--listen", type=address, metavar="HOST:PORT",
        help="where browsers find the page; default 127.0.0.1:8080, which only this computer reaches",
    )  # fmt: skip
    parser.add_argument(
        "--passwords", type=passwords_in, default={}, metavar="FILE",
        help="lines of HOST:PORT and what `reedmesh acl invite dashboard` printed on that gateway",
    )  # fmt: skip
    parser.add_argument("--title", help="name of the line, as the page's heading; default reedmesh")


def add_user_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `reedmesh dashboard-user`."""
    parser.add_argument("name", help="as it stands beside what they do")
    parser.add_argument("--role", choices=ROLES, default=OPERATOR, help=f"default {OPERATOR}")


def main(chosen: argparse.Namespace) -> None:
    """Run `reedmesh dashboard` with its parsed arguments; raises ConfigError."""
    serve(settings_of(chosen))


def print_user(chosen: argparse.Namespace) -> None:
    """Run `reedmesh dashboard-user`: ask for a password, print what goes into the config file."""
    asks = sys.stdin.isatty()
    password = getpass.getpass(f"password for {chosen.name}: ") if asks else sys.stdin.readline().rstrip("\n")
    if len(password) < SHORTEST:
        raise ConfigError(f"a password has at least {SHORTEST} characters")
    if asks and getpass.getpass("once more: ") != password:
        raise ConfigError("that was another password")
    name = chosen.name.replace("\\", "\\\\").replace('"', '\\"')
    print(f'[[accounts]]\nname = "{name}"\nrole = "{chosen.role}"\npassword = "{hashed(password)}"')


def settings_of(chosen: argparse.Namespace) -> Settings:
    """The settings of file and command line together; raises ConfigError."""
    settings = load(chosen.config) if chosen.config else Settings()
    if chosen.brokers:
        brokers = (
            Broker(host, port, password=chosen.passwords.get((host, port), ""), plain=True)
            for host, port in chosen.brokers
        )
        settings = replace(settings, brokers=tuple(brokers))
    if chosen.listen:
        settings = replace(settings, host=chosen.listen[0], port=chosen.listen[1])
    if not settings.brokers:
        raise ConfigError("reedmesh dashboard: name the broker of a gateway, HOST:PORT, or a file with --config")
    return replace(settings, title=chosen.title) if chosen.title else settings


def address(text: str) -> Address:
    """("gw1.local", 1883) of "gw1.local:1883", as an argparse type; IPv6 in brackets."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port[:6]) < 65536:
        raise argparse.ArgumentTypeError(f"{text!r} is no HOST:PORT, such as 127.0.0.1:1883")
    return host.strip("[]"), int(port)


def passwords_in(text: str) -> dict[Address, str]:
    """The passwords in the file of this name, as an argparse type."""
    try:
        pairs = [line.split() for line in Path(text).read_text().splitlines() if line.strip()]
        return {address(place): password for place, password in pairs}
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(f"{text}: lines of HOST:PORT PASSWORD were expected: {error}") from error


def serve(settings: Settings) -> None:
    """Serve the pages of everything heard on the brokers until SIGINT or SIGTERM.

    Raises ConfigError when NiceGUI is not installed, or the port is taken.
    """
    try:
        from nicegui import app, ui
    except ImportError as error:
        raise ConfigError("the dashboard needs NiceGUI: pip install 'reedmesh[dashboard]'") from error
    from reedmesh.dashboard.model.feed import BrokerAddress, Feed
    from reedmesh.dashboard.server import abandoned
    from reedmesh.dashboard.server.admission import Admission
    from reedmesh.dashboard.server.routes import add_routes

    _check_free(settings.host, settings.port)
    for warning in warnings(settings):
        log.warning(warning)
    feed = Feed([BrokerAddress(*each.nodes[0], each.password, each.ca, each.nodes[1:]) for each in settings.brokers])

    async def listen() -> None:
        try:
            await feed.run()
        finally:
            app.shutdown()  # a page that no longer listens would look as if all were well

    app.on_startup(listen)
    add_routes(app, feed, Admission(settings, time.monotonic))
    abandoned.drop()
    log.info("the dashboard is at %s://%s:%d", _scheme(settings), settings.host, settings.port)
    ui.run(
        host=settings.host, port=settings.port, title=settings.title, dark=None, tailwind=False, reload=False,
        show=False, show_welcome_message=False, message_history_length=HISTORY, favicon="📈",
        server_header=False, proxy_headers=False, **_certificate(settings),
    )  # fmt: skip


def warnings(settings: Settings) -> list[str]:
    """Warnings about data that others on the network can read."""
    page = not settings.certificate and not is_loopback(settings.host) and bool(settings.accounts)
    nodes = [node for each in settings.brokers if not each.ca for node in each.nodes if not is_loopback(node.host)]
    found = ["passwords of readers go in the clear: set certificate and private_key, or use a proxy"] if page else []
    return found + [f"our password for {node.host} goes in the clear: give it a ca in the config" for node in nodes]


def _scheme(settings: Settings) -> str:
    return "https" if settings.certificate else "http"


def _certificate(settings: Settings) -> dict[str, Any]:
    if not settings.certificate:
        return {}
    for path in (settings.certificate, settings.private_key):
        if not Path(path).is_file():
            raise ConfigError(f"{path}: no such file; the page needs a certificate and its key in PEM")
    return {"ssl_certfile": settings.certificate, "ssl_keyfile": settings.private_key}


def _check_free(host: str, port: int) -> None:
    """Raise ConfigError when nobody may listen there; NiceGUI would only log it."""
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # ports of a page that just ended are free
            trial.bind(place)
    except OSError as error:
        raise ConfigError(
            f"--listen {host}:{port}: {error.strerror}; choose another address or stop what uses it"
        ) from error
