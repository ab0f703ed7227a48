"""The owner of jobs: offers them, awards them, compares results, and owes what lenders did; `auction.py` decides."""

import asyncio
import json
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh.errors import WireError
from reedmesh.jobs import kinds
from reedmesh.jobs.auction import LEAST_LEASE, Auction, Award, Outcome, RunHere
from reedmesh.jobs.data import JobData
from reedmesh.jobs.frames import CHUNK, MOST_ARGUMENTS, Begun, Bid, Chunk, Need, Offer, Receipt, Result, Taken
from reedmesh.jobs.frames import Award as Awarded
from reedmesh.jobs.kinds import Table
from reedmesh.jobs.later import Later
from reedmesh.jobs.process import Limits, Run
from reedmesh.jobs.standing import DAY, FAILED, SILENT, Out, Standing
from reedmesh.jobs.voice import Voice
from reedmesh.store.lending_table import LendingAccount
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

CHECKED = 20  # one of so many jobs is done here as well
MOST_JOBS = 32  # at once
REMIND_SECONDS = 30.0
REMINDER = "0" * 16  # the number of a job in a receipt that says totals alone


@dataclass(frozen=True)
class Job:
    """What is to be done. data: SHA-256 of its data, "" for none. seconds: of processor, estimated."""

    kind: str
    arguments: Table
    data: str = ""
    seconds: float = 1.0


@dataclass
class _Open:
    job: Job
    auction: Auction
    heard: asyncio.Event = field(default_factory=asyncio.Event)


