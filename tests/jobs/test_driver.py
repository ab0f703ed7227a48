"""Jobs here and at lenders: each once, in order, and here after all where lenders fail."""

import asyncio
from typing import Any

import pytest

from reedmesh.errors import ConfigError, RefusedError
from reedmesh.jobs import kinds
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.driver import Driver

JOBS = [Job("audit", {"number": number}) for number in range(20)]


def result(job: Job) -> bytes:
    return kinds.packed({"model": str(job.arguments["number"]), "faults": []})


async def here(job: Job) -> bytes:
    await asyncio.sleep(0)
    return result(job)


def worked(driver: Driver, **more: int) -> list[dict[str, Any]]:
    return asyncio.run(driver.run(**more))


@pytest.mark.parametrize("at_lenders", [0, 3])
def test_results_are_in_the_order_of_jobs(at_lenders: int) -> None:
    told: list[int] = []
    driver = Driver(JOBS, here, here, lambda at: told.append(at.done))
    assert [each["model"] for each in worked(driver, at_once=2, at_lenders=at_lenders)] == [str(i) for i in range(20)]
    assert told == list(range(1, 21)) and bool(driver.at_lenders) == bool(at_lenders)


def test_what_lenders_fail_at_is_done_here() -> None:
    asked = 0

    async def failing(job: Job) -> bytes:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0.02)
        raise RefusedError("nobody is idle")

    driver = Driver(JOBS, here, failing)
    assert [each["model"] for each in worked(driver, at_once=1, at_lenders=3)] == [str(i) for i in range(20)]
    assert asked == 3 and driver.failed == "nobody is idle" and driver.at_lenders == 0


def test_a_job_that_cannot_be_done_at_all_is_said_at_once() -> None:
    async def fails(job: Job) -> bytes:
        return kinds.failure("no machine with a fault")

    with pytest.raises(ConfigError, match="no machine with a fault"):
        worked(Driver(JOBS, fails), at_once=2)
