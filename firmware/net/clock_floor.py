"""Sets a board's clock to the latest time that is known not to be in the future; loaded at the start. See `ntp.py`."""

import json
import time

from net.ntp import EPOCH, KNOWN, PORT, Clock
from net.ntp_question import TOLD, set_clock

FILE = "time.json"


def on_board(server: "str | None", folder: str, floor: int) -> Clock:
    """With the clock of the board this runs on. floor: seconds since 1970 that it cannot be earlier than."""
    import machine

    rtc, path = machine.RTC(), folder + "/" + FILE
    kept, told = _read(path), hasattr(rtc, "memory") and bytes(rtc.memory()) == TOLD
    if not told and max(floor, kept) > int(time.time()) + EPOCH:
        set_clock(rtc, max(floor, kept))
    return Clock(rtc, server, PORT, path, kept, told)


def _read(path: str) -> int:
    """The time in flash; 0 when there is none."""
    try:
        with open(path) as file:
            kept = json.load(file)
    except (OSError, ValueError):
        return 0
    return kept if isinstance(kept, int) and KNOWN <= kept < 1 << 32 else 0
