"""The worker: one job in a process of its own, with as little of the machine as there is to spare.

For neighbours it runs only when nothing else wants the processor (SCHED_IDLE, nice 19), with limits on memory
(RLIMIT_AS) and processor time (RLIMIT_CPU), and ends with the gateway. It reads a job as a line of JSON and writes a
line of JSON, then the result. `process.py` starts it.
"""

import json
import os
import resource
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

MB = 1 << 20
PR_SET_PDEATHSIG = 1  # of prctl(2)


def main() -> None:
    """Do the job on standard input."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between
    started = json.loads(sys.stdin.readline())
    _end_with(started["parent"])
    _limit(resource.RLIMIT_AS, started["megabytes"] * MB)
    _limit(resource.RLIMIT_CPU, started["seconds"])
    _limit(resource.RLIMIT_CORE, 0)
    data, failed = _done(started)
    used = resource.getrusage(resource.RUSAGE_SELF)
    head = {"ms": round(1000 * (used.ru_utime + used.ru_stime)), "failed": failed}
    out.write(json.dumps(head).encode() + b"\n" + data)
    out.flush()


def _done(started: dict[str, Any]) -> tuple[bytes, str]:
    """The result, or why there is none."""
    try:
        from reedmesh.jobs import kinds  # only now: what it imports takes longer than many a job

        return kinds.find(started["kind"]).done(started["arguments"], Path(started["data"])), ""
    except MemoryError:
        return b"", f"it needs more than {started['megabytes']} MB: [jobs] memory"
    except Exception as error:  # noqa: BLE001 - whatever it is, the owner is told
        return b"", f"{type(error).__name__}: {error}"[:200]


def _end_with(parent: int) -> None:
    """End with the parent, however that ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(OSError, AttributeError, ImportError):
        import ctypes

        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _limit(what: int, value: int) -> None:
    _, hard = resource.getrlimit(what)
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with suppress(OSError, ValueError):  # a service's system call filter may refuse it: its own limits hold then
        resource.setrlimit(what, (most, most))
