"""Counts messages that cannot be read, and logs them once per sender and minute."""

import logging
import time
from collections.abc import Callable

from reedmesh.protocol.wire import WireError

log = logging.getLogger(__name__)

QUIET = 60.0  # seconds between two log lines about the same sender
MAX_SENDERS = 1000  # senders whose last log line is remembered


class Rejects:
    """Counts what was dropped, and logs it once per sender and minute."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.total = 0
        self.unforeseen = 0  # of them, for faults of this program
        self._clock = clock
        self._logged: dict[str, float] = {}
        self._since: dict[str, int] = {}

    def add(self, topic: str, fault: Exception) -> None:
        """Drop one message. Of what is no WireError, which nobody foresaw, the log has the traceback."""
        self.total += 1
        foreseen = isinstance(fault, WireError)
        self.unforeseen += not foreseen
        sender = "/".join(topic.split("/")[:3])[:100]
        if sender not in self._since and len(self._since) >= MAX_SENDERS:
            sender = "(others)"
        self._since[sender] = self._since.get(sender, 0) + 1
        now = self._clock()
        if now - self._logged.get(sender, -QUIET) >= QUIET:
            said = str(fault) if foreseen else f"not understood: {type(fault).__name__}: {fault}"
            log.warning("%s: %d dropped: %s", sender, self._since[sender], said, exc_info=None if foreseen else fault)
            self._logged[sender], self._since[sender] = now, 0
