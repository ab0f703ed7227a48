"""An MQTT broker inside the gateway's process (amqtt), for the demo, tests and a bench without mosquitto.

A factory runs mosquitto: it keeps queues over restarts and costs the gateway no time. Rules are the same:
`broker/acl.py`.
"""

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Broker as Settings
from reedmesh.errors import ConfigError

SHUTDOWN_SECONDS = 3.0
MOST_TRIES, AGAIN_SECONDS = 50, 0.1  # to end what is left then


@asynccontextmanager
async def broker(
    settings: Settings,
    users: Users | None = None,
    pki: Path | None = None,
    admit: Callable[[str], bool] = lambda _: True,
) -> AsyncIterator[None]:
    """Serve MQTT 3.1.1 on the settings' host and port while the context lasts.

    users: who may log in, and say what; None: everybody, everything. pki: where the certificate for `tls_port` is.
    admit: says of a message's topic whether it is one too many (False), and its client read slowly.
    Raises ConfigError when the port is taken, the certificate is missing or amqtt is not installed.
    """
    try:
        from amqtt.errors import BrokerError

        from reedmesh.broker.amqtt_patches import Broker
    except ImportError as error:
        raise ConfigError("broker.embedded needs amqtt: pip install 'reedmesh[embedded]', or run mosquitto") from error
    logging.getLogger("amqtt").setLevel(logging.CRITICAL)  # it logs with a traceback what it also raises
    logging.getLogger("transitions").setLevel(logging.ERROR)
    if settings.tls_port and pki:
        _require_certificate(settings.tls_port, pki)
    server = Broker(_amqtt_config(settings, users, pki), users, admit)
    try:
        await server.start()
    except BrokerError as error:
        reason = os.strerror(error.__cause__.errno or 0) if isinstance(error.__cause__, OSError) else str(error)
        place = f"broker.port = {settings.port} on {settings.host}"
        raise ConfigError(f"{place}: {reason}; choose another port, or stop what uses it") from error
    looking = asyncio.create_task(server.hang_up_on_revoked())
    try:
        yield
    finally:
        looking.cancel()
        # amqtt's own end can hang while a client is sending
        await asyncio.wait([asyncio.create_task(server.shutdown())], timeout=SHUTDOWN_SECONDS)
        server.close_listeners()
        await _end_what_is_left()


def _require_certificate(port: int, pki: Path) -> None:
    """Raise ConfigError if what the broker has to show by TLS is not there."""
    for name in ("server.crt", "server.key"):
        if not (pki / name).is_file():
            remedy = f"make it: reedmesh pki issue --host {socket.gethostname()}, or take tls_port out"
            raise ConfigError(f"broker.tls_port = {port}: there is no {pki / name}; {remedy}")


async def _end_what_is_left() -> None:
    """Cancel amqtt's tasks until they end.

    Under Python 3.11, the wait_for in them forgets a cancellation that comes together with data. Left to asyncio.run,
    which cancels once, one that forgot it would keep the process from ending.
    """
    for _ in range(MOST_TRIES):
        left = {task for task in asyncio.all_tasks() if _is_amqtts(task)}
        if not left:
            return
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=AGAIN_SECONDS)


def _is_amqtts(task: "asyncio.Task[Any]") -> bool:
    code = getattr(task.get_coro(), "cr_code", None)
    return code is not None and "amqtt" in Path(code.co_filename).parts


def _amqtt_config(settings: Settings, users: Users | None, pki: Path | None) -> dict[str, object]:
    plain = {"type": "tcp", "bind": f"{settings.host}:{settings.port}", "max_connections": 2000}
    listeners = {"default": plain}
    if settings.tls_port and pki:
        certificate = {"ssl": True, "certfile": str(pki / "server.crt"), "keyfile": str(pki / "server.key")}
        listeners["tls"] = plain | certificate | {"bind": f"{settings.host}:{settings.tls_port}"}
    plugins = {
        "reedmesh.broker.amqtt_plugins.Login": {"users": users},
        "reedmesh.broker.amqtt_plugins.Rules": {"users": users},
    }
    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    return {"listeners": listeners, "plugins": plugins if users else anonymous}
