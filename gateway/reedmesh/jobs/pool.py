"""The pool as the rest of a gateway sees it: jobs of ours are done by neighbours, and theirs by us."""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reedmesh.config.jobs import Jobs
from reedmesh.exchange.federation import Federation, Heard
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.jobs import process
from reedmesh.jobs.auction import LEAST_LEASE, Outcome
from reedmesh.jobs.borrowing import CHECKED, Borrower, Job, known_out
from reedmesh.jobs.data import FOLDER, JobData
from reedmesh.jobs.frames import Award, Begun, Bid, Chunk, Need, Offer, Receipt, Result, Taken
from reedmesh.jobs.later import Later
from reedmesh.jobs.lending import Lender
from reedmesh.jobs.process import Limits, Run
from reedmesh.jobs.rule import Condition
from reedmesh.jobs.standing import Standing
from reedmesh.jobs.voice import Voice
from reedmesh.links.message import Publisher
from reedmesh.store.writer import Disk

TOLD = ("borrowed", "borrowed_jobs", "lent", "lent_jobs", "disagreed")  # of an account; times in ms


class Pool:
    """Of the gateway `name`. state: its folder. condition: how it is now, see `rule.py`. run: does a job here.

    clock: s since 1970. checked, patience: as in Borrower.
    """

    def __init__(
        self,
        name: str,
        key: Key,
        keyring: Keyring,
        federation: Federation,
        disk: Disk,
        state: Path,
        wanted: Jobs,
        condition: Callable[[], Condition],
        run: Run = process.run,
        clock: Callable[[], float] = time.time,
        checked: int = CHECKED,
        patience: float = LEAST_LEASE,
    ) -> None:
        self.condition = condition
        self._disk = disk
        self._lends = wanted.lend
        self.data = JobData(state / FOLDER, wanted.megabytes * 1_000_000)
        self.standing = Standing(known_out(disk.store.lending.accounts()))
        self._voice = Voice(name, key, keyring, federation, clock)
        limits, lock = Limits(wanted.memory, wanted.seconds), asyncio.Lock()
        self._later = Later()
        shared = self._voice, disk, self.data, self.standing, limits, run, lock, self._later
        self.borrower = Borrower(*shared, checked, patience)
        self.lender = Lender(*shared, condition, wanted)

    def hear(self, heard: Heard) -> None:
        """What a neighbour says; raises WireError for what nobody should believe."""
        frame = self._voice.hear(heard)
        said = frame.words if frame else None
        if isinstance(said, Offer | Award | Chunk | Receipt):
            assert frame
            self.lender.hear(heard.gateway, said, frame.data, heard.payload)
        elif isinstance(said, Bid | Begun | Need | Result | Taken):
            assert frame
            self.borrower.hear(heard.gateway, said, frame.data)

    async def borrow(self, job: Job) -> Outcome:
        """As in Borrower."""
        return await self.borrower.borrow(job)

    async def run(self, own: Publisher) -> None:
        """Speak, and repeat receipts, until cancelled; then end the job that is being done."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._voice.run(own))
                tasks.create_task(self._later.run())
                tasks.create_task(self.borrower.remind())
        finally:
            await self.lender.close()

    async def table(self) -> dict[str, Any]:
        """Who lends, what is done, what is owed: as JSON values."""
        now, condition = self._voice.now(), self.condition()
        accounts = await self._disk.once(self._disk.store.lending.accounts)
        out = {name: {"until": each.until, "reason": each.reason} for name, each in self.standing.out(now).items()}
        return {
            "lends": self._lends,
            "hindrance": self.lender.hindrance,
            "doing": self.lender.doing,
            "load": round(condition.load, 3),
            "celsius": round(condition.celsius, 1),
            "jobs": [{"job": job, "kind": it.kind, "lenders": to} for job, (it, to) in self.borrower.jobs.items()],
            "neighbours": {name: {key: getattr(each, key) for key in TOLD} for name, each in accounts.items()},
            "out": out,
        }
