"""Neighbours in memory: what one learnt is where the other begins, and what is wrong is left out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import numpy as np

from reedmesh import family as families
from reedmesh import keys, quantise, scale, snapshot
from reedmesh.broker import MemoryBroker
from reedmesh.commission import Lesson
from reedmesh.exchange import subscriptions
from reedmesh.keys import Keyring
from reedmesh.share import Share
from reedmesh.store import Disk, Store

FAMILY = families.load(families.find("vibration"))
SIZE = quantise.size(FAMILY.float_tflite)
PATIENCE = 20  # seconds


def lesson(value: float, windows: int) -> Lesson:
    """A lesson whose weights are all `value`, of so many windows."""
    moments = scale.fit(np.full((windows, FAMILY.recipe.length), 3, np.int8))
    weights = np.full(SIZE, value, np.float32).tobytes()
    return Lesson(b"", weights, moments, 1, (), b"", 0, 1.0, 1.0)


@asynccontextmanager
async def neighbours(folder: Path, *names: str) -> AsyncIterator[dict[str, Share]]:
    """A Share for each name, each with a broker of its own that all others listen to."""
    brokers = {name: MemoryBroker() for name in names}
    public = {name: keys.load(folder / name).public for name in names}
    async with AsyncExitStack() as stack:
        shares, tasks = {}, []
        for name in names:
            disk = Disk(Store(folder / name))
            stack.callback(disk.close)
            ring = Keyring({other: public[other] for other in names if other != name})
            shares[name] = Share(name, FAMILY, keys.load(folder / name), ring, disk, SIZE)
            links = [brokers[each].link(*subscriptions(each, FAMILY.id)) for each in names if each != name]
            tasks.append(asyncio.create_task(shares[name].run(brokers[name].link(), links)))
        try:
            async with asyncio.timeout(PATIENCE):
                yield shares
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


async def until_heard(share: Share, name: str, sequence: int) -> None:
    while share.heard.get(name) != sequence:
        await asyncio.sleep(0)


def test_a_lesson_begins_where_the_neighbour_that_learnt_most_ended(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as shares:
            assert shares["c"].start() is None
            shares["a"].tell(lesson(0.5, windows=200))
            shares["b"].tell(lesson(0.25, windows=100))
            await until_heard(shares["c"], "a", 1)
            await until_heard(shares["c"], "b", 1)
            start = shares["c"].start()
            assert start is not None and (start == np.float32(0.5)).all()

    asyncio.run(story())


def test_sequences_go_on_after_a_restart_and_nothing_is_taken_twice(tmp_path: Path) -> None:
    async def story() -> None:
        for sequence in (1, 2):
            async with neighbours(tmp_path, "a", "b") as shares:
                shares["a"].tell(lesson(0.5, windows=50))
                await until_heard(shares["b"], "a", sequence)

    asyncio.run(story())


def test_who_joins_after_a_restart_still_hears_what_was_learnt_before_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as shares:
            shares["a"].tell(lesson(0.5, windows=50))
            await until_heard(shares["b"], "a", 1)
        async with neighbours(tmp_path, "a", "c") as shares:
            await until_heard(shares["c"], "a", 1)

    asyncio.run(story())


def test_what_no_gateway_could_have_learnt_is_left_out_and_the_next_is_taken(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as shares:
            shares["a"].tell(lesson(float("nan"), windows=50))
            shares["a"].tell(lesson(0.125, windows=50))
            await until_heard(shares["b"], "a", 2)
            start = shares["b"].start()
            assert start is not None and (start == np.float32(0.125)).all()

    asyncio.run(story())


def test_no_reading_can_be_in_what_is_shared() -> None:
    """Its length is what weights and moments explain, whatever was learnt from."""
    few, many = (lesson(0.5, windows) for windows in (10, 5000))
    sizes = {
        len(snapshot.pack(snapshot.Snapshot(np.frombuffer(each.weights, np.float32), each.moments)))
        for each in (few, many)
    }
    assert sizes == {12 + 16 * FAMILY.recipe.length + 4 * SIZE}
