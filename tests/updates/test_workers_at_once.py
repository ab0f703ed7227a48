"""The worker's process: each learns by itself, and whoever leaves ends none but its own."""

import asyncio
import os
import time

from reedmesh.updates.worker import worker_process
from tests.support.timeouts import PATIENCE


def after(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def test_two_families_learn_at_once_and_the_first_to_end_leaves_the_other_alone() -> None:
    async def story() -> tuple[int, int]:
        async with asyncio.timeout(PATIENCE), worker_process() as long:
            first = await long(after, 0.0)
            working = asyncio.create_task(long(after, 0.5))
            async with worker_process() as short:
                other = await short(after, 0.0)
            assert first != other and await working == first
            return first, other

    for pid in asyncio.run(story()):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            continue
        raise AssertionError(f"process {pid} is left behind")


def test_a_worker_that_is_left_in_the_middle_of_its_work_ends() -> None:
    async def story() -> int:
        async with asyncio.timeout(PATIENCE), worker_process() as work:
            pid = await work(after, 0.0)
            task = asyncio.create_task(work(after, 3600.0))
            await asyncio.sleep(0)
            task.cancel()
            return pid

    pid = asyncio.run(story())
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return
    raise AssertionError("it goes on")
