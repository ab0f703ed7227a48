"""The lender: bids for jobs while it is idle, does one at a time in a worker, and keeps the receipts."""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path

from reedmesh.config.jobs import Jobs
from reedmesh.errors import DiskError, WireError
from reedmesh.jobs import kinds
from reedmesh.jobs.data import Incoming, JobData
from reedmesh.jobs.frames import MOST_ARGUMENTS, Award, Begun, Bid, Chunk, Need, Offer, Receipt, Result, Taken
from reedmesh.jobs.later import Later
from reedmesh.jobs.process import Done, Limits, Run
from reedmesh.jobs.rule import Condition, Speed, hindrance
from reedmesh.jobs.standing import Standing
from reedmesh.jobs.voice import Voice
from reedmesh.json_object import read_json
from reedmesh.store.writer import Disk
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

OFFERS, OFFERS_AT_ONCE = 20.0, 200.0  # of one neighbour that are answered, a second
RECEIPTS, RECEIPTS_AT_ONCE = 1.0, 500.0  # that may cost a write
ASK_SECONDS, MOST_ASKED = 3.0, 5  # until data are asked for again, and how often
MOST_REMEMBERED = 1000  # jobs that were done: none is done twice


class Lender:
    """Of one gateway. condition: how it is now. lock: as in Borrower. run: does a job."""

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
        condition: Callable[[], Condition],
        wanted: Jobs,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._voice, self._disk, self._data, self._standing = voice, disk, data, standing
        self._limits, self._run, self._lock, self._condition, self._wanted = limits, run, lock, condition, wanted
        self._later, self._steady = later, steady
        self._speed = Speed()
        self._offers: dict[str, TokenBucket] = {}
        self._receipts: dict[str, TokenBucket] = {}
        self._estimates: dict[str, float] = {}
        self._done: dict[str, None] = {}
        self._working: asyncio.Task[None] | None = None
        self._incoming: Incoming | None = None
        self._arrived = asyncio.Event()
        self.doing = ""  # for whom, and what

    @property
    def hindrance(self) -> str:
        """Why nothing is lent now; "" if it is."""
        if not self._wanted.lend:
            return "[jobs] lend is not set"
        if self._working or self._lock.locked():
            return "it does a job"
        return hindrance(self._condition(), self._wanted.busy, self._wanted.hot)

    def hear(self, owner: str, said: Offer | Award | Chunk | Receipt, data: bytes, frame: bytes) -> None:
        """What an owner of jobs says. frame: as it came."""
        if isinstance(said, Offer):
            self._consider(owner, said)
        elif isinstance(said, Award):
            self._take(owner, said)
        elif isinstance(said, Chunk):
            self._add(said, data)
        else:
            self._later.put(partial(self._keep, owner, said, frame))

    def _consider(self, owner: str, said: Offer) -> None:
        bucket = self._offers.setdefault(owner, TokenBucket(OFFERS, OFFERS_AT_ONCE))
        if said.kind not in kinds.names() or said.code != kinds.code() or not bucket.spend(self._steady()):
            return
        if said.seconds > self._limits.seconds or not self._standing.pays(owner, self._voice.now()) or self.hindrance:
            return
        self._estimates[said.job] = said.seconds
        while len(self._estimates) > MOST_REMEMBERED:
            self._estimates.pop(next(iter(self._estimates)))
        seconds = self._speed.bid(said.seconds, self._condition().load)
        self._voice.say(Bid(said.job, round(seconds, 3)), owner)

    def _take(self, owner: str, said: Award) -> None:
        """Begin, or say why not."""
        reason = self.hindrance or self._objection(said)
        self._voice.say(Begun(said.job, reason), owner)
        if not reason:
            self._done[said.job] = None
            while len(self._done) > MOST_REMEMBERED:
                self._done.pop(next(iter(self._done)))
            self._working = asyncio.create_task(self._work(owner, said))

    def _objection(self, said: Award) -> str:
        if said.job in self._done or said.job not in self._estimates:
            return "it was done, or never bid for"
        try:
            kinds.find(said.kind).about(read_json(said.arguments.encode(), MOST_ARGUMENTS))
        except WireError as error:
            return str(error)[:100]
        return "" if said.size <= self._data.most else f"{said.size} bytes of data, {self._data.most} fit"

    async def _work(self, owner: str, said: Award) -> None:
        self.doing = f"{said.kind} for {owner}"
        try:
            async with self._lock:
                done = await self._do(owner, said)
            if not done.failed:
                self._speed.took(self._estimates.get(said.job, 0.0), done.ms / 1000)
                self._standing.worked_for(owner, self._voice.now())
            self._voice.say(Result(said.job, done.ms, done.failed[:200]), owner, done.data)
        finally:
            self._working, self.doing = None, ""

    async def _do(self, owner: str, said: Award) -> Done:
        try:
            if said.data and not self._data.has(said.data):
                await self._fetch(owner, said)
            path = self._data.path(said.data) if said.data else Path(os.devnull)
            return await self._run(said.kind, read_json(said.arguments.encode(), MOST_ARGUMENTS), path, self._limits)
        except (WireError, DiskError, OSError) as error:
            return Done(b"", 0, str(error))

    async def _fetch(self, owner: str, said: Award) -> None:
        """The data of a job, part by part; raises WireError when they do not come."""
        self._incoming = coming = Incoming(said.data, said.size)
        asked = 0
        while (data := coming.whole()) is None:
            before = coming.offset
            self._arrived.clear()
            self._voice.say(Need(said.job, said.data, before), owner)
            with suppress(TimeoutError):
                async with asyncio.timeout(ASK_SECONDS):
                    await self._arrived.wait()
            asked = asked + 1 if coming.offset == before else 0
            if asked == MOST_ASKED:
                raise WireError(f"its data did not come: {before} of {said.size} bytes")
        await asyncio.to_thread(self._data.keep, data)

    def _add(self, said: Chunk, data: bytes) -> None:
        coming = self._incoming
        if coming and said.data == coming.digest and coming.add(said.offset, data):
            self._arrived.set()

    async def _keep(self, owner: str, said: Receipt, frame: bytes) -> None:
        """A receipt: its total is what counts; what it says is told back, so that it is not said again."""
        self._standing.paid(owner)
        if not said.agreed:
            log.error("%s says that our result of job %s was another than others came to", owner, said.job)
        bucket = self._receipts.setdefault(owner, TokenBucket(RECEIPTS, RECEIPTS_AT_ONCE))
        if bucket.spend(self._steady()):
            text = f"{said.kind} {said.job}"[:60]
            named = said.total, said.jobs, text, said.result[:64], frame
            account = await self._disk.call(self._disk.store.lending.take, owner, *named)
            self._voice.say(Taken(account.lent), owner)

    async def close(self) -> None:
        """End the job that is being done."""
        if self._working:
            self._working.cancel()
            await asyncio.wait([self._working])
