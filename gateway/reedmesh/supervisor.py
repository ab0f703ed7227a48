"""Runs work that must not end the gateway: a failure is logged and counted, and the work restarts with backoff.

Judging, storing and telling are vital, and end the process when they fail: systemd begins it anew. All else runs here.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from reedmesh.backoff import Backoff
from reedmesh.errors import ReedmeshError

log = logging.getLogger(__name__)


@contextmanager
def apart(name: str) -> Iterator[None]:
    """What fails in here concerns `name` alone: it is logged, and the others have their turn."""
    try:
        yield
    except Exception as error:
        log.error("%s is left out: %s", name, error, exc_info=error)


Work = Callable[[], Awaitable[None]]


@dataclass
class Failures:
    """Of one piece of work: how often it failed, and why the last time."""

    count: int = 0
    reason: str = ""


class Supervisor:
    """Of one gateway. failures: by the name of the work."""

    def __init__(self, backoff: Callable[[], Backoff] = lambda: Backoff(first=1.0, most=60.0)) -> None:
        self.failures: dict[str, Failures] = {}
        self._backoff = backoff

    async def keep(self, name: str, work: Work) -> None:
        """Do `work` until it returns, however often it fails."""
        backoff = self._backoff()
        while True:
            began = time.monotonic()
            try:
                await work()
                return
            except Exception as error:  # noqa: BLE001 - no fault of this work is worth the end of the others
                wait = backoff.failed(time.monotonic() - began)
                self._note(name, error, wait)
            await asyncio.sleep(wait)

    def table(self) -> dict[str, dict[str, object]]:
        """Work that failed since the start: how often, and why the last time."""
        return {name: {"failures": each.count, "reason": each.reason} for name, each in self.failures.items()}

    def _note(self, name: str, error: Exception, wait: float) -> None:
        found = self.failures.setdefault(name, Failures())
        found.count, found.reason = found.count + 1, f"{type(error).__name__}: {error}"[:200]
        known = isinstance(error, ReedmeshError)
        log.error("%s failed, and begins anew in %.2g s: %s", name, wait, error, exc_info=None if known else error)
