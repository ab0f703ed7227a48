"""The daily copy of irreplaceable data, checked, beside the database; `reedmesh doctor` rehearses a restore."""

import asyncio
from pathlib import Path

from reedmesh.store import backup
from reedmesh.store.store import Store

FIRST, DAY = 3600.0, 86400.0  # seconds: not in the hour of a start, when everybody wants the disk


async def run(store: Store, state: Path, name: str, first: float = FIRST, day: float = DAY) -> None:
    """Make one each day, for as long as the gateway runs; raises ConfigError for a database that cannot be copied."""
    await asyncio.sleep(first)
    while True:
        if not store.trouble:
            await asyncio.to_thread(backup.daily, state, name)
        await asyncio.sleep(day)