class Borrower:
    """Of one gateway. lock: held while the worker of this machine is at work. run: does a job here.

    checked: one of so many jobs is done here as well, 0: none. patience: s that a lender has at least.
    """

    def __init__(
        self,
        voice: Voice,
        disk: Disk,
        data: JobData,
        standing: Standing,
        limits: Limits,
        run: Run,
        lock: asyncio.Lock,
        later: Later,
        checked: int = CHECKED,
        patience: float = LEAST_LEASE,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voice, self._disk, self._data, self._standing = voice, disk, data, standing
        self._limits, self._run, self._lock, self._steady = limits, run, lock, steady
        self._later, self._checked, self._patience = later, checked, patience
        self._open: dict[str, _Open] = {}

    @property
    def jobs(self) -> dict[str, tuple[Job, list[str]]]:
        """Those that are open, and to whom they were awarded."""
        return {number: (each.job, each.auction.lenders) for number, each in self._open.items()}

    async def borrow(self, job: Job) -> Outcome:
        """Have a job done; raises WireError for one that is none, or more than MOST_JOBS."""
        kind = kinds.find(job.kind)
        kind.about(job.arguments)
        if len(json.dumps(job.arguments)) > MOST_ARGUMENTS:
            raise WireError(f"more than {MOST_ARGUMENTS} bytes of arguments")
        size = self._data.size(job.data) if job.data else 0
        if len(self._open) >= MOST_JOBS:
            raise WireError(f"{MOST_JOBS} jobs are open: wait for one of them")
        number = os.urandom(8).hex()
        votes = 2 if kind.deterministic else 1
        checked = bool(self._checked) and int(number[:8], 16) % self._checked == 0
        opened = _Open(job, Auction(number, self._steady(), votes, checked, self._patience))
        self._open[number] = opened
        self._voice.say(Offer(number, job.kind, job.seconds, size, kinds.code()))
        try:
            outcome = await self._conduct(number, opened)
        finally:
            del self._open[number]
        await self._settle(f"{job.kind} {number}", number, job, outcome)
        return outcome

    async def _conduct(self, number: str, it: _Open) -> Outcome:
        own: asyncio.Task[None] | None = None
        try:
            while True:
                it.heard.clear()
                for action in it.auction.step(self._steady()):
                    if isinstance(action, Outcome):
                        return action
                    if isinstance(action, RunHere):
                        own = asyncio.create_task(self._run_here(it))
                    else:
                        self._award(number, it, action)
                await self._next(it)
        finally:
            if own and not own.done():
                own.cancel()

    async def _next(self, it: _Open) -> None:
        try:
            async with asyncio.timeout(it.auction.next_look(self._steady())):
                await it.heard.wait()
        except TimeoutError:
            pass

    def _award(self, number: str, it: _Open, action: Award) -> None:
        size = self._data.size(it.job.data) if it.job.data else 0
        self._voice.say(Awarded(number, it.job.kind, json.dumps(it.job.arguments), it.job.data, size), action.lender)

    async def _run_here(self, it: _Open) -> None:
        """The owner's own result; where this machine cannot do it at all, that is the result."""
        async with self._lock:
            done = await self._run(it.job.kind, it.job.arguments, self._path(it.job), self._limits)
        it.auction.own(done.data if not done.failed else kinds.failure(done.failed))
        it.heard.set()

    def _path(self, job: Job) -> Path:
        return self._data.path(job.data) if job.data else Path(os.devnull)

    def hear(self, lender: str, said: Bid | Begun | Need | Result | Taken, data: bytes) -> None:
        """What a lender says of one of our jobs; of a job that is over, nothing counts."""
        if isinstance(said, Taken):
            self._later.put(partial(self._disk.call, self._disk.store.lending.know, lender, said.total))
            return
        it = self._open.get(said.job)
        if not it:
            return
        if isinstance(said, Bid):
            self._bid(it, lender, said)
        elif isinstance(said, Need):
            self._give(it, lender, said)
        elif isinstance(said, Begun):
            it.auction.begun(lender, self._steady(), said.refused[:100])
        else:
            it.auction.result(lender, data, said.ms, self._steady(), self._fault(it.job, said, data))
        it.heard.set()

    def _bid(self, it: _Open, lender: str, said: Bid) -> None:
        if not self._standing.is_out(lender, self._voice.now()):
            it.auction.bid(lender, said.seconds)

    def _fault(self, job: Job, said: Result, data: bytes) -> str:
        """Why a result cannot be one; "" if it can."""
        if said.failed:
            return said.failed[:100]
        try:
            kinds.find(job.kind).read(data)
        except WireError as error:
            return f"no result of this kind: {error}"[:200]
        return ""

    def _give(self, it: _Open, lender: str, said: Need) -> None:
        """A part of a job's data, to whom it was awarded."""
        if lender in it.auction.lenders and said.data == it.job.data:
            part = self._data.read(said.data, said.offset, CHUNK)
            self._voice.say(Chunk(said.job, said.data, said.offset), lender, part)

    async def _settle(self, text: str, number: str, job: Job, outcome: Outcome) -> None:
        """Owe what was done, and put out who did otherwise."""
        now, table = self._voice.now(), self._disk.store.lending
        digest = sha256(outcome.data).hexdigest()
        for name, ms in outcome.paid.items():
            account = await self._disk.call(table.owe, name, ms, text, digest)
            self._voice.say(_receipt(number, job.kind, ms, account, digest), name)
        for name, other in outcome.disagreed.items():
            reason = "its result was another than " + (", ".join(outcome.paid) or "ours") + " came to"
            self._standing.put_out(name, DAY, reason, now)
            await self._disk.call(table.disagree, name, now + DAY, text, sha256(other).hexdigest(), reason)
            account = (await self._disk.call(table.accounts))[name]
            self._voice.say(replace(_receipt(number, job.kind, 0, account, digest), agreed=False), name)
            log.error("%s of %s: %s; nothing is borrowed from it for a day", text, name, reason)
        for name in outcome.silent:
            self._standing.put_out(name, SILENT, "it let the time of a job pass", now)
        for name, reason in outcome.failed.items():
            self._standing.put_out(name, FAILED, reason, now)

    async def remind(self) -> None:
        """Say receipts again that lenders do not know, until cancelled."""
        while True:
            for name, account in (await self._disk.call(self._disk.store.lending.accounts)).items():
                if account.known < account.borrowed:
                    self._voice.say(_receipt(REMINDER, "", 0, account, ""), name)
            await asyncio.sleep(REMIND_SECONDS)


def known_out(accounts: dict[str, LendingAccount]) -> dict[str, Out]:
    """Who is out, as the store knows."""
    return {name: Out(each.out_until, each.out_reason) for name, each in accounts.items() if each.out_until}


def _receipt(job: str, kind: str, ms: int, account: LendingAccount, result: str) -> Receipt:
    return Receipt(job, kind, ms, account.borrowed, account.borrowed_jobs, True, result)


def outcome_table(outcome: Outcome, kind: str) -> dict[str, Any]:
    """An outcome as JSON values."""
    said: dict[str, Any] = {
        "lenders": sorted(outcome.paid),
        "disagreed": sorted(outcome.disagreed),
        "silent": sorted(outcome.silent),
    }
    said |= {"failed": outcome.failed, "here": outcome.here, "ms": sum(outcome.paid.values())}
    return said | {"result": kinds.find(kind).read(outcome.data)}
