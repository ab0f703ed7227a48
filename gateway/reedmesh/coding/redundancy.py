"""From the loss that receivers report to the number of shards to send. Pure.

Each shard arrives with a probability nobody knows; s that arrived and l that did not make it a Beta(s + 1/2, l + 1/2)
(Jeffreys' prior). How many of n arrive is then beta-binomial, whose tail is longer than the binomial's: little evidence
costs more parity, and more evidence takes that back.
"""

from bisect import bisect_left
from math import exp, lgamma

from reedmesh.protocol.shards import INDICES

RISK = 0.02  # of a block that needs a second wave; one costs a pause and few shards, so it may happen now and then
UNKNOWN = 49.0, 1.0  # received and lost, for a receiver that has not reported
MEMORY = 500.0  # shards; older reports fade, so that a link which mends is believed
MOST_RECEIVERS = 256


def shortfall(n: int, k: int, received: float, lost: float) -> float:
    """The probability, 0 to 1, that fewer than k of n shards arrive, 0 <= k <= n.

    received, lost: shards of which that is known. Beta-binomial, with the prior of Jeffreys.

    >>> round(shortfall(2, 1, received=0, lost=0), 6)
    0.375
    """
    a, b = received + 0.5, lost + 0.5
    if k <= 0:
        return 0.0
    term = exp(_log_binomial(n, k - 1) + _log_beta(k - 1 + a, n - k + 1 + b) - _log_beta(a, b))
    total = term
    for x in range(k - 1, 0, -1):  # P(x - 1) from P(x)
        term *= x / (n - x + 1) * (n - x + b) / (x - 1 + a)
        total += term
    return total


def shards_to_send(k: int, received: float, lost: float, risk: float = RISK, most: int = INDICES) -> int:
    """Return the smallest n, k..most, of which at least k arrive but for a probability of `risk`; else `most`.

    received, lost: shards that were reported before.

    >>> shards_to_send(k=10, received=900, lost=100)
    14
    """
    return k + bisect_left(range(k, most), True, key=lambda n: shortfall(n, k, received, lost) <= risk)


class Losses:
    """Reports of each receiver, the newest `MEMORY` shards of it."""

    def __init__(self) -> None:
        self._reports: dict[str, tuple[float, float]] = {}

    def report(self, receiver: str, received: int, lost: int) -> None:
        """Add the shards that `receiver` received and lost since its last report; the first 256 receivers count."""
        if receiver not in self._reports and len(self._reports) >= MOST_RECEIVERS:
            return
        before = self._reports.get(receiver, UNKNOWN)
        received_now, lost_now = before[0] + received, before[1] + lost
        fade = min(1.0, MEMORY / (received_now + lost_now))
        self._reports[receiver] = received_now * fade, lost_now * fade

    def median(self) -> tuple[float, float]:
        """Shards received and lost by the median receiver: one liar, or one bad link, does not set the pace."""
        ordered = sorted(self._reports.values(), key=lambda report: report[1] / sum(report))
        return ordered[len(ordered) // 2] if ordered else UNKNOWN


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _log_binomial(n: int, k: int) -> float:
    return lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)
