"""The auction of one job, at its owner: who does it, when it is tried elsewhere, and which result counts. Pure.

The lowest estimate wins, ties by hash. Two lenders do what is deterministic, and their results must be the same bytes;
where they differ a third decides, and at last the owner, whose own result counts alone. Lenders that never begin, fail
or let their lease pass are tried no further.
"""

from dataclasses import dataclass, field
from hashlib import sha256

BIDDING, MOST_BIDDING = 0.05, 0.8  # seconds that bids are awaited; doubled while too few have come
BEGIN = 2.0  # seconds in which a lender says that it begins
LEASE, LEAST_LEASE = 4.0, 30.0  # times the seconds that were bid, and seconds at least
MOST_LENDERS = 5  # of one job
MOST_BIDS = 64
DEAREST = 3  # times what the quickest lender of a job took that another one is paid


@dataclass(frozen=True)
class Award:
    """Have `lender` do it."""

    lender: str


@dataclass(frozen=True)
class RunHere:
    """The owner does it itself."""


@dataclass(frozen=True)
class Outcome:
    """The result that counts. paid: ms that are owed to each lender that came to it. here: the owner did it, too.

    disagreed: lenders that came to another, and which. silent: that let their time pass. failed: that could not.
    """

    data: bytes
    paid: dict[str, int] = field(default_factory=dict)
    disagreed: dict[str, bytes] = field(default_factory=dict)
    silent: tuple[str, ...] = ()
    failed: dict[str, str] = field(default_factory=dict)
    here: bool = False


Action = Award | RunHere | Outcome


@dataclass
class _Run:
    """A lender at work. until: when its time has passed. data: its result."""

    until: float
    bid: float
    since: float
    data: bytes | None = None
    ms: int = 0
    failed: str = ""
    silent: bool = False

    @property
    def is_open(self) -> bool:
        return self.data is None and not self.failed and not self.silent


class Auction:
    """Of one job. votes: lenders whose results must agree; 1 for what is not deterministic.

    checked: the owner does it in any case, to catch lenders that lie alike. Times are seconds of a clock that does not
    go back.
    """

    def __init__(
        self, job: str, now: float, votes: int = 2, checked: bool = False, patience: float = LEAST_LEASE
    ) -> None:
        self.job = job
        self.bids: dict[str, float] = {}
        self.outcome: Outcome | None = None
        self._runs: dict[str, _Run] = {}
        self._votes = votes
        self._patience = patience
        self._window = BIDDING
        self._opened = now
        self._checked = checked
        self._own: bytes | None = None
        self._asked_own = False

    @property
    def lenders(self) -> list[str]:
        """All that it was awarded to."""
        return list(self._runs)

    @property
    def is_bidding(self) -> bool:
        """Whether nobody has it yet."""
        return not self._runs and not self._asked_own

    def bid(self, lender: str, seconds: float) -> None:
        """A lender would take it; what comes after the award counts where it has to be tried elsewhere."""
        if len(self.bids) < MOST_BIDS:
            self.bids.setdefault(lender, max(0.0, seconds))

    def begun(self, lender: str, now: float, refused: str = "") -> None:
        """A lender says that it begins, or why it will not."""
        run = self._runs.get(lender)
        if run and run.is_open:
            run.failed, run.since = refused, now
            run.until = now + max(self._patience, LEASE * run.bid)

    def result(self, lender: str, data: bytes, ms: int, now: float, failed: str = "") -> None:
        """What a lender came to, in `ms` of processor as it says; the first that it says counts."""
        run = self._runs.get(lender)
        if run and run.is_open:
            run.data, run.failed = (None, failed) if failed else (data, "")
            run.ms = min(ms, max(0, round(1000 * (now - run.since))))

    def own(self, data: bytes) -> None:
        """What the owner came to."""
        self._own = data

    def next_look(self, now: float) -> float:
        """Seconds until something is due, whatever is heard."""
        if self.is_bidding:
            return max(0.0, self._opened + self._window - now)
        return max(0.0, min((run.until for run in self._runs.values() if run.is_open), default=now + 1.0) - now)

    def step(self, now: float) -> list[Action]:
        """What is to be done at `now`; an Outcome is the last of all."""
        if self.outcome:
            return []
        for run in self._runs.values():
            run.silent = run.silent or (run.is_open and now >= run.until)
        if self._decide():
            assert self.outcome
            return [self.outcome]
        if self.is_bidding and not self._are_enough(now):
            return []
        return self._awards(now)

    def _are_enough(self, now: float) -> bool:
        """Whether bidding is over: enough have bid, or no more are waited for."""
        while now >= self._opened + self._window:
            if len(self.bids) >= self._votes or self._window >= MOST_BIDDING:
                return True
            self._window *= 2
        return False

    def _awards(self, now: float) -> list[Action]:
        waiting = [name for name in self._ranked() if name not in self._runs]
        running = sum(run.is_open for run in self._runs.values())
        lacking = self._votes - self._most_alike() - running
        room = MOST_LENDERS - len(self._runs)
        actions: list[Action] = []
        possible = running + min(len(waiting), room) >= self._votes - self._most_alike()
        for name in waiting[: max(0, min(lacking, room))] if possible else ():
            self._runs[name] = _Run(now + BEGIN, self.bids[name], now)
            actions.append(Award(name))
        stuck = not actions and not running
        if (stuck or self._checked) and not self._asked_own:
            self._asked_own = True
            actions.append(RunHere())
        return actions

    def _ranked(self) -> list[str]:
        return sorted(self.bids, key=lambda name: (self.bids[name], sha256((self.job + name).encode()).digest()))

    def _most_alike(self) -> int:
        """Lenders that said the same, at most."""
        said = [run.data for run in self._runs.values() if run.data is not None]
        return max((said.count(each) for each in said), default=0)

    def _decide(self) -> bool:
        if self._own is None and (self._checked or self._most_alike() < self._votes):
            return False
        if self._own is not None and any(run.is_open for run in self._runs.values()):
            return False  # they are owed a receipt, or a word that they are wrong
        said = [run.data for run in self._runs.values() if run.data is not None]
        data = self._own if self._own is not None else max(said, key=said.count)
        self.outcome = Outcome(
            data,
            paid=self._paid(data),
            disagreed={name: run.data for name, run in self._runs.items() if run.data not in (None, data)},
            silent=tuple(name for name, run in self._runs.items() if run.silent),
            failed={name: run.failed for name, run in self._runs.items() if run.failed},
            here=self._own is not None,
        )
        return True

    def _paid(self, data: bytes) -> dict[str, int]:
        """No more than passed on our clock, and no more than DEAREST times what the quickest of them took."""
        agreed = {name: run.ms for name, run in self._runs.items() if run.data == data}
        most = DEAREST * min(agreed.values(), default=0)
        return {name: min(ms, most) for name, ms in agreed.items()}
