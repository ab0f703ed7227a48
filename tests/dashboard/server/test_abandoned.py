"""What the log keeps of requests: all but those that a browser abandoned."""

import asyncio
import logging

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from reedmesh.dashboard.server import abandoned


async def pass_on(request: Request, call_next: RequestResponseEndpoint) -> Response:
    return await call_next(request)


async def never_answers(*_: object) -> None:
    """As an endpoint that is cancelled because the browser is gone."""


def test_what_starlette_raises_for_an_abandoned_request_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    app = Starlette(middleware=[Middleware(BaseHTTPMiddleware, dispatch=pass_on)])
    app.mount("/", never_answers)
    logger = logging.getLogger(abandoned.LOGGER)
    logger.addFilter(abandoned.is_worth_saying)
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    try:
        for work in (app(scope, never_answers, never_answers), fails()):  # type: ignore[arg-type]
            try:
                asyncio.run(work)  # type: ignore[arg-type]
            except RuntimeError as fault:
                logger.error("Exception in ASGI application", exc_info=fault)
    finally:
        logger.removeFilter(abandoned.is_worth_saying)
    assert [str(each.exc_info[1]) for each in caplog.records if each.exc_info] == ["a fault of ours"]


async def fails() -> None:
    raise RuntimeError("a fault of ours")
