"""Has a running gateway borrow computing for a command: data by its state directory, jobs and results by requests."""

import asyncio
import json
import os
from collections import Counter
from hashlib import sha256
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.commands.client import ask
from reedmesh.config.settings import Config
from reedmesh.errors import RefusedError
from reedmesh.jobs import kinds
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.data import FOLDER

LOOK_SECONDS = 0.25
MOST_AT_ONCE = 8  # jobs


class Lenders:
    """Those of the gateway of `config`."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._helped: Counter[str] = Counter()
        self._ms = 0

    def bring(self, data: bytes) -> None:
        """Give data of jobs to the gateway; raises DiskError when this user may not."""
        state = Path(self._config.state)
        owner = (state.stat().st_uid, state.stat().st_gid) if os.geteuid() == 0 else (-1, -1)
        atomic_file.write(state / FOLDER / sha256(data).hexdigest(), data, 0o640, owner)

    async def at_once(self) -> int:
        """Jobs that are worth lending at once: one for two lenders; neighbours do not say how busy they are."""
        told = await self._ask("jobs", {})
        return min(MOST_AT_ONCE, max(1, int(told["known"]) // 2))

    async def do(self, job: Job) -> bytes:
        """Have a job done; raises RefusedError when the gateway does not take it, or no lender did it."""
        given = {"kind": job.kind, "arguments": json.dumps(job.arguments), "data": job.data, "seconds": job.seconds}
        number = (await self._ask("borrow", given))["job"]
        while True:
            told = await self._ask("borrowed", {"job": number})
            if told["state"] != "open":
                break
            await asyncio.sleep(LOOK_SECONDS)
        if told["state"] != "done":
            raise RefusedError(str(told["state"]))
        if not told["lenders"]:
            raise RefusedError("fewer than two neighbours are idle: the gateway did it itself")
        self._helped.update(told["lenders"])
        self._ms += int(told["ms"])
        return kinds.packed(told["result"])

    def words(self) -> str:
        """Who helped, and how much is owed for it."""
        helped = ", ".join(f"{name} {count}" for name, count in sorted(self._helped.items())) or "nobody"
        return f"{helped}; {self._ms / 1000:.1f} s of processor borrowed"

    async def _ask(self, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
        return await asyncio.to_thread(ask, self._config, verb, arguments)
