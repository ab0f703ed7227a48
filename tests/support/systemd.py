"""A notify socket as systemd has one, and a gateway's process that is told of it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE

from tests.support.timeouts import PATIENCE


class Manager:
    """Listens as systemd does, and keeps what it was told."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def close(self) -> None:
        self._socket.close()

    def next(self, patience: float = PATIENCE) -> str | None:
        """The next thing it is told; None when nothing comes in time."""
        self._socket.settimeout(patience)
        try:
            self.told.append(self._socket.recv(4096).decode())
        except TimeoutError:
            return None
        return self.told[-1]

    def until(self, pattern: str) -> str:
        """The next thing it is told that matches."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if (said := self.next(end - time.monotonic())) and re.search(pattern, said):
                return said
        raise AssertionError(f"never told {pattern}: {self.told[-20:]}")

    def until_true(self, holds: Callable[[], bool]) -> None:
        """Look until it holds."""
        end = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < end
            time.sleep(0.02)

    def forget(self) -> None:
        """Read what it was told until now."""
        while self.next(patience=0.001) is not None:
            pass

    def quiet(self, text: str, seconds: float) -> bool:
        """Whether `text` is not told for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            if self.next(left) == text:
                return False
        return True

    def environment(self, watchdog: float) -> dict[str, str]:
        """What systemd would give a process."""
        return {**os.environ, "NOTIFY_SOCKET": self.address, "WATCHDOG_USEC": str(int(watchdog * 1e6))}


@contextmanager
def manager(folder: Path) -> Iterator[Manager]:
    """A notify socket in `folder`."""
    it = Manager(folder)
    try:
        yield it
    finally:
        it.close()


@contextmanager
def process(
    manager: Manager, config: Path, watchdog: float = 2.0, before: str = ""
) -> Iterator["subprocess.Popen[str]"]:
    """`reedmesh run` on `config`, told of the manager; `before`: Python that breaks something first."""
    command = [sys.executable, "-c", f"{before}\nimport sys; from reedmesh.__main__ import main; sys.exit(main())"]
    if not before:
        command = [sys.executable, "-m", "reedmesh"]
    environment = manager.environment(watchdog)
    log = config.with_name("gateway.log")
    with (
        log.open("a") as out,
        subprocess.Popen([*command, "run", str(config)], stdout=PIPE, stderr=out, text=True, env=environment) as it,
    ):
        try:
            yield it
        finally:
            it.kill()
