"""A token bucket, as of traffic shaping: `rate` tokens a second flow in, at most `burst` stay. Pure."""


class TokenBucket:
    """A full bucket. rate: tokens (bytes, messages) a second; burst: tokens that it holds. Both above 0.

    Times are seconds of any clock that does not go back.

    >>> bucket = TokenBucket(rate=100.0, burst=50.0)
    >>> bucket.wait(50, now=0.0)
    0.0
    >>> bucket.wait(25, now=0.0)
    0.25
    """

    def __init__(self, rate: float, burst: float, at: float | None = None) -> None:
        self.rate = rate
        self.burst = burst
        self.at = at  # when it was looked at last
        self._tokens = burst

    def tokens(self, now: float) -> float:
        """Return the tokens there are at `now`; below 0 after more were taken than there were."""
        if self.at is not None:
            self._tokens = min(self.burst, self._tokens + (now - self.at) * self.rate)
        self.at = now
        return self._tokens

    def take(self, count: float, now: float) -> float:
        """Take `count` tokens at `now`; returns the rest, below 0 when there were too few."""
        self._tokens = self.tokens(now) - count
        return self._tokens

    def wait(self, count: float, now: float) -> float:
        """Take `count` tokens at `now`; returns the seconds to wait until they are there."""
        return max(0.0, -self.take(count, now) / self.rate)

    def spend(self, now: float) -> bool:
        """Take one token at `now`, if there is one; returns whether there was."""
        if self.tokens(now) < 1.0:
            return False
        self.take(1.0, now)
        return True

    def set(self, tokens: float, now: float) -> None:
        """Have it hold `tokens` at `now`."""
        self._tokens, self.at = tokens, now
