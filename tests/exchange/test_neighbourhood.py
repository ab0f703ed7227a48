"""Neighbours in memory: copies stay equal over loss, gaps and power cuts, and what is wrong is left out."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.coding.collector import Limits
from reedmesh.config.settings import FEDERATION
from reedmesh.exchange import checkpoints
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.federation import OPEN, Sealed
from reedmesh.exchange.lane import Pace
from reedmesh.exchange.listener import subscriptions
from reedmesh.exchange.member import Member, Timing
from reedmesh.exchange.neighbourhood import Neighbourhood
from reedmesh.identity import authority, keystore, revocation
from reedmesh.identity.authority import Term
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.trust_store import Trust
from reedmesh.inference import family
from reedmesh.learning import delta, steps, summed
from reedmesh.learning.events import Event, Given, Refused, Taken
from reedmesh.learning.steps import Trained
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.store import ledger_table, replicas
from reedmesh.store.ledger_table import LedgerTable
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.updates.statistics import LearningStatistics
from tests.support import machines
from tests.support.timeouts import PATIENCE

FAMILY = family.load_family(family.find_family("vibration"))
START = steps.start(FAMILY)
QUICK = Timing(Bounds(PATIENCE, 0.0, PATIENCE), Pace(1e9, merge=0.02, snapshot=0.05), Limits(0.04, snapshot=0.1), 0.01)


def trained(value: float, windows: int = 180) -> Trained:
    """Weights that are all `value`, of so many windows."""
    weights = START + np.float32(value)
    return Trained(weights, windows, 2.0, np.full(FAMILY.recipe.length, windows, np.float32), 1.0)


class World:
    """A Neighbourhood for each name, each with a broker of its own that all others listen to."""

    def __init__(self, folder: Path, profile: str = "full") -> None:
        self.folder = folder
        self.profile = delta.PROFILES[profile]
        self.brokers: dict[str, MemoryBroker] = {}
        self.gateways: dict[str, Neighbourhood] = {}
        self.events: list[Event] = []

    def __getitem__(self, name: str) -> Neighbourhood:
        return self.gateways[name]

    async def until(self, wanted: Callable[[], bool]) -> None:
        while not wanted():
            await asyncio.sleep(0.001)

    async def in_step(self, *names: str) -> None:
        """Wait until everybody holds what each of `names` takes them to hold."""
        for name in names:
            await self.until(lambda told=name: all(self._holds(each, told) for each in self.gateways))

    def _holds(self, name: str, told: str) -> bool:
        held = self[name].peers().get(told)
        return name == told or (held is not None and held.sequence == self[told].learning_state.sequence)


@asynccontextmanager
async def neighbours(
    folder: Path,
    *names: str,
    all_names: str = "",
    site: bytes = b"",
    private: float = 0.0,
    secret: bytes = b"",
    **settings: Any,
) -> AsyncIterator[World]:
    """Those of `names` at work; all_names: who else is a neighbour, but away.

    site: an authority's secret. secret: of a sealed federation.
    """
    it = World(folder, **settings)
    everybody = {*names, *all_names}
    public = {name: keystore.load(folder / name).public for name in everybody}
    it.brokers = {name: MemoryBroker() for name in everybody}
    async with AsyncExitStack() as stack:
        tasks = []
        for name in names:
            disk, key = Disk(Store(folder / name)), keystore.load(folder / name)
            disk.store.ledger = LedgerTable(disk.store._db, name, key)
            stack.callback(disk.close)
            others = sorted(everybody - {name})
            pinned = {} if site else {other: public[other] for other in others}
            expected = {"authority": authority.point(site), "expected": others} if site else {}
            ring = Keyring(pinned, Trust(folder / name, pinned), **expected)  # type: ignore[arg-type]
            told = CheckpointExchange(disk, folder / name, ring)
            way = Sealed(FEDERATION, secret, name, [FAMILY.id], [key], ring) if secret else OPEN
            member = Member(name, key, ring, others, way, credential=keystore.shown(folder / name), private=private)
            gateway = Neighbourhood(member, FAMILY, disk, told, it.profile, QUICK)
            gateway.event_handlers.append(it.events.append)
            it.gateways[name] = gateway
            links = [it.brokers[each].link(*subscriptions(each, FAMILY.id, way)) for each in others]
            tasks.append(asyncio.create_task(gateway.run(it.brokers[name].link(), links)))
        try:
            async with asyncio.timeout(PATIENCE):
                yield it
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task


def check_copies(it: World) -> None:
    """Every copy is, bit for bit, what its owner takes it to be."""
    for name, gateway in it.gateways.items():
        for other, peer in gateway.peers().items():
            assert (peer.weights == it[other].learning_state.public).all(), (name, other)


@pytest.mark.parametrize("profile", list(delta.PROFILES))
def test_copies_are_equal_after_every_update_and_after_a_restart(tmp_path: Path, profile: str) -> None:
    async def story() -> None:
        for first in (0.0, 0.3):
            async with neighbours(tmp_path, "a", "b", "c", profile=profile) as it:
                for value in (0.1, 0.25, 0.2):
                    await it["a"].give(trained(first + value))
                    await it["b"].give(trained(-first - value))
                    await it.in_step("a", "b")
                    check_copies(it)
                assert it["c"].peers()["a"].windows == 180 and it["c"].peers()["a"].quantile == 2.0

    asyncio.run(story())


def test_after_a_restart_a_sealed_update_has_a_number_of_its_own_and_nobody_is_accused(tmp_path: Path) -> None:
    secret = bytes(range(32))

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", secret=secret) as it:
            await it["a"].give(trained(0.1))
            await it.in_step("a")
        async with neighbours(tmp_path, "a", "b", secret=secret) as it:
            await it.until(lambda: it["a"].learning_state.sequence == 2)
            await it.in_step("a")
            check_copies(it)
        assert not list((tmp_path / "b").glob("forks/*"))

    asyncio.run(story())


def sums(scale: float) -> Trained:
    """What a machine whose noise is `scale` times as strong tells."""
    told = summed.learn(FAMILY, machines.windows(FAMILY.recipe, scale, 120)).told
    return replace(trained(0.0), weights=np.zeros_like(START), told=told)


def test_private_sums_give_the_mean_of_the_others_and_nothing_of_one(tmp_path: Path) -> None:
    told = {"a": sums(1.0), "b": sums(1.1), "c": sums(0.9), "d": sums(1.05)}

    async def story() -> None:
        async with neighbours(tmp_path, *told, private=4.0) as it:
            for name, each in told.items():
                await it[name].give(each)
            await it.until(lambda: all(it[name].peers() for name in told))
            for name in told:
                (peer,) = (await it[name].collect())[0].values()
                others = [each.told for other, each in told.items() if other != name]
                wanted = np.mean([each.scatter.covariance for each in others if each], axis=0)
                assert peer.told and np.abs(peer.told.scatter.covariance - wanted).max() < 0.05
                assert len(peer.told.scores) == 1 and not it[name].incoming.peers()
            await until_entered(it["a"], "summed")

    asyncio.run(story())


def test_a_member_that_is_away_is_not_waited_for_and_comes_back(tmp_path: Path) -> None:
    told = {"a": sums(1.0), "b": sums(1.1), "c": sums(0.9), "d": sums(1.05)}

    def number(it: World, name: str) -> int:
        cell = it[name].cell
        assert cell
        return cell._state.number

    async def summed_up(names: str, away: str) -> None:
        async with neighbours(tmp_path, *names, all_names=away, private=4.0) as it:
            before = {name: number(it, name) for name in names}
            for name in names:
                await it[name].give(told[name])
            await it.until(lambda: all(number(it, name) > before[name] for name in names))

    asyncio.run(summed_up("abc", "d"))
    asyncio.run(summed_up("abcd", ""))


SITE = (5).to_bytes(32, "little")


def certified(folder: Path, *names: str) -> None:
    """The three commands of authority mode on each gateway: request, issue, accept."""
    today = int(time.time() // 86400)
    for name in names:
        keystore.load(folder / name)
        term = Term(name, today, today + 9)
        answer = authority.issue(SITE, term, keystore.request(folder / name))
        keystore.accept(folder / name, authority.point(SITE), term, *answer, int(time.time()))


def test_who_shows_a_credential_of_the_authority_is_heard_without_a_listed_key(tmp_path: Path) -> None:
    async def story() -> None:
        certified(tmp_path, "a", "b")
        async with neighbours(tmp_path, "a", "b", site=SITE) as it:
            for value in (0.1, 0.25):
                await it["a"].give(trained(value))
                await it["b"].give(trained(-value))
                await it.in_step("a", "b")
            check_copies(it)
        async with neighbours(tmp_path, "a", "b", "c", site=SITE) as it:  # c shows no credential: nobody takes its word
            await it["c"].give(trained(0.5))
            await it["a"].give(trained(0.3))
            await it.until(lambda: it["b"].peers()["a"].sequence == it["a"].learning_state.sequence)
            assert "c" not in it["a"].peers() and "c" not in it["b"].peers()

    asyncio.run(story())


def test_what_the_authority_took_back_on_one_gateway_is_revoked_on_all(tmp_path: Path) -> None:
    async def story() -> None:
        certified(tmp_path, "a", "b", "c")
        async with neighbours(tmp_path, "a", "b", "c", site=SITE) as it:
            for name in "abc":
                await it[name].give(trained(0.1))
            await it.in_step("a", "b", "c")
            gone = keystore.load(tmp_path / "c").public
            ring = it["a"].member.keyring
            ring.take_back(revocation.pack(gone, authority.ScalarKey(SITE)))
            await it.until(lambda: gone not in it["b"].member.keyring.of("c"))
            assert "c" not in it["b"].peers() and it["b"].member.keyring.taken_back() == ring.taken_back()

    asyncio.run(story())


def test_the_first_update_stands_alone_and_the_next_continue_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            for value in (0.1, 0.2):
                await it["a"].give(trained(value))
                await it.in_step("a")
            given = [each for each in it.events if isinstance(each, Given)]
            assert [(each.sequence, delta.stands_alone(each.payload)) for each in given] == [(1, True), (2, False)]
            assert [each.sequence for each in it.events if isinstance(each, Taken)] == [1, 2]

    asyncio.run(story())


def test_who_missed_an_update_gets_a_snapshot_and_all_stay_equal(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as it:
            await it["a"].give(trained(0.1))
            await it.in_step("a")
        async with neighbours(tmp_path, "a", "b", all_names="c") as it:
            for value in (0.2, 0.4):
                await it["a"].give(trained(value))
                await it.in_step("a")
        async with neighbours(tmp_path, "a", "b", "c") as it:
            await it.in_step("a")
            check_copies(it)
            assert it["a"].learning_state.sequence == 4
            assert np.abs(it["c"].peers()["a"].weights - trained(0.4).weights).max() < 0.02

    asyncio.run(story())


def test_a_late_joiner_gets_a_snapshot_also_of_one_that_learns_nothing_more(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", all_names="c") as it:
            for value in (0.1, 0.2):
                await it["a"].give(trained(value))
                await it.in_step("a")
        async with neighbours(tmp_path, "a", "b", "c") as it:
            await it.in_step("a")
            peer = it["c"].peers()["a"]
            assert peer.squares is not None and (peer.squares == 180).all()

    asyncio.run(story())


def test_a_power_cut_between_store_and_publish_puts_nobody_out_of_step(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await it["a"].give(trained(0.1))
            await it.in_step("a")
        async with neighbours(tmp_path, "a", all_names="b") as it:
            it["a"].outgoing.sender = None  # it is stored, and the power goes before it is published
            await it["a"].give(trained(0.3))
        async with neighbours(tmp_path, "a", "b") as it:
            await it.in_step("a")
            check_copies(it)
            assert not [each for each in it.events if isinstance(each, Refused)]
            await it["a"].give(trained(0.4))
            await it.in_step("a")
            check_copies(it)

    asyncio.run(story())


def test_a_power_cut_before_what_arrived_is_stored_puts_nobody_out_of_step(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await it["a"].give(trained(0.1))
            await it.in_step("a")
        saved = (tmp_path / "b" / "reedmesh.db").read_bytes()
        async with neighbours(tmp_path, "a", "b") as it:
            await it["a"].give(trained(0.2))
            await it.in_step("a")
        (tmp_path / "b" / "reedmesh.db").write_bytes(saved)
        async with neighbours(tmp_path, "a", "b") as it:
            await it.in_step("a")
            check_copies(it)

    asyncio.run(story())


def test_what_cannot_be_is_refused_with_the_reason_and_a_snapshot_mends_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await it["a"].give(trained(0.1))
            await it.in_step("a")
            await it["a"].outgoing._give(it["a"].learning_state, b"junk")
            await it.until(lambda: any(isinstance(each, Refused) for each in it.events))
            await it.in_step("a")  # the snapshot that b asked for
            check_copies(it)
            refused = [each for each in it.events if isinstance(each, Refused)]
            assert [(each.sender, each.sequence) for each in refused] == [("a", 2)]
            assert "delta" in refused[0].reason and "update 2 of a is left out: delta" in caplog.text
            account = LearningStatistics()
            for event in it.events:
                account.take(event)
            assert account.table()["neighbours"]["a"]["refusals"][0]["reason"] == refused[0].reason

    asyncio.run(story())


def test_a_neighbour_that_only_ever_sends_junk_leaves_the_others_alone(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as it:
            for i in range(5):
                await it["a"].outgoing._give(it["a"].learning_state, bytes([3, 255]) + bytes(i))
                await it["b"].give(trained(0.1 * i))
                await it.in_step("b")
            assert "a" not in it["c"].peers() and "b" in it["c"].peers()

    asyncio.run(story())


async def until_entered(gateway: Neighbourhood, *kinds: str) -> None:
    """Wait until the newest entries of a gateway's ledger are of these kinds."""
    store = gateway.outgoing._disk.store
    while [ledger.read(row)["kind"] for row in ledger_table.rows(store._db)][-len(kinds) :] != list(kinds):
        await asyncio.sleep(0.01)


