"""Starts the worker of a job, and takes its result; see `worker.py`."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from reedmesh.jobs.frames import MOST_RESULT

ONE_THREAD = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
# Before anything of ours is imported: that takes longer than a window. The filter of a service may refuse the second.
SPARE = """import os
os.nice(19)
try:
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
except OSError:
    pass
"""
LOW = "import os\nos.nice(10)\n"
BEGIN = "from reedmesh.jobs.worker import main\nmain()"
SLOWEST = 10  # seconds of the clock for a second of processor: others come first


@dataclass(frozen=True)
class Limits:
    """Of one job. megabytes: of address space. seconds: of processor. spare: only while nobody else wants that."""

    megabytes: int = 320
    seconds: int = 600
    spare: bool = True


@dataclass(frozen=True)
class Done:
    """data: the result. ms: of processor that it took. failed: why there is no result."""

    data: bytes
    ms: int
    failed: str = ""


Run = Callable[[str, dict[str, Any], Path, Limits], Awaitable[Done]]


async def run(kind: str, arguments: dict[str, Any], data: Path, limits: Limits) -> Done:
    """Do a job in a process of its own; when cancelled, end that."""
    job = {"kind": kind, "arguments": arguments, "data": str(data), "parent": os.getpid(), **asdict(limits)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", (SPARE if limits.spare else LOW) + BEGIN),
        stdin=PIPE,
        stdout=PIPE,
        stderr=DEVNULL,
        env=os.environ | ONE_THREAD,
        limit=2 * MOST_RESULT,
    )
    try:
        async with asyncio.timeout(limits.seconds * SLOWEST):
            return await _talk(process, json.dumps(job).encode() + b"\n")
    except TimeoutError:
        return Done(b"", 0, "it did not end in time")
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


async def _talk(process: Process, job: bytes) -> Done:
    assert process.stdin and process.stdout
    with suppress(ConnectionError):
        process.stdin.write(job)
        await process.stdin.drain()
        process.stdin.close()
    head, data = await process.stdout.readline(), b""
    while len(data) <= MOST_RESULT and (more := await process.stdout.read(MOST_RESULT + 1 - len(data))):
        data += more
    if len(data) > MOST_RESULT:
        return Done(b"", 0, f"its result is longer than {MOST_RESULT} bytes")
    if not head:
        return Done(b"", 0, f"it ended: {_ended(await process.wait())}")
    try:
        said = json.loads(head)
        return Done(data, int(said["ms"]), str(said["failed"]))
    except (ValueError, LookupError, TypeError):
        return Done(b"", 0, "it said something else than a result")


def _ended(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"status {status}"
