"""The worker as a real process: its priority, its limits, and what it says of its faults."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

from reedmesh.jobs import kinds, process
from reedmesh.jobs.process import Done, Limits
from reedmesh.recordings.recording import to_bytes
from tools.simulate import recordings

SEARCH: dict[str, Any] = {
    "features": {"version": 1, "samples": 200, "axes": 3, "bands": 8},
    "windows": 60,
    "part": "tune",
}
SEARCH |= {"quantiles": [0.95], "margins": [1.5, 2.0], "rules": [[7, 16, 30]]}


def done(kind: str, arguments: dict[str, Any], data: Path, limits: Limits | None = None) -> Done:
    return asyncio.run(process.run(kind, arguments, data, limits or Limits()))


def test_a_job_in_a_process_comes_to_what_it_comes_to_here(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(to_bytes(recordings.simulate(gateways=1)))
    found = done("search", SEARCH, path)
    assert found == Done(kinds.find("search").done(SEARCH, path), found.ms) and 0 < found.ms < 60_000
    assert len(json.loads(found.data)["rows"]) == 2


def test_a_job_is_ended_that_takes_too_much_and_the_reason_is_told(tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_bytes(to_bytes(recordings.simulate(gateways=1)))
    small = done("search", SEARCH, path, Limits(megabytes=100))
    assert small.failed and not small.data
    assert "there are audit, evaluate, search" in done("shell", {}, path).failed


def test_a_job_gives_way_and_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)  # a job that waits for its data

    async def main() -> None:
        job = asyncio.create_task(process.run("audit", {}, fifo, Limits(seconds=7)))
        with await asyncio.to_thread(fifo.open, "wb"):
            worker = next(each for each in _children() if "reedmesh.jobs.worker" in _words(each))
            assert os.sched_getscheduler(worker) == os.SCHED_IDLE and os.getpriority(os.PRIO_PROCESS, worker) == 19
            limits = Path(f"/proc/{worker}/limits").read_text()
            assert " 7 " in next(line for line in limits.splitlines() if line.startswith("Max cpu time"))
            assert str(320 << 20) in next(line for line in limits.splitlines() if line.startswith("Max address space"))
            job.cancel()
            await asyncio.wait([job])
            assert not Path(f"/proc/{worker}").exists()

    asyncio.run(main())


def _children() -> list[int]:
    found = []
    for each in Path("/proc").glob("[0-9]*/stat"):
        words = each.read_text().rpartition(")")[2].split()
        found += [int(each.parent.name)] if int(words[1]) == os.getpid() else []
    return found


def _words(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
