"""When a gateway lends: idle, cool, calm and not learning, one job at a time. Pure."""

from dataclasses import dataclass

PACED = 0.2  # of what the last job says about how fast we are


@dataclass(frozen=True)
class Condition:
    """Of a gateway now. load: share of its processors that is busy, low priorities left out. celsius: 0 if unknown.

    alerts: open ones. learning: a machine is being learnt.
    """

    load: float = 0.0
    celsius: float = 0.0
    alerts: int = 0
    learning: bool = False


def hindrance(now: Condition, busy: float = 0.5, hot: float = 70.0) -> str:
    """Why a gateway in this condition lends nothing; "" if it does. busy, hot: what the load and the heat may be."""
    if now.alerts:
        return f"{now.alerts} open alert{'s'[: now.alerts > 1]}"
    if now.learning:
        return "it is learning"
    if now.load > busy:
        return f"{now.load:.0%} of the processors are busy"
    if now.celsius > hot:
        return f"{now.celsius:.0f} degrees"
    return ""


class Speed:
    """How long jobs take here, in parts of what their owners estimated: 1.0 until one was done."""

    def __init__(self) -> None:
        self.pace = 1.0

    def bid(self, seconds: float, load: float) -> float:
        """The seconds after which a job of so many is expected to be done."""
        return seconds * self.pace / max(0.1, 1.0 - load)

    def took(self, estimated: float, seconds: float) -> None:
        """A job of `estimated` seconds took so many."""
        if estimated > 0:
            self.pace += PACED * (min(max(seconds / estimated, 0.01), 100.0) - self.pace)
