"""A token bucket: how long the next message must wait so that a link carries no more than it should. Pure."""


class Bucket:
    """Lets `rate` bytes a second through, and `burst` bytes at once after a pause. Both above 0."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self._burst = burst
        self._tokens = burst
        self._at: float | None = None

    def wait(self, size: int, now: float) -> float:
        """Take `size` bytes at `now`, in seconds of any clock that does not go back; returns seconds to wait first."""
        if self._at is not None:
            self._tokens = min(self._burst, self._tokens + (now - self._at) * self.rate)
        self._at = now
        self._tokens -= size
        return max(0.0, -self._tokens / self.rate)
