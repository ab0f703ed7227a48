"""What is not vital ends nobody: it is begun anew, later and later, and what failed is known."""

import asyncio
import logging

import pytest

from reedmesh.backoff import Backoff
from reedmesh.errors import ConfigError
from reedmesh.supervisor import Supervisor


def quick() -> Backoff:
    return Backoff(first=0.001, most=0.002)


def test_work_that_fails_is_begun_anew_until_it_returns() -> None:
    faults = [ValueError("first"), OverflowError("second")]

    async def work() -> None:
        if faults:
            raise faults.pop(0)

    supervisor = Supervisor(quick)
    asyncio.run(supervisor.keep("exchange", work))
    assert supervisor.table() == {"exchange": {"failures": 2, "reason": "OverflowError: second"}}


def test_a_fault_nobody_foresaw_is_logged_with_its_place_and_one_we_can_explain_in_a_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    faults: list[Exception] = [ValueError("odd"), ConfigError("the port is taken")]

    async def work() -> None:
        if faults:
            raise faults.pop(0)

    with caplog.at_level(logging.ERROR):
        asyncio.run(Supervisor(quick).keep("metrics", work))
    odd, known = caplog.records
    assert odd.exc_info and not known.exc_info
    assert "metrics failed" in known.getMessage() and "the port is taken" in known.getMessage()


def test_others_go_on_while_one_fails_and_a_cancellation_ends_all() -> None:
    done: list[int] = []

    async def broken() -> None:
        raise RuntimeError

    async def sound() -> None:
        while True:
            done.append(1)
            await asyncio.sleep(0)

    async def story() -> None:
        supervisor = Supervisor(quick)
        tasks = [asyncio.create_task(supervisor.keep(work.__name__, work)) for work in (broken, sound)]
        while len(done) < 20 or supervisor.failures["broken"].count < 3:
            await asyncio.sleep(0)
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, asyncio.CancelledError) for each in ended)

    asyncio.run(story())
