"""Neighbours in memory: what one learnt is there for the other to merge, and what is wrong is left out."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import numpy as np
import pytest

from reedmesh import chain, heads, keys, ledger, quantise, scale, snapshot
from reedmesh import family as families
from reedmesh.broker import MemoryBroker
from reedmesh.chain import Chain
from reedmesh.commission import Lesson
from reedmesh.exchange import subscriptions
from reedmesh.heads import Heads
from reedmesh.keys import Keyring
from reedmesh.ledger import Entry
from reedmesh.merge import Reputation
from reedmesh.share import Share
from reedmesh.store import Disk, Store

FAMILY = families.load(families.find("vibration"))
SIZE = quantise.size(FAMILY.float_tflite)
PATIENCE = 20  # seconds


def lesson(value: float, windows: int) -> Lesson:
    """A lesson whose weights are all `value`, of so many windows."""
    moments = scale.fit(np.full((windows, FAMILY.recipe.length), 3, np.int8))
    weights = np.full(SIZE, value, np.float32).tobytes()
    return Lesson(b"", weights, moments, 1, (), b"", 0, 1.0, 1.0, quantile=2.0)


@asynccontextmanager
async def neighbours(folder: Path, *names: str) -> AsyncIterator[dict[str, Share]]:
    """A Share for each name, each with a broker of its own that all others listen to."""
    brokers = {name: MemoryBroker() for name in names}
    public = {name: keys.load(folder / name).public for name in names}
    async with AsyncExitStack() as stack:
        shares, tasks = {}, []
        for name in names:
            disk, key = Disk(Store(folder / name)), keys.load(folder / name)
            disk.store.chain = Chain(disk.store.db, name, key)
            stack.callback(disk.close)
            ring = Keyring({other: public[other] for other in names if other != name})
            shares[name] = Share(name, FAMILY, key, ring, Heads(disk, folder / name, ring), disk, SIZE)
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


async def until_entered(share: Share, *kinds: str) -> None:
    """Wait until the newest entries of a gateway's ledger are of these kinds."""
    store = share._disk.store
    while [ledger.read(row)["kind"] for row in chain.rows(store.db)][-len(kinds) :] != list(kinds):
        await asyncio.sleep(0.01)


def test_what_was_given_and_taken_is_entered_and_neighbours_hear_if_the_past_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heads, "LOOK_SECONDS", 0.01)

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as shares:
            for sequence in (1, 2):
                shares["a"].tell(lesson(0.5, windows=200))
                await until_heard(shares["b"], "a", sequence)
            await until_entered(shares["a"], "given", "given")
            await until_entered(shares["b"], "taken", "taken")
            while not chain.remembered(shares["b"]._disk.store.db):
                await asyncio.sleep(0.01)
        with Store(tmp_path / "a") as store:
            store.db.execute("delete from ledger")
            store.chain = Chain(store.db, "a", keys.load(tmp_path / "a"))
            store.enter(*[Entry(ledger.GIVEN, "a", sequence=9)] * 3)
        async with neighbours(tmp_path, "a", "b") as shares:
            await until_entered(shares["b"], "taken", "fork")

    asyncio.run(story())


def test_what_neighbours_learnt_last_is_there_to_be_merged_also_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as shares:
            assert shares["c"].peers() == {}
            shares["a"].tell(lesson(0.5, windows=200))
            shares["b"].tell(lesson(0.25, windows=100))
            await until_heard(shares["c"], "a", 1)
            await until_heard(shares["c"], "b", 1)
            check(shares["c"])
        async with neighbours(tmp_path, "c", "a", "b") as shares:
            check(shares["c"])

    def check(share: Share) -> None:
        peers = share.peers()
        assert {name: (peer.windows, peer.quantile) for name, peer in peers.items()} == {"a": (200, 2), "b": (100, 2)}
        assert (peers["a"].weights == np.float32(0.5)).all() and (peers["b"].weights == np.float32(0.25)).all()

    asyncio.run(story())


def test_who_was_merged_and_who_was_not_is_remembered_and_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as shares:
            for _ in range(2):
                shares["a"].note({"b": 0.5}, {"c": "loss 2 on our own windows, 1 is the most"})
            assert shares["a"].reputation["b"] == Reputation(merged=2)
            assert shares["a"].reputation["c"] == Reputation(
                refused=2, reason="loss 2 on our own windows, 1 is the most"
            )
        assert "of c is left out: loss 2 on our own windows" in caplog.text

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
            assert (shares["b"].peers()["a"].weights == np.float32(0.125)).all()
            assert shares["b"].reputation["a"] == Reputation(
                refused=1, reason="snapshot: a weight is not a number, or huge"
            )

    asyncio.run(story())


def test_no_reading_can_be_in_what_is_shared() -> None:
    """Its length is what weights and moments explain, whatever was learnt from."""
    few, many = (lesson(0.5, windows) for windows in (10, 5000))
    sizes = {
        len(snapshot.pack(snapshot.Snapshot(np.frombuffer(each.weights, np.float32), each.moments)))
        for each in (few, many)
    }
    assert sizes == {16 + 16 * FAMILY.recipe.length + 4 * SIZE}
