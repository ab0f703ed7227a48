"""Whole archives of several gateways in one process: what the issue asks of them, on a clock that tests set."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from itertools import combinations
from pathlib import Path

import pytest

from reedmesh.archive import coded, forgetting, frames
from reedmesh.archive.coded import Wanted
from reedmesh.archive.directory import union
from reedmesh.archive.shelf import FOLDER
from reedmesh.errors import RefusedError, WireError
from tests.support.archives import FEDERATION, MEGABYTE, Network, begin, key_of, network

CONTENT = bytes(i * 7 % 256 for i in range(4001))
MODEL = Wanted("press3-7", "model")


def run(folder: Path, count: int, story: Callable[[Network], Awaitable[None]], capacity: int = 10 * MEGABYTE) -> None:
    async def told() -> None:
        async with network(folder, count, capacity) as it:
            await story(it)

    asyncio.run(told())


async def put(it: Network, owner: str = "g0", content: bytes = CONTENT, wanted: Wanted = MODEL) -> bytes:
    placed = await it.nodes[owner].objects.put(content, wanted)
    await it.settle()
    return placed.manifest.id


def test_every_gateway_reads_what_one_put_and_every_holder_has_one_shard(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        for node in it.nodes.values():
            assert await node.objects.get(object_id) == CONTENT
            assert node.site.margin(node.site.shelf.manifests[object_id]) == 3
        masks = [node.site.shelf.mask(object_id) for node in it.nodes.values()]
        assert sorted(masks) == [1 << i for i in range(8)]

    run(tmp_path, 8, story)


def test_any_three_of_eight_may_be_dead_and_all_is_read_at_once(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        for dead in combinations(it.nodes, 3):
            it.dead = set(dead)
            node = next(each for name, each in it.nodes.items() if name not in it.dead)
            for name in dead:  # known to be lost; that this is found out is another test
                node.site.directory.holders[name].misses = 3
            assert await node.objects.get(object_id) == CONTENT
            for name in dead:
                node.site.directory.holders[name].misses = 0

    run(tmp_path, 8, story)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_few_gateways_hold_copies_or_fewer_shards(tmp_path: Path, count: int) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        node = it.nodes["g0"]
        assert await node.objects.get(object_id) == CONTENT
        assert node.site.margin(node.site.shelf.manifests[object_id]) == (count - 1 if count < 4 else 1)

    run(tmp_path, count, story)


def test_three_missed_audits_make_a_holder_lost_and_others_re_make_its_shards(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        objects = [await put(it, f"g{i % 9}", bytes([i]) * 500) for i in range(6)]
        it.dead = {"g4"}
        await it.audit(2)
        assert not it.nodes["g1"].site.directory.is_lost("g4", it.clock())
        await it.audit(1)
        assert it.nodes["g1"].site.directory.is_lost("g4", it.clock())
        for _ in range(40):
            await it.step(1.0)
        for node in (each for name, each in it.nodes.items() if name != "g4"):
            for object_id in objects:
                manifest = node.site.shelf.manifests[object_id]
                assert not node.site.missing(manifest)
                assert node.site.margin(manifest) == 3  # nine gateways: another one takes the shard
        assert sum(node.keeper.repaired for node in it.nodes.values()) <= len(objects)

    run(tmp_path, 9, story)


def test_a_day_of_silence_makes_a_holder_lost(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        await put(it)
        it.dead = {"g3"}
        await it.step(86_000)
        directory = it.nodes["g0"].site.directory
        directory.holders["g3"].misses = 0  # as if it had never been asked
        assert not directory.is_lost("g3", it.clock())
        await it.step(1000)
        directory.holders["g3"].misses = 0
        assert directory.is_lost("g3", it.clock())

    run(tmp_path, 4, story)


def test_a_flipped_byte_is_found_within_24_audits_and_mended(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        [path] = (tmp_path / "g2" / FOLDER).glob(f"{object_id.hex()}.0.*")
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
        holder = it.nodes["g2"]
        for _ in range(24):
            it.clock.now += 3600
            await holder.keeper._read_own()
            if holder.site.shelf.damaged:
                break
        assert holder.site.shelf.damaged == 1
        for _ in range(20):
            await it.step(1.0)
        assert holder.site.shelf.mask(object_id).bit_count() == 1
        assert not holder.site.missing(holder.site.shelf.manifests[object_id])

    run(tmp_path, 4, story)


def test_a_holder_that_gives_other_bytes_is_found_out_by_an_audit(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        liar = it.nodes["g2"].site

        async def lie(place: object, *_: object) -> bytes:
            return b"\0" * 1000

        liar.shelf.check = lambda *_: b"\0" * liar.shelf.manifests[object_id].shape.shard_length  # type: ignore
        await it.audit(1)
        auditor = it.nodes["g0"].site
        assert auditor.directory.holders["g2"].failed == 1
        assert auditor.missing(auditor.shelf.manifests[object_id])
        assert await it.nodes["g0"].objects.get(object_id) == CONTENT

    run(tmp_path, 4, story)


def test_shards_that_are_wrong_forged_or_too_many_are_refused_by_their_reason(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        peers, manifest = it.nodes["g0"].site.peers, it.nodes["g0"].site.shelf.manifests[object_id]
        coded_again, shards = coded.code(b"x" * 900, MODEL, "g0", key_of("g3"), 3, 1, FEDERATION)

        async def refusal(frame: bytes, block: int, index: int, shard: bytes) -> str:
            answer = await peers.ask("g1", frames.PUT, frames.pack_put(frame, block, index, shard))
            assert answer
            return frames.reason(answer.body) if answer.kind == frames.REFUSED else "kept"

        wrong = bytes(manifest.shape.shard_length)
        assert "is not what its manifest lists" in await refusal(manifest.frame, 0, 1, wrong)
        assert "there are 3 of 1 blocks" in await refusal(manifest.frame, 1, 1, wrong)
        assert "not signed by g0" in await refusal(coded_again.frame, 0, 1, bytes(shards[0, 1]))
        it.nodes["g1"].site.directory.holders["g0"].offer = frames.Offer(5000, 0, 0, bytes(32))
        it.nodes["g1"].site.limits._writes.clear()
        honest, shards = coded.code(b"y" * 900, MODEL, "g0", key_of("g0"), 3, 1, FEDERATION)
        it.nodes["g1"].site.shelf.manifests[honest.id] = honest  # admitted before
        said = {await refusal(honest.frame, 0, index, bytes(shards[0, index])) for index in (0, 1, 2)}
        assert "kept" in said
        for content in (b"z", b"w", b"v", b"u"):
            more, shards = coded.code(content * 900, MODEL, "g0", key_of("g0"), 3, 1, FEDERATION)
            it.nodes["g1"].site.shelf.manifests[more.id] = more
            said.add(await refusal(more.frame, 0, 0, bytes(shards[0, 0])))
        assert any("what it may have written in a day" in each for each in said)

    run(tmp_path, 3, story)


def test_a_holder_that_lies_about_its_space_is_replaced(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        liar = it.nodes["g2"].site.shelf
        liar.keep = lambda manifest, *_: liar.keep_manifest(manifest)  # type: ignore[method-assign]
        objects = [await put(it, "g0", bytes([i]) * 300) for i in range(4)]
        for _ in range(80):
            await it.step(1.0)
        watching = it.nodes["g0"].site
        assert not any(liar.mask(each) for each in objects)
        for each in objects:
            manifest = watching.shelf.manifests[each]
            held = [node.site.shelf.mask(each) for name, node in it.nodes.items() if name != "g2"]
            assert union(held) == (1 << manifest.n) - 1, "others hold what it did not keep"

    run(tmp_path, 5, story)


def test_manifests_that_disagree_are_two_objects(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        one, two = await put(it, content=b"one"), await put(it, content=b"two")
        assert one != two
        assert [await it.nodes["g1"].objects.get(each) for each in (one, two)] == [b"one", b"two"]

    run(tmp_path, 3, story)


def test_who_offers_nothing_places_nothing_and_nobody_places_more_than_it_offers(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        with pytest.raises(RefusedError, match="offers"):
            await it.nodes["g0"].objects.put(bytes(9000), MODEL)
        await put(it, content=bytes(5000))
        it.nodes["g1"].site.limits.capacity = 0
        with pytest.raises(RefusedError, match="offers no space"):
            await it.nodes["g1"].objects.put(CONTENT, MODEL)

    run(tmp_path, 4, story, capacity=10_000)


def test_a_thief_of_space_is_refused_by_every_holder(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        thief = it.nodes["g1"].site
        thief.limits.refuses = lambda *_: ""  # type: ignore[method-assign]
        with pytest.raises(RefusedError, match="would have placed"):
            await it.nodes["g1"].objects.put(bytes(50_000), MODEL)
        others = [node.site.shelf.used for name, node in it.nodes.items() if name != "g1"]
        assert others == [0, 0, 0]

    run(tmp_path, 4, story, capacity=10_000)


def test_an_object_goes_on_its_day_and_not_before(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        day = int(it.clock() // 86400) + 2
        object_id = await put(it, wanted=Wanted("backup", "backup", until=day))
        await it.step(86400.0 - 600)
        assert all(object_id in node.site.shelf.manifests for node in it.nodes.values())
        await it.step(2 * 86400.0)
        await it.settle()
        assert not any(object_id in node.site.shelf.manifests for node in it.nodes.values())
        assert not [*(tmp_path / "g1" / FOLDER).glob("*.0.*")]

    run(tmp_path, 4, story)


def test_an_object_goes_by_two_of_three_signatures_everywhere_and_by_one_nowhere(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        keys = tuple(key_of(name).public for name in ("g0", "g1", "g2"))
        object_id = await put(it, wanted=Wanted("contract", "file", 0, 2, keys))
        signed = {i: forgetting.signature(object_id, key_of(f"g{i}"), FEDERATION) for i in range(3)}
        site = it.nodes["g3"].site
        for few in ({0: signed[0]}, {0: signed[0], 1: signed[0]}, {0: signed[0], 1: bytes(64)}):
            with pytest.raises(WireError, match="goes with 2 signatures"):
                await forgetting.obey(site, forgetting.pack(object_id, few))
        it.dead = {"g1"}  # hears of it later
        await forgetting.obey(site, forgetting.pack(object_id, {0: signed[0], 2: signed[2]}))
        await it.settle(6)
        it.dead = set()
        await it.step(3700.0)
        await it.settle(6)
        assert not any(object_id in node.site.shelf.manifests for node in it.nodes.values())
        assert not [*tmp_path.glob(f"*/{FOLDER}/{object_id.hex()}.0.*")]

    run(tmp_path, 4, story)


def test_without_keys_nobody_deletes(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        order = forgetting.pack(object_id, {0: forgetting.signature(object_id, key_of("g0"), FEDERATION)})
        answer = await it.nodes["g0"].site.peers.ask("g1", frames.FORGET, order)
        assert answer and answer.kind == frames.REFUSED
        assert object_id in it.nodes["g1"].site.shelf.manifests

    run(tmp_path, 2, story)


def test_who_was_lost_and_comes_back_is_a_holder_again_with_what_it_has_or_with_nothing(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        it.dead = {"g2"}
        await it.audit(3)
        watching = it.nodes["g0"].site
        assert watching.directory.is_lost("g2", it.clock())
        it.dead = set()
        await it.step(700)
        await it.settle()
        assert not watching.directory.is_lost("g2", it.clock())
        it.dead = {"g3"}
        await it.audit(3)
        async with AsyncExitStack() as stack:
            it.nodes["g3"].site.shelf._folder.rename(tmp_path / "gone")
            again = it.nodes["g3"] = it.make(tmp_path, "g3", list(it.nodes), MEGABYTE)
            it.dead = set()
            await begin(it, "g3", again, stack)
            await it.settle(6)
            assert not watching.directory.is_lost("g3", it.clock())
            assert object_id in again.site.shelf.manifests

    run(tmp_path, 4, story)


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        before = it.nodes["g1"].site.shelf
        async with AsyncExitStack() as stack:
            again = it.nodes["g1"] = it.make(tmp_path, "g1", list(it.nodes), MEGABYTE)
            await begin(it, "g1", again, stack)
            shelf = again.site.shelf
            assert shelf.manifests.keys() == before.manifests.keys()
            assert shelf.mask(object_id) == before.mask(object_id)
            assert shelf.used == before.used
            assert shelf.members == {"g0", "g2", "g3"}

    run(tmp_path, 4, story)


def test_what_neighbours_say_ends_nothing(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        object_id = await put(it)
        for node in it.nodes.values():
            node.site.peers.patience = 0.3  # who says noise answers nothing
        for name in ("g2", "g3"):
            it.bend[name] = lambda message: type(message)(message.topic, message.payload[:-3], message.qos)
        await it.audit(1)
        await it.settle()
        assert await it.nodes["g0"].objects.get(object_id) == CONTENT
        assert it.nodes["g0"].rejects.total
        assert not it.nodes["g0"].rejects.unforeseen

    run(tmp_path, 8, story)


def test_a_list_of_objects_that_there_are_not_costs_a_question_each_and_no_more(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        liar = it.nodes["g1"].site
        body = frames.pack_list({i.to_bytes(16, "big"): 255 for i in range(50)}.items())
        liar.shelf.digest = lambda: (body, b"d" * 32)  # type: ignore[method-assign]
        await it.settle()
        victim = it.nodes["g0"]
        assert victim.rejects.total == 50
        await it.settle(5)
        assert victim.rejects.total == 50
        assert not victim.site.shelf.manifests

    run(tmp_path, 3, story)


def test_questions_that_wait_are_bounded(tmp_path: Path) -> None:
    async def story(it: Network) -> None:
        victim = it.nodes["g0"]
        peers = it.nodes["g1"].site.peers
        peers.patience = 0.5  # what is dropped is never answered
        await asyncio.gather(*(peers.ask("g0", frames.LIST) for _ in range(200)))
        assert victim.rejects.total >= 200 - 64 - 1

    run(tmp_path, 2, story)
