"""Credit between neighbours: points are paid for useful updates, and both sides state their totals to each other.

After each round the points of the time since the last payment go to the neighbours whose updates were worth something.
Totals travel in one signed message that brokers retain; any later one makes up for those that were lost.
"""

import asyncio
import logging
import time
from collections.abc import Callable

from reedmesh.errors import WireError
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.learning.events import Event, Round
from reedmesh.provenance import credit
from reedmesh.provenance.credit import Account, Statement
from reedmesh.store.writer import Disk
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

LEAF = "owed"  # of the topic
LOOK_SECONDS = 1.0
RATE, BURST = 1 / 60, 20  # statements of one neighbour that may be written: a second, and at once
MOST_ROUNDS = 100  # that wait to be paid

Say = Callable[[str, bytes], None]


class CreditExchange:
    """Of the gateway `name`, which signs with `key`; keyring: its neighbours' keys. clock: s since 1970."""

    def __init__(
        self, name: str, family: str, key: Key, keyring: Keyring, disk: Disk, clock: Callable[[], float] = time.time
    ) -> None:
        self._name = name
        self._family = family
        self._key = key
        self._keyring = keyring
        self._disk = disk
        self._clock = clock
        self._rounds: list[dict[str, float]] = []
        self._heard: dict[str, tuple[Statement, bytes]] = {}
        self._budgets: dict[str, TokenBucket] = {}
        self._said: object = None

    def take(self, event: Event) -> None:
        """Have the worth of a round paid soon."""
        if isinstance(event, Round) and len(self._rounds) < MOST_ROUNDS:
            known = {name: worth for name, worth in event.merged.worth.items() if name in self._keyring}
            self._rounds += [known] if known else []

    def hear(self, gateway: str, frame: bytes) -> None:
        """A neighbour's statement, to be taken soon; raises WireError for one that is not signed by it."""
        said = credit.unpack(frame, self._keyring.of(gateway))
        if said.name != gateway:
            raise WireError(f"credit: a statement of {said.name} among what {gateway} says")
        self._heard[gateway] = said, frame

    async def run(self, say: Say) -> None:
        """Pay, take what neighbours state, and state our own totals. say: has brokers hold a frame, by its leaf."""
        while True:
            await self.once(say)
            await asyncio.sleep(LOOK_SECONDS)

    async def once(self, say: Say) -> None:
        """Process everything that waits now."""
        while self._rounds:
            await self._pay(self._rounds.pop(0))
        for gateway in [each for each in self._heard if self._may_write(each)]:
            await self._take(gateway, *self._heard.pop(gateway))
        found = await self._disk.call(self._disk.store.credit.accounts)
        entries = {name: (each.owed, each.due) for name, each in _largest(found) if each.owed or each.due}
        if entries and entries != self._said:
            say(LEAF, self._statement(entries))
            self._said = entries

    async def _pay(self, worth: dict[str, float]) -> None:
        table, now = self._disk.store.credit, self._clock()
        points = credit.budget(await self._disk.call(table.last_paid), now)
        if shares := credit.divided(worth, sum(worth.values()), points):
            await self._disk.call(table.pay, shares, self._family, now)
            log.info("credit: %s", ", ".join(f"{count} points to {name}" for name, count in shares.items()))

    async def _take(self, gateway: str, said: Statement, frame: bytes) -> None:
        """Keep a statement that changes something."""
        table = self._disk.store.credit
        before = (await self._disk.call(table.accounts)).get(gateway, Account())
        try:
            after = credit.heard(before, said, self._name)
        except WireError as fault:
            log.warning("%s", fault)
            return
        if after.disputed < 0 <= before.disputed:
            log.warning("credit: %s says that we owe it %d points, it is %d", gateway, after.agreed, after.owed)
        if after != before:
            await self._disk.call(table.keep, gateway, after, frame)

    def _statement(self, entries: dict[str, tuple[int, int]]) -> bytes:
        said = Statement(self._name, int(self._clock() // credit.DAY), entries)
        return credit.pack(said, self._key.signature(said.text()))

    def _may_write(self, name: str) -> bool:
        """Whether what a neighbour says may cost a write now."""
        return self._budgets.setdefault(name, TokenBucket(RATE, BURST)).spend(time.monotonic())


def _largest(accounts: dict[str, Account]) -> list[tuple[str, Account]]:
    """Those that fit into a statement."""
    ranked = sorted(accounts.items(), key=lambda pair: (-max(pair[1].owed, pair[1].due), pair[0]))
    return ranked[: credit.MOST_ENTRIES]
