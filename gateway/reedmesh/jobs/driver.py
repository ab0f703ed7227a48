"""Works a list of jobs off, here in processes of their own and at lenders; a job that lenders fail at is done here."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.jobs import kinds
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.kinds import Table

Do = Callable[[Job], Awaitable[bytes]]  # raises ReedmeshError where it cannot


class Driver:
    """Of `jobs`. here: does one on this machine. lent: has one done by lenders; None: nobody is asked.

    tell: called after each. results: in the order of jobs. done: so many of them; at_lenders: of these. failed: why a
    lender did not do one, the last time.
    """

    def __init__(
        self, jobs: Sequence[Job], here: Do, lent: Do | None = None, tell: Callable[["Driver"], None] = lambda _: None
    ) -> None:
        self.jobs = jobs
        self.results: list[Table] = [{} for _ in jobs]
        self.done = self.at_lenders = 0
        self.failed = ""
        self._here, self._lent, self._tell = here, lent, tell
        self._waiting = list(range(len(jobs)))[::-1]

    async def run(self, at_once: int = 1, at_lenders: int = 0) -> list[Table]:
        """Do them all, `at_once` here and `at_lenders` there; raises ConfigError for one that cannot be done at all."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(at_once):
                    tasks.create_task(self._ours())
                for _ in range(at_lenders if self._lent else 0):
                    tasks.create_task(self._theirs())
        except* ConfigError as group:
            raise group.exceptions[0] from None
        await self._ours()  # what lenders gave back
        return self.results

    async def _ours(self) -> None:
        while self._waiting:
            number = self._waiting.pop()
            self._took(number, await self._here(self.jobs[number]))

    async def _theirs(self) -> None:
        """Until lenders fail: then they are asked no more."""
        assert self._lent
        while self._waiting:
            number = self._waiting.pop()
            try:
                result = await self._lent(self.jobs[number])
            except ReedmeshError as error:
                self.failed = str(error)
                self._waiting.append(number)
                return
            self.at_lenders += 1
            self._took(number, result)

    def _took(self, number: int, result: bytes) -> None:
        told = kinds.find(self.jobs[number].kind).read(result)
        if set(told) == {"error"}:
            raise ConfigError(told["error"])
        self.results[number], self.done = told, self.done + 1
        self._tell(self)
