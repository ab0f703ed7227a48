"""The requests `jobs`, `borrow` and `borrowed`: who lends computing, and jobs of the owner's that neighbours do.

    {"kind": "search", "arguments": "{...}", "data": SHA-256, "seconds": 1.5}   ->   {"job": number}
    {"job": number}   ->   {"state": "open", "done" or why not, "lenders", "disagreed", "result", ...}

Data of a job lie in the folder `jobs` of the state directory, named by their SHA-256: who puts them there chose them.
"""

import asyncio
from typing import Any

from reedmesh.errors import RefusedError, WireError
from reedmesh.jobs.borrowing import Job, outcome_table
from reedmesh.jobs.frames import MOST_ARGUMENTS, MOST_SECONDS
from reedmesh.jobs.pool import Pool
from reedmesh.json_object import read_json
from reedmesh.service.requests.arguments import Arguments

MOST_KEPT = 100  # jobs whose outcome is remembered
OPEN, DONE = "open", "done"


class PoolRequests:
    """About the pool of one gateway. known: how many neighbours it has."""

    def __init__(self, pool: Pool, known: int) -> None:
        self._pool = pool
        self._known = known
        self._outcomes: dict[str, dict[str, Any]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._number = 0

    async def jobs(self, _: Arguments) -> dict[str, Any]:
        """{}: who lends computing, what is done, what is owed."""
        return {**await self._pool.table(), "known": self._known}

    async def borrow(self, given: Arguments) -> dict[str, Any]:
        """{kind, arguments, data, seconds}: begin a job; raises RefusedError for one that is none."""
        job = Job(
            given.some_text("kind", 32),
            _table(given),
            given.text("data", 64),
            given.number("seconds", 0.001, MOST_SECONDS, 1.0),
        )
        self._number += 1
        number = str(self._number)
        self._keep(number, {"state": OPEN})
        task = asyncio.create_task(self._do(number, job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return {"job": number}

    async def borrowed(self, given: Arguments) -> dict[str, Any]:
        """{job}: its state, and its outcome when it is done."""
        number = given.some_text("job", 20)
        if number not in self._outcomes:
            raise RefusedError(f"job: none with the number {number}, or it is too long ago")
        return self._outcomes[number]

    async def _do(self, number: str, job: Job) -> None:
        try:
            outcome = await self._pool.borrow(job)
            self._keep(number, {"state": DONE, **outcome_table(outcome, job.kind)})
        except WireError as error:
            self._keep(number, {"state": str(error)})
        except Exception as error:
            self._keep(number, {"state": f"{type(error).__name__}: {error}"[:200]})
            raise

    def _keep(self, number: str, told: dict[str, Any]) -> None:
        self._outcomes[number] = told
        while len(self._outcomes) > MOST_KEPT:
            self._outcomes.pop(next(iter(self._outcomes)))

    async def close(self) -> None:
        """End what is open."""
        for each in list(self._tasks):
            each.cancel()


def _table(given: Arguments) -> dict[str, Any]:
    try:
        return read_json(given.lines("arguments", MOST_ARGUMENTS).encode(), MOST_ARGUMENTS)
    except WireError as error:
        raise RefusedError(f"arguments: {error}") from error
