"""The worker as a real process: its priority, its limits, and what it says of its faults."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from reedmesh.jobs import kinds, process
from reedmesh.jobs.process import Done, Limits
from reedmesh.recordings.recording import to_bytes
from tests.support.timeouts import PATIENCE
from tools.simulate import recordings

SEARCH: dict[str, Any] = {
    "features": {"version": 1, "samples": 200, "axes": 3, "bands": 8},
    "windows": 60,
    "part": "tune",
}
SEARCH |= {"quantiles": [0.95], "margins": [1.5, 2.0], "rules": [[7, 16, 30]]}


def done(kind: str, arguments: dict[str, Any], data: Path, megabytes: int = 320) -> Done:
    """At a priority at which it ends on a machine that is busy with other tests."""
    return asyncio.run(process.run(kind, arguments, data, Limits(megabytes, spare=False)))


def test_a_job_in_a_process_comes_to_what_it_comes_to_here(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(to_bytes(recordings.simulate(gateways=1)))
    found = done("search", SEARCH, path)
    assert found == Done(kinds.find("search").done(SEARCH, path), found.ms) and 0 < found.ms < 60_000
    assert len(json.loads(found.data)["rows"]) == 2


def test_a_job_is_ended_that_takes_too_much_and_the_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(to_bytes(recordings.simulate(gateways=1)))
    small = done("search", SEARCH, path, megabytes=100)
    assert small.failed and not small.data
    assert "there are audit, evaluate, search" in done("shell", {}, path).failed


def test_a_job_gives_way_and_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # a job that waits for its data and does not end

    async def main() -> None:
        job = asyncio.create_task(process.run("audit", {}, fifo, Limits(seconds=7)))
        async with asyncio.timeout(PATIENCE):
            while not (worker := _worker()) or " 7 " not in _limit(worker, "Max cpu time"):
                await asyncio.sleep(0.01)
        assert os.sched_getscheduler(worker) == os.SCHED_IDLE and os.getpriority(os.PRIO_PROCESS, worker) == 19
        assert str(320 << 20) in _limit(worker, "Max address space")
        job.cancel()
        await asyncio.wait([job])
        assert not Path(f"/proc/{worker}").exists()

    asyncio.run(main())


def _worker() -> int:
    """Its process, 0 while there is none."""
    children = [each for path in Path("/proc/self/task").glob("*/children") for each in path.read_text().split()]
    found = [each for each in children if b"reedmesh.jobs.worker" in Path(f"/proc/{each}/cmdline").read_bytes()]
    return int(found[0]) if found else 0


def _limit(worker: int, name: str) -> str:
    lines = Path(f"/proc/{worker}/limits").read_text().splitlines()
    return next(line for line in lines if line.startswith(name))
