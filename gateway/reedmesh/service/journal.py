"""Where log lines go: to the journal with their level, to a terminal in words; a line that repeats itself is counted.

A journal on an SD card is worn out by chatter, and one line a thousand times hides the one that matters.
"""

import logging
import os
import sys
import time
from collections.abc import Callable, Mapping
from typing import TextIO

PERIOD = 60.0  # seconds
MOST = 30  # lines that one place in the code may log in a period
# Of syslog, which the journal knows as <0> to <7> at the beginning of a line: sd-daemon(3).
PRIORITIES = ((logging.CRITICAL, 2), (logging.ERROR, 3), (logging.WARNING, 4), (logging.INFO, 6))
DEBUG = 7


def set_up(verbose: bool, stream: TextIO | None = None) -> None:
    """Log to `stream`, by default stderr: from INFO up, or everything."""
    out = stream or sys.stderr
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        JournalFormatter() if is_journal(out, os.environ) else logging.Formatter("%(levelname)s %(message)s")
    )
    if not verbose:
        handler.addFilter(RepeatFilter())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler], force=True)


def is_journal(stream: TextIO, environment: Mapping[str, str]) -> bool:
    """Whether `stream` leads to the journal: systemd names its device and inode, systemd.exec(5)."""
    try:
        at = os.fstat(stream.fileno())
    except (OSError, ValueError):
        return False
    return environment.get("JOURNAL_STREAM") == f"{at.st_dev}:{at.st_ino}"


class JournalFormatter(logging.Formatter):
    """A line's level as the journal reads it, on every line of a traceback too."""

    def format(self, record: logging.LogRecord) -> str:
        """`<4>broker 127.0.0.1:1883: ...`."""
        number = next((number for level, number in PRIORITIES if record.levelno >= level), DEBUG)
        return "\n".join(f"<{number}>{line}" for line in super().format(record).splitlines() or [""])


class RepeatFilter(logging.Filter):
    """Lets pass `MOST` lines a period from each place in the code, and then says how many it held back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._periods: dict[tuple[str, int], tuple[float, int]] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to log `record`, whose text may get a count."""
        place, now = (record.pathname, record.lineno), self._clock()
        began, count = self._periods.get(place, (now, 0))
        if now - began >= PERIOD:
            if count > MOST:
                record.msg = f"{record.getMessage()} (and {count - MOST} more like it were not logged)"
                record.args = ()
            began, count = now, 0
        elif count == MOST - 1:
            record.msg = f"{record.getMessage()} (more like it are counted for {PERIOD:.0f} s and not logged)"
            record.args = ()
        self._periods[place] = began, count + 1
        return count < MOST
