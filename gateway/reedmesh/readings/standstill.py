"""Whether a machine stands still, or was started a moment ago: then its windows are told of and not judged. Pure.

Standstill: the RMS of every axis (the spread, of slow variables) is a number of dB below what it is on average while
the machine runs, or of two counts at most. Slow variables may rest for hours and be well: their families say so if a
standstill is one.
"""

from collections.abc import Sequence

from reedmesh.inference.learnt import STEP_DB
from reedmesh.learning.gate import BELOW, QUIET


class Standstill:
    """Of one machine. below: dB, 0: every window is judged. settle: windows after a standstill that are not judged."""

    def __init__(self, below: float | None, settle: int) -> None:
        self.still = False
        self._settling = 0
        self.follow(below, settle)

    def follow(self, below: float | None, settle: int) -> None:
        """From now on go by these settings; None: as usual."""
        self._below = (BELOW if below is None else below) / STEP_DB
        self._settle = settle

    @property
    def judged(self) -> bool:
        """Whether the last window is to be judged."""
        return not self.still and not self._settling

    def look(self, levels: Sequence[int], running: Sequence[float]) -> bool:
        """Take the RMS features of a window, beside those of the running machine; returns whether it just stopped."""
        was, self.still = self.still, self.is_still(levels, running)
        self._settling = self._settle if self.still else max(0, self._settling - (not was))
        return self.still and not was

    def is_still(self, levels: Sequence[int], running: Sequence[float]) -> bool:
        """Whether a machine with these levels does not run; one that never moved while it was learnt never does."""
        if not self._below or not levels or all(usual <= QUIET for usual in running):
            return False
        pairs = zip(levels, running, strict=True)
        return all(level <= QUIET or level < usual - self._below for level, usual in pairs)
