"""Which neighbours nothing is lent to or borrowed from for a while, and why. Pure.

A lender whose result was another is out for a day; one that let its time pass for ten minutes, one that failed for one.
An owner that gives no receipts gets no bids until it does.
"""

from dataclasses import dataclass

DAY = 86400.0  # seconds
SILENT, FAILED = 600.0, 60.0  # seconds
MOST_UNPAID = 5  # jobs done for an owner within a day, without a receipt since


@dataclass(frozen=True)
class Out:
    """until: s since 1970."""

    until: float
    reason: str


class Standing:
    """Of the neighbours of one gateway. out: what is known from before. Times are s since 1970."""

    def __init__(self, out: dict[str, Out] | None = None) -> None:
        self._out = dict(out or {})
        self._unpaid: dict[str, list[float]] = {}  # when

    def put_out(self, name: str, seconds: float, reason: str, now: float) -> None:
        """Borrow nothing from `name` for so long, or longer if that was known."""
        known = self._out.get(name)
        if not known or known.until < now + seconds:
            self._out[name] = Out(now + seconds, reason)

    def out(self, now: float) -> dict[str, Out]:
        """Who is out at `now`."""
        return {name: each for name, each in sorted(self._out.items()) if now < each.until}

    def is_out(self, name: str, now: float) -> bool:
        """Whether `name` is."""
        return name in self.out(now)

    def worked_for(self, owner: str, now: float) -> None:
        """We did a job for `owner`, and a receipt must follow."""
        self._unpaid.setdefault(owner, []).append(now)
        del self._unpaid[owner][:-MOST_UNPAID]

    def paid(self, owner: str) -> None:
        """A receipt came."""
        self._unpaid.pop(owner, None)

    def pays(self, owner: str, now: float) -> bool:
        """Whether we go on working for `owner`: within a day it left fewer than MOST_UNPAID jobs without a receipt."""
        return sum(now - at < DAY for at in self._unpaid.get(owner, ())) < MOST_UNPAID
