"""Conditions of the gateway itself: its disk, neighbours that send nothing, and test alerts. Pure."""

from collections.abc import Mapping

from reedmesh.alerts.standing import Finding

FULL = 95.0  # percent of the disk
DAY = 86400.0
DISK, NEIGHBOUR, TEST = "disk", "neighbour", "test"
TEST_SECONDS = 30.0  # that a test alert stands


def disk(free: int, total: int, trouble: str) -> Finding | None:
    """Whether the disk is nearly full, or took nothing the last time. free, total: bytes; trouble: why it did not."""
    used = 100.0 * (total - free) / total if total else 0.0
    if not trouble and used <= FULL:
        return None
    return Finding(round(used), FULL, trouble or f"{free // 1_000_000} MB are free")


def neighbours(heard: Mapping[str, float], now: float, days: float) -> Finding | None:
    """Whether a neighbour sent no update for `days` days; 0: no alert. heard: when each last did, or we began."""
    silent = {name: (now - at) / DAY for name, at in heard.items() if days and now - at > days * DAY}
    return Finding(round(max(silent.values()), 1), days, ", ".join(sorted(silent))) if silent else None


class TestAlert:
    """An alert that somebody has sent, to see whom it reaches."""

    __test__ = False  # it is no test of pytest's

    def __init__(self) -> None:
        self._by, self._until = "", 0.0

    def send(self, by: str, now: float) -> float:
        """Have it stand from now on; returns when it ends."""
        self._by, self._until = by, now + TEST_SECONDS
        return self._until

    def finding(self, now: float) -> Finding | None:
        """Whether it stands."""
        return Finding(TEST_SECONDS, TEST_SECONDS, f"by {self._by}") if now < self._until else None
