"""`reedmesh dashboard HOST:PORT ...`: serves the page until it is told to stop."""

import argparse
import logging
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from reedmesh.errors import ConfigError

log = logging.getLogger(__name__)

Address = tuple[str, int]

STYLE = Path(__file__).with_name("style.css")
HISTORY = 100  # messages kept for a browser whose connection broke: 20 s; after that the page is loaded anew


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument(
        "brokers",
        nargs="+",
        type=address,
        metavar="HOST:PORT",
        help="the MQTT broker of a gateway; name as many as you like",
    )
    parser.add_argument(
        "--listen", type=address, default=("127.0.0.1", 8080), metavar="HOST:PORT",
        help="where browsers find the page; default 127.0.0.1:8080, which only this computer reaches",
    )  # fmt: skip
    parser.add_argument(
        "--passwords", type=passwords_in, default={}, metavar="FILE",
        help="lines of HOST:PORT and what `reedmesh acl invite dashboard` printed on that gateway",
    )  # fmt: skip
    parser.add_argument("--title", default="reedmesh", help="name of the line, as the page's heading")


def main(chosen: argparse.Namespace) -> None:
    """Run the command with its parsed arguments; raises ConfigError."""
    host, port = chosen.listen
    serve(chosen.brokers, host, port, chosen.title, chosen.passwords)


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


def serve(
    brokers: Sequence[Address],
    host: str = "127.0.0.1",
    port: int = 8080,
    title: str = "reedmesh",
    passwords: Mapping[Address, str] = {},
) -> None:
    """Serve the page of everything heard on `brokers` until SIGINT or SIGTERM.

    Raises ConfigError when NiceGUI is not installed or the port is taken.
    """
    try:
        from nicegui import app, ui
    except ImportError as error:
        raise ConfigError("the dashboard needs NiceGUI: pip install 'reedmesh[dashboard]'") from error
    from reedmesh.dashboard.feed import Feed
    from reedmesh.dashboard.page import Page

    _check_free(host, port)
    feed = Feed(brokers, passwords)

    async def listen() -> None:
        try:
            await feed.run()
        finally:
            app.shutdown()  # a page that no longer listens would look as if all were well

    app.on_startup(listen)
    ui.add_css(STYLE, shared=True)
    log.info("the dashboard is at http://%s:%d", host, port)
    ui.run(
        lambda: Page(feed, title), host=host, port=port, title=title, dark=None, language="en-US", tailwind=False,
        reload=False, show=False, show_welcome_message=False, message_history_length=HISTORY, favicon="📈",
    )  # fmt: skip


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
