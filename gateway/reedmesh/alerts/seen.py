"""The facts about a sensor at one moment, from which the rules of conditions decide. Pure."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MOST = 1e15  # of a number in a hello: nothing that is counted or measured there is beyond it


@dataclass(frozen=True)
class Seen:
    """One look. steady: seconds on a clock nobody sets; now: seconds since 1970.

    hello: what the sensor last said of itself, the same object until it says it again. windows, missed, clipped: heard,
    lost on the way, and with readings at an end of the range, since the gateway started. flat: for each axis, whether
    the last window's readings were all the same; flat_learnt: the same of the windows that its model learnt.
    refusal: why it did not take its last model. sensitivity, lifts: the rise of the median band, and of each, in dB,
    that would raise an alert; learnt_from: windows that the model was learnt from.
    unserved: why no family of the gateway judges the sensor. out_of_control: Nelson's rules that its parts break.
    judged, over: windows that its model judged while no alert stood, and those of them above the threshold. moved: how
    far its machine is from how it was commissioned, in deviations. unlearnt: why it could not be learnt. starts: of the
    sensor since the gateway started, as its windows show them.
    """

    steady: float
    now: float
    hello: Mapping[str, Any] = field(default_factory=dict)
    online: bool = True
    windows: int = 0
    missed: int = 0
    clipped: int = 0
    flat: tuple[bool, ...] = ()
    flat_learnt: tuple[bool, ...] = ()
    refusal: str = ""
    sensitivity: float | None = None
    unserved: str = ""
    out_of_control: str = ""
    judged: int = 0
    over: int = 0
    moved: float = 0.0
    unlearnt: str = ""
    lifts: tuple[float, ...] = ()
    learnt_from: int = 0
    starts: int = 0

    def number(self, key: str, table: str = "") -> float | None:
        """A number in the hello, or in a table of it, to MOST on either side; None for what is none."""
        found = self.hello.get(table) if table else self.hello
        value = found.get(key) if isinstance(found, Mapping) else None
        if not isinstance(value, int | float) or isinstance(value, bool) or not -MOST <= value <= MOST:
            return None
        return float(value)

    def text(self, key: str, table: str = "") -> str:
        """A text in the hello, or in a table of it, at most 200 characters that print."""
        found = self.hello.get(table) if table else self.hello
        value = found.get(key) if isinstance(found, Mapping) else None
        return "".join(each for each in value[:200] if each.isprintable()) if isinstance(value, str) else ""


class Recent:
    """How much a counter grew within the last `span` seconds."""

    def __init__(self, span: float) -> None:
        self._span = span
        self._seen: deque[tuple[float, float]] = deque(maxlen=4096)

    def growth(self, value: float, steady: float) -> float:
        """Take its value as of now; one that went back began anew."""
        if self._seen and value < self._seen[-1][1]:
            self._seen.clear()
        if not self._seen or value != self._seen[-1][1]:
            self._seen.append((steady, value))
        while len(self._seen) > 1 and self._seen[1][0] <= steady - self._span:
            self._seen.popleft()
        return value - self._seen[0][1]
