"""Keeps the model's process: started when it is needed, one question at a time, ended when it is late or idle."""

import asyncio
import json
import logging
import os
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from reedmesh.config.settings import Assistant

log = logging.getLogger(__name__)

IDLE = 300.0  # seconds without a question, after which the model leaves memory
MOST_LINE = 1 << 17  # bytes of a line from the process


class ModelError(Exception):
    """The model gave no answer; the text says why, in one line."""


@dataclass(frozen=True)
class Loaded:
    """name: of the model; sha256: of its file, "" for a server's."""

    name: str
    sha256: str


class ModelProcess:
    """Of one gateway. loaded: waited for with each model that was loaded, for the ledger."""

    def __init__(
        self, settings: Assistant, loaded: Callable[[Loaded], Awaitable[None]] | None = None, idle: float = IDLE
    ) -> None:
        self.name = ""
        self._settings = settings
        self._loaded = loaded
        self._idle = idle
        self._process: asyncio.subprocess.Process | None = None
        self._busy = False
        self._last = 0.0
        self._unloading: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """Of its process, while there is one."""
        return self._process.pid if self._process else None

    async def complete(self, body: dict[str, Any]) -> str:
        """The text of a chat completion; raises ModelError when it is busy, late, ended, or cannot be loaded."""
        if self._busy:
            raise ModelError("the model is busy with another question")
        self._busy = True
        try:
            async with asyncio.timeout(self._settings.seconds):
                return await self._ask(body)
        except TimeoutError as error:
            await self.close()
            raise ModelError(f"the model did not answer within {self._settings.seconds:g} s") from error
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self._busy, self._last = False, time.monotonic()

    async def close(self) -> None:
        """End its process."""
        process, self._process = self._process, None
        if process and process.returncode is None:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _ask(self, body: dict[str, Any]) -> str:
        if not self._process or self._process.returncode is not None:
            await self._start()
        told = await self._exchange(body)
        if "text" not in told:
            raise ModelError(f"the model: {told.get('error', 'no text')}")
        return str(told["text"])

    async def _start(self) -> None:
        command = [sys.executable, "-m", "reedmesh.assistant.model.worker"]
        pipes = {
            "stdin": asyncio.subprocess.PIPE,
            "stdout": asyncio.subprocess.PIPE,
            "stderr": asyncio.subprocess.DEVNULL,
        }
        self._process = await asyncio.create_subprocess_exec(*command, **pipes, limit=MOST_LINE)  # type: ignore[arg-type]
        wanted = vars(self._settings) | {"threads": max(1, (os.cpu_count() or 1) - 1)}
        told = await self._exchange(
            {key: value for key, value in wanted.items() if isinstance(value, str | int | float)}
        )
        if "ready" not in told:
            await self.close()
            raise ModelError(f"the model cannot be loaded: {told.get('error', 'its process said nothing')}")
        self.name = str(told["ready"])
        log.info("assistant: model %s is loaded", self.name)
        if self._loaded:
            await self._loaded(Loaded(self.name, str(told["sha256"])))
        self._unloading = asyncio.create_task(self._unload())

    async def _exchange(self, line: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        assert process and process.stdin and process.stdout
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            await process.stdin.drain()
            told = await process.stdout.readline()
            said = json.loads(told) if told else None
        except (OSError, ValueError):
            said = None
        if not isinstance(said, dict):
            await self.close()
            raise ModelError("the model's process ended before it answered")
        return said

    async def _unload(self) -> None:
        """Free the memory of a model nobody asks."""
        mine = self._process
        while self._process is mine and mine is not None:
            rest = self._last + self._idle - time.monotonic() if self._last else self._idle
            if rest <= 0 and not self._busy:
                log.info("assistant: model %s is unloaded, nobody asked for %g s", self.name, self._idle)
                await self.close()
                return
            await asyncio.sleep(max(rest, 0.05))
