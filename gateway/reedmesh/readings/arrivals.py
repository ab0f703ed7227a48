"""The arrival of the windows of one sensor: counters, and the numbers of those that came before. Pure."""

from collections import deque
from dataclasses import dataclass, field

from reedmesh.protocol.wire import Window

RECENT = 256  # windows that are remembered, to tell whether a late one came before
BOOTS = 4  # starts of a sensor that are remembered


@dataclass
class Counters:
    """Windows of a sensor since the gateway started, by what happened to them."""

    windows: int = 0
    missed: int = 0  # published but never arrived: gaps in the numbering
    lost: int = 0  # discarded on the sensor because the transducer overran, since the sensor's boot
    disagreements: int = 0  # sensor and gateway ran the same model on the same features and differ
    late: int = 0  # kept by the sensor over an outage and sent after it; not among `windows`
    doubled: int = 0  # from a start before the last one, or numbered like one before: two boards have this name


@dataclass
class Arrivals:
    """The windows of one sensor as they arrive. clipped: windows with readings at an end of the transducer's range.
    starts: of the sensor, by windows that came from a start not known before.

    features: of the last window, int8, as many as the family has; empty before the first.
    """

    counters: Counters = field(default_factory=Counters)
    clipped: int = 0
    starts: int = 0
    features: bytes | bytearray = b""
    _boot: int = -1
    _number: int = -1
    _recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=RECENT))  # boot and number
    _boots: deque[int] = field(default_factory=lambda: deque(maxlen=BOOTS))  # those before

    def count(self, window: Window) -> None:
        """Count a window that came in time, and those that its number shows to be missing."""
        self.counters.windows += 1
        self.clipped += bool(window.clipped)
        self.features = window.features
        self.counters.lost = window.lost
        if window.boot != self._boot:
            known = window.boot in self._boots
            self.counters.doubled += known
            self.starts += not known and self._boot >= 0
            self._boots.append(self._boot)
        elif window.number > self._number:
            self.counters.missed += window.number - self._number - 1
        else:
            self.counters.doubled += 1
        self._boot, self._number = window.boot, window.number
        self._recent.append((window.boot, window.number))

    def count_late(self, window: Window) -> None:
        """Count a window that the sensor kept over an outage."""
        self.counters.late += 1
        self._recent.append((window.boot, window.number))

    def is_news(self, window: Window) -> bool:
        """Whether a late window never came before: it may have arrived in time all the same, or be sent twice."""
        return (window.boot, window.number) not in self._recent
