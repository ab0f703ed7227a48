"""Backoff: how long to wait before something that failed is tried again. Pure but for the jitter: times are passed in.

Waits double from try to try. Only a try that lasted counts as a success: a peer that lets us in and hangs up at once
would otherwise have us back several times a second.
"""

import random
from collections.abc import Callable

FIRST = 0.25  # seconds
MOST = 30.0
LASTED = 10.0  # seconds after which a connection, or a task, counts as one that worked


class Backoff:
    """Of one thing that is tried. jitter: a factor of each wait, so that many do not come back at once."""

    def __init__(
        self,
        first: float = FIRST,
        most: float = MOST,
        lasted: float = LASTED,
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.0),  # noqa: S311 - keeps nothing secret
    ) -> None:
        self._first = first
        self._most = most
        self._lasted = lasted
        self._jitter = jitter
        self._wait = 0.0

    def failed(self, lasted: float = 0.0) -> float:
        """Seconds to wait, after a try that worked for `lasted` seconds before it failed."""
        if lasted >= self._lasted:
            self._wait = 0.0
        self._wait = min(self._most, 2 * self._wait or self._first)
        return self._wait * self._jitter()

    def worked(self) -> None:
        """Begin anew with the shortest wait."""
        self._wait = 0.0
