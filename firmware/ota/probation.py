"""What ends a probation, of a start, of a model and of firmware alike: enough windows, or one after enough time.

A fast sensor proves good within seconds. A slow one has a window in ten minutes; it is not kept on probation for hours,
in which a power cut or two would count against what is new.
"""

from board.monotonic import ms

WINDOWS = 20
TIME_MS = 600000


class Proof:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._windows = 0
        self._since = ms()

    def window(self) -> bool:
        """Count a window; whether that is proof enough."""
        self._windows += 1
        return self._windows >= WINDOWS or self.lasted()

    def lasted(self) -> bool:
        """Whether time enough has passed."""
        return ms() - self._since >= TIME_MS
