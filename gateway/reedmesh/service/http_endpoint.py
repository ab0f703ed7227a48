"""Serves /metrics, /health and /ready to a Prometheus, a load balancer or a person with curl; only reads, and only GET.

/health   200 while link, judging and outbox make progress, else 503: a restart would help
/ready    200 while the broker is there and the disk takes data, else 503: something outside must be mended
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any

from reedmesh.errors import ConfigError
from reedmesh.service import prometheus

log = logging.getLogger(__name__)

PATIENCE = 5.0  # seconds for a request to come and its answer to go
MOST_HEAD = 8192  # bytes of a request
MOST_CLIENTS = 16  # at once; more are hung up on
JSON = "application/json"

Answer = tuple[HTTPStatus, str, str]  # status, content type, text


class Endpoint:
    """vitals: how the gateway is, when somebody asks."""

    def __init__(self, vitals: Callable[[], dict[str, Any]]) -> None:
        self._vitals = vitals
        self._clients = 0

    @asynccontextmanager
    async def serving(self, listen: str) -> AsyncIterator[None]:
        """Serve on `listen`, HOST:PORT, meanwhile; raises ConfigError when nobody may listen there."""
        host, _, port = listen.rpartition(":")
        try:
            server = await asyncio.start_server(self._serve, host.strip("[]"), int(port), limit=MOST_HEAD)
        except (OSError, OverflowError) as error:
            reason = f"{error}; choose another address, or stop what uses it"
            raise ConfigError(f'metrics.listen = "{listen}": {reason}') from error
        async with server:
            log.info("metrics at http://%s/metrics", listen)
            yield

    async def run(self, listen: str) -> None:
        """Serve until cancelled; raises ConfigError as `serving` does."""
        async with self.serving(listen):
            await asyncio.Event().wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients += 1
        try:
            if self._clients <= MOST_CLIENTS:
                async with asyncio.timeout(PATIENCE):
                    head = await reader.readuntil(b"\r\n\r\n")
                    writer.write(self._response(head))
                    await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # whoever it was, it is their loss
        finally:
            self._clients -= 1
            writer.close()

    def _response(self, head: bytes) -> bytes:
        method, path, *_ = (*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", "")
        status, kind, text = self.answer(method, path.partition("?")[0])
        body = text.encode()
        lines = [f"HTTP/1.1 {status.value} {status.phrase}", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
        lines += ["Cache-Control: no-store", "X-Content-Type-Options: nosniff", "Connection: close", "", ""]
        return "\r\n".join(lines).encode() + (b"" if method == "HEAD" else body)

    def answer(self, method: str, path: str) -> Answer:
        """The answer to a request."""
        if method not in ("GET", "HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, JSON, "{}"
        if path == "/metrics":
            return HTTPStatus.OK, prometheus.CONTENT_TYPE, prometheus.text(self._vitals())
        if path in ("/health", "/ready"):
            wrong = (healthy if path == "/health" else ready)(self._vitals())
            status = HTTPStatus.SERVICE_UNAVAILABLE if wrong else HTTPStatus.OK
            return status, JSON, json.dumps({"status": "bad" if wrong else "good", "wrong": wrong})
        return HTTPStatus.NOT_FOUND, JSON, json.dumps({"there are": ["/metrics", "/health", "/ready"]})


def healthy(vitals: dict[str, Any]) -> list[str]:
    """The faults that a restart would help against."""
    return [f"{part} makes no progress" for part in vitals["stuck"]]


def ready(vitals: dict[str, Any]) -> list[str]:
    """The faults that keep the gateway from its work."""
    wrong = healthy(vitals)
    if not vitals["link"]["connected"]:
        wrong.append("the broker cannot be reached")
    if vitals["store"]["trouble"]:
        wrong.append(str(vitals["store"]["trouble"]))
    return wrong
