"""Who connects to the embedded broker and says nothing keeps nobody out and takes a hundred connections at most."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from reedmesh.broker import strangers
from tests.broker.test_acl import Site
from tests.broker.test_attacks import served
from tests.support.timeouts import PATIENCE


@asynccontextmanager
async def silent(port: int, count: int) -> AsyncIterator[list[asyncio.StreamReader]]:
    """So many connections that say nothing, in the order in which they were made."""
    made = [await asyncio.open_connection("127.0.0.1", port) for _ in range(count)]
    try:
        yield [reader for reader, _ in made]
    finally:
        for _, writer in made:
            writer.transport.abort()
        await asyncio.sleep(0)


async def is_over(reader: asyncio.StreamReader) -> None:
    with contextlib.suppress(ConnectionError):
        assert await reader.read() == b""


def test_hundreds_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    async def story() -> None:
        it = Site(tmp_path, "embedded")
        async with asyncio.timeout(PATIENCE), it.broker(), silent(it.port, 3 * strangers.MOST) as readers:
            for each in readers[: 2 * strangers.MOST]:  # the oldest were hung up on
                await is_over(each)
            assert not readers[-1].at_eof()
            await served(it)

    asyncio.run(story())


def test_who_does_not_log_in_for_long_is_hung_up_on_and_who_did_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(strangers, "SECONDS", 0.2)

    async def story() -> None:
        it = Site(tmp_path, "embedded")
        async with asyncio.timeout(PATIENCE), it.broker():
            link = it.link("gateway.hall2")
            listening = asyncio.create_task(anext(link.messages()))
            while not link.connected:
                await asyncio.sleep(0.01)
            async with silent(it.port, 3) as readers:
                for each in readers:
                    await is_over(each)
            assert link.connected
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    asyncio.run(story())