def test_what_was_given_and_taken_is_entered_and_neighbours_hear_if_the_past_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.01)

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            for value in (0.1, 0.2):
                await it["a"].give(trained(value))
                await it.in_step("a")
            await until_entered(it["a"], "given", "given")
            await until_entered(it["b"], "taken", "taken")
            while not ledger_table.remembered(it["b"].outgoing._disk.store._db):
                await asyncio.sleep(0.01)
        with Store(tmp_path / "a") as store:
            store._db.execute("delete from ledger")
            store.ledger = LedgerTable(store._db, "a", keystore.load(tmp_path / "a"))
            store.enter(*[Entry(ledger.GIVEN, "a", sequence=9)] * 3)
        async with neighbours(tmp_path, "a", "b") as it:
            await until_entered(it["b"], "taken", "fork")

    asyncio.run(story())


def test_collect_waits_for_all_and_not_for_who_is_dead(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b", "c") as it:
            gathering = asyncio.create_task(it["a"].collect())
            await it["b"].give(trained(0.1))
            await it.until(lambda: "b" in it["a"].peers())
            assert not gathering.done()
            await it["c"].give(trained(0.1))
            found, late = await gathering
            assert set(found) == {"b", "c"} and not late
        quick = Timing(Bounds(0.2, 0.0, 0.2))
        async with neighbours(tmp_path, "a", all_names="bc") as it:
            it["a"].incoming._deadline = type(it["a"].incoming._deadline)(quick.bounds)
            for late in (("b", "c"),) * 3 + ((),):
                assert (await it["a"].collect())[1] == late
            assert set(it["a"].peers()) == {"b", "c"}  # what they told before they died still counts

    asyncio.run(story())


def test_no_reading_can_be_in_what_is_shared() -> None:
    """Its length is bounded by what weights and moments explain, whatever was learnt from."""
    for windows in (10, 5000):
        it = trained(0.5, windows)
        whole = delta.Delta(it.weights, it.windows, it.quantile, it.squares)
        payload, _ = delta.pack(whole, FAMILY.tensors, delta.PROFILES["full"])
        assert len(payload) < len(START) + 4 * FAMILY.recipe.length + 100


def test_what_is_kept_of_rounds_is_bounded(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        for i in range(replicas.MOST_MERGES + 5):
            store.replicas.keep_merge({"round": i})
        assert [each["round"] for each in store.replicas.merges()] == list(range(5, replicas.MOST_MERGES + 5))
