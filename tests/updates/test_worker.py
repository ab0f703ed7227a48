"""The worker ends with whoever started it, also when that is killed in the middle of a round."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from reedmesh.updates.worker import worker_process
from tests.support.timeouts import PATIENCE


def busy(place: str) -> None:
    """A round of learning that takes long: says which process it is in."""
    draft = Path(f"{place}.draft")
    draft.write_text(str(os.getpid()))
    draft.rename(place)
    time.sleep(10 * PATIENCE)


async def lead(place: str) -> None:
    async with worker_process() as work:
        await work(busy, place)


def is_running(pid: int) -> bool:
    """One that nobody has reaped yet does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(holds: object) -> None:
    end = time.monotonic() + PATIENCE
    while not holds():  # type: ignore[operator]
        assert time.monotonic() < end
        time.sleep(0.01)


def test_kill_9_of_a_gateway_leaves_no_worker_behind(tmp_path: Path) -> None:
    place = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-m", "tests.updates.test_worker", str(place)])
    try:
        until(place.exists)
        pid = int(place.read_text())
        assert is_running(pid)
        process.send_signal(signal.SIGKILL)
        process.wait()
        until(lambda: not is_running(pid))
    finally:
        process.kill()


if __name__ == "__main__":
    asyncio.run(lead(sys.argv[1]))
