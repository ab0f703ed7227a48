"""An answer of a gateway that a page shows: asked for now and then, and at once when something changed."""

import time
from collections.abc import Awaitable, Callable

from nicegui import background_tasks

from reedmesh.dashboard.ui.elements import Text
from reedmesh.errors import RefusedError

LEAST = 1.0  # seconds between two questions


class Asked:
    """Calls `ask` every `every` seconds while the page is drawn; what goes wrong is said in `fault`."""

    def __init__(self, ask: Callable[[], Awaitable[None]], every: float, fault: Text) -> None:
        self._ask = ask
        self._every = every
        self._fault = fault
        self._last = 0.0
        self._news: object = None
        self._busy = False

    def look(self, news: object = None) -> None:
        """Ask if it is time, or if `news` is not what it was the last time."""
        age = time.monotonic() - self._last
        if self._busy or age < LEAST or (age < self._every and news == self._news):
            return
        self._news = news
        self._busy = True
        background_tasks.create(self.now(), name="ask a gateway")

    async def now(self) -> None:
        """Ask at once."""
        self._busy, self._last = True, time.monotonic()
        try:
            await self._ask()
        except RefusedError as error:
            self._tell(str(error))
        else:
            self._tell("")
        finally:
            self._busy = False

    def _tell(self, text: str) -> None:
        if not self._fault.is_deleted:
            self._fault.set_text(text)
