"""Gateways over brokers in memory: updates arrive through loss, forgery and dead brokers, and nothing runs away."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

import numpy as np
import pytest

from reedmesh.coding.bundle import Bundle
from reedmesh.coding.collector import Limits
from reedmesh.coding.reassembly import Reassembly
from reedmesh.exchange.lane import Pace
from reedmesh.identity.keyring import Keyring
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Shape
from tests.support.neighbours import (
    FAMILY,
    LIMITS,
    Gateway,
    Switch,
    Troubled,
    hearing,
    key_of,
    keyring,
    running,
    settle,
)
from tests.support.timeouts import PATIENCE

SHAPE = Shape(20, 64, 5000)  # four blocks, the last not full
STREAM = ("hall1", FAMILY, key_of("hall1").public)


def payload(sequence: int, size: int = SHAPE.length) -> bytes:
    return np.random.default_rng(sequence).bytes(size)


def run(story: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(story())  # type: ignore[arg-type]


class Pair:
    """hall1 speaks on its broker; hall2 reads it there and speaks on its own, which hall1 reads."""

    def __init__(self, seed: int = 1, applied: int = 0, limits: Limits = LIMITS, **trouble: float) -> None:
        self.broker1, self.broker2 = MemoryBroker(), MemoryBroker()
        self.hall1 = Gateway("hall1", [self.broker1.link()], ["hall2"], lambda family: (9, payload(9)))
        self.hall2 = Gateway("hall2", [self.broker2.link()], ["hall1"], applied={STREAM: applied}, limits=limits)
        self.to2 = Troubled(hearing(self.broker1, "hall1"), seed, **trouble)
        self.to1 = hearing(self.broker2, "hall2")

    def running(self):  # type: ignore[no-untyped-def]
        return running((self.hall1, [self.to1]), (self.hall2, [self.to2]))

    async def send(self, sequence: int, base: int | None = None) -> None:
        base = sequence - 1 if base is None else base
        await self.hall1.sender.publish(FAMILY, sequence, base, payload(sequence), SHAPE)


@pytest.mark.parametrize("loss", [0.0, 0.3, 0.8])
def test_updates_arrive_in_order_through_loss_doubling_reordering_and_bent_bits(loss: float) -> None:
    async def story() -> None:
        pair = Pair(loss=loss, double=0.2, swap=0.2, bend=0.1)
        async with pair.running():
            for sequence in (1, 2, 3):
                await pair.send(sequence)
                await pair.hall2.until(lambda: len(pair.hall2.got) == sequence)  # noqa: B023
            assert [each.data for each in pair.hall2.got] == [payload(1), payload(2), payload(3)]
            await settle(lambda: pair.hall1.sender.losses.median() != (49.0, 1.0))
        received, lost = pair.hall1.sender.losses.median()
        assert abs(lost / (received + lost) - (loss + (1 - loss) * 0.1)) < 0.15  # a bent shard is lost, too

    run(story)


def test_a_healthy_link_needs_few_shards_beyond_k() -> None:
    async def story() -> None:
        pair = Pair(limits=Limits(quiet=PATIENCE, snapshot=PATIENCE))  # a pause of this machine is no loss
        async with pair.running():
            await pair.send(1)
            await pair.hall2.until(lambda: bool(pair.hall2.got))
        assert pair.hall1.sender.counts.shards <= 1.25 * SHAPE.k * SHAPE.blocks
        assert pair.hall1.sender.counts.manifests == 1

    run(story)


def test_a_receiver_that_comes_late_gets_the_manifest_and_asks_for_the_rest() -> None:
    async def story() -> None:
        broker1, broker2 = MemoryBroker(), MemoryBroker()
        hall1 = Gateway("hall1", [broker1.link()], ["hall2"])
        async with running((hall1, [hearing(broker2, "hall2")])):
            await hall1.sender.publish(FAMILY, 1, 1, payload(1), SHAPE)
            await settle(lambda: hall1.sender.counts.shards >= SHAPE.k * SHAPE.blocks)
            hall2 = Gateway("hall2", [broker2.link()], ["hall1"])
            async with running((hall2, [hearing(broker1, "hall1")])):
                await hall2.until(lambda: bool(hall2.got))
        assert hall2.got[0].data == payload(1)

    run(story)


def test_a_gap_is_closed_by_a_snapshot() -> None:
    async def story() -> None:
        pair = Pair(applied=3, loss=0.1)
        async with pair.running():
            await pair.send(9)  # 4 to 8 were never heard
            await pair.hall2.until(lambda: bool(pair.hall2.got))
            await pair.send(10)
            await pair.hall2.until(lambda: len(pair.hall2.got) == 2)
        assert [(each.manifest.sequence, each.manifest.base) for each in pair.hall2.got] == [(9, 9), (10, 9)]
        assert pair.hall2.applied[STREAM] == 10

    run(story)


@pytest.mark.parametrize("swallowed", [0, 25])
def test_one_of_two_brokers_dies_half_way(swallowed: int) -> None:
    """swallowed: messages that were in the dead broker's hands."""

    async def story() -> None:
        brokers = [MemoryBroker(), MemoryBroker()]
        switches = [Switch(broker.link()) for broker in brokers]
        pace = Pace(rate=100_000, burst=200, merge=0.02, again=0.01)
        hall1 = Gateway("hall1", switches, ["hall2"], pace=pace)  # type: ignore[arg-type]
        hall2 = Gateway("hall2", [broker.link() for broker in brokers[1:]], ["hall1"])
        links = [hearing(broker, "hall1") for broker in brokers]
        async with running((hall1, [hearing(brokers[1], "hall2")]), (hall2, links)):
            await hall1.sender.publish(FAMILY, 1, 1, payload(1), SHAPE)
            await settle(lambda: hall1.sender.counts.shards >= SHAPE.k * SHAPE.blocks // 2)
            switches[0].dead, switches[0].swallowed = True, swallowed
            await hall2.until(lambda: bool(hall2.got))
        assert hall2.got[0].data == payload(1)
        assert brokers[0].retained.keys() == brokers[1].retained.keys()

    run(story)


def test_what_others_forge_does_no_harm_and_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        pair = Pair()
        mallory = pair.broker1.link()
        caplog.set_level(logging.WARNING)
        async with pair.running():
            forged = Bundle(payload(66), FAMILY, "hall1", 99, 99, SHAPE)
            frames = forged.wave(dict.fromkeys(range(4), 25))
            for signer in ("mallory", "hall2"):
                sealed = key_of(signer).sign(forged.manifest)
                await mallory.publish(Message(f"reedmesh/hall1/update/{FAMILY}/manifest", sealed, 1, True))
            true = Bundle(payload(1), FAMILY, "hall1", 1, 0, SHAPE)
            wrong = [shards.unpack_shard(frame) for frame in true.wave(dict.fromkeys(range(4), 20))]
            for shard in wrong:
                shard.data = bytes(64)
            frames += [shards.pack_shard(shard) for shard in wrong] + [b"", b"\1junk", bytes(200_000)]
            await pair.send(1)
            for frame in frames:
                await mallory.publish(Message(f"reedmesh/hall1/update/{FAMILY}/shard", frame))
            for topic in ("x/y", "hall9/update/vibration/manifest", "hall1/update/other/shard"):
                await pair.hall2.exchange.hear(Message(f"reedmesh/{topic}", b""))
            await pair.hall2.until(lambda: bool(pair.hall2.got))
            await settle(lambda: pair.hall2.exchange.rejects.total >= 5)
        assert [each.data for each in pair.hall2.got] == [payload(1)]
        assert len([record for record in caplog.records if "reedmesh/hall1/update" in record.message]) == 1

    run(story)


def test_what_was_recorded_and_is_played_again_changes_nothing() -> None:
    async def story() -> None:
        pair = Pair()
        heard: list[Message] = []

        deliver = pair.broker1.deliver
        pair.broker1.deliver = lambda message: (heard.append(message), deliver(message))[1]  # type: ignore[method-assign]
        async with pair.running():
            for sequence in (1, 2):
                await pair.send(sequence)
                await pair.hall2.until(lambda: len(pair.hall2.got) == sequence)  # noqa: B023
            assert len(heard) > 2 * SHAPE.k * SHAPE.blocks
            for message in heard:
                await pair.hall2.exchange.hear(message)
            assert len(pair.hall2.got) == 2 and pair.hall2.applied[STREAM] == 2
            assert pair.hall2.collector.size == 0

    run(story)


def test_who_asks_for_everything_for_ever_gets_a_bounded_share() -> None:
    async def story() -> None:
        pair, snapshots = Pair(), []
        pace = Pace(rate=1e9, merge=0.02, snapshot=60.0)
        pair.hall1 = Gateway(
            "hall1",
            [pair.broker1.link()],
            ["hall2"],
            lambda family: snapshots.append(family) or (9, payload(9)),
            pace=pace,
        )

        def answered(sent: int, refused: int) -> bool:
            """Whether another request was answered in full or refused."""
            fully = pair.hall1.sender.counts.shards >= sent + 255 * SHAPE.blocks
            return fully or pair.hall1.exchange.rejects.total > refused

        async with pair.running():
            await pair.send(1)
            await pair.hall2.until(lambda: bool(pair.hall2.got))
            bundle = pair.hall2.got[0].manifest.bundle.hex()
            asked = {"to": "hall1", "bundle": bundle, "need": {str(block): 255 for block in range(4)}}
            topic = f"reedmesh/hall2/update/{FAMILY}/request/hall1"
            for _ in range(20):
                sent, refused = pair.hall1.sender.counts.shards, pair.hall1.exchange.rejects.total
                await pair.broker2.link().publish(Message(f"{topic}/snapshot", b'{"to": "hall1"}'))
                await pair.broker2.link().publish(Message(f"{topic}/need", json.dumps(asked).encode()))
                await settle(lambda: answered(sent, refused))  # noqa: B023
            await settle(lambda: bool(snapshots))
        first = 1.25 * SHAPE.k * SHAPE.blocks
        assert snapshots == [FAMILY]
        assert 2 * 255 * 4 <= pair.hall1.sender.counts.shards <= 2 * first + 2 * 255 * 4
        assert pair.hall1.exchange.rejects.total >= 17  # hall2 itself may have asked once

    run(story)


def test_a_shared_broker_is_one_link_for_all() -> None:
    async def story() -> None:
        broker, names = MemoryBroker(), ["hall1", "hall2", "hall3"]
        halls = [Gateway(name, [broker.link()], [n for n in names if n != name]) for name in names]
        links = [[Troubled(hearing(broker, *names), seed, loss=0.2)] for seed in range(3)]
        async with running(*zip(halls, links, strict=True)):
            for i, hall in enumerate(halls):
                await hall.sender.publish(FAMILY, 1, 1, payload(i), SHAPE)
            for hall in halls:
                await hall.until(lambda: len(hall.got) == 2)  # noqa: B023
        assert [{each.manifest.sender for each in hall.got} for hall in halls] == [
            {name for name in names if name != own} for own in names
        ]
        assert [hall.exchange.rejects.total for hall in halls] == [0, 0, 0]

    run(story)


def test_a_link_that_hangs_holds_back_no_other() -> None:
    class Hung:
        async def publish(self, message: Message) -> bool:
            await asyncio.Event().wait()
            return False

    async def story() -> None:
        broker, back = MemoryBroker(), MemoryBroker()
        hall1 = Gateway("hall1", [Hung(), broker.link()], ["hall2"])  # type: ignore[list-item]
        hall2 = Gateway("hall2", [back.link()], ["hall1"])
        async with running((hall1, [hearing(back, "hall2")]), (hall2, [hearing(broker, "hall1")])):
            for sequence in range(1, 12):
                await hall1.sender.publish(FAMILY, sequence, sequence, payload(sequence), SHAPE)
                await hall2.until(lambda: hall2.got and hall2.got[-1].manifest.sequence == sequence)  # noqa: B023

    run(story)


def test_a_link_carries_no_more_than_its_pace() -> None:
    async def story() -> None:
        hall1 = Gateway("hall1", [MemoryBroker().link()], [], pace=Pace(rate=50_000, burst=1000))
        async with running((hall1, [])):
            began = asyncio.get_running_loop().time()
            await hall1.sender.publish(FAMILY, 1, 1, payload(1), SHAPE)
            await settle(lambda: hall1.sender.counts.shards >= SHAPE.k * SHAPE.blocks)
            took = asyncio.get_running_loop().time() - began
        assert took >= (SHAPE.length - 1000) / 50_000

    run(story)


def test_requests_of_strangers_and_manifests_of_other_families_are_refused() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            for gateway, refused in (("hall9", 1), ("hall2", 0)):
                asked = json.dumps({"to": "hall1", "bundle": "00" * 8, "need": {}, "received": 9, "lost": 991})
                before = pair.hall1.exchange.rejects.total
                topic = f"reedmesh/{gateway}/update/{FAMILY}/request/need"
                await pair.hall1.exchange.hear(Message(topic, asked.encode()))
                assert pair.hall1.exchange.rejects.total - before == refused
                assert (pair.hall1.sender.losses.median() == (49.0, 1.0)) == bool(refused)
            other = Bundle(payload(1), "pressure", "hall1", 1, 1, SHAPE)
            other.wave({0: 0})
            sealed = key_of("hall1").sign(other.manifest)
            await pair.hall2.exchange.hear(Message(f"reedmesh/hall1/update/{FAMILY}/manifest", sealed))
            assert pair.hall2.exchange.rejects.total == 1 and pair.hall2.collector.size == 0

    run(story)


def test_what_a_link_did_not_take_is_offered_again_in_order() -> None:
    class Stubborn:
        def __init__(self) -> None:
            self.taken: list[bytes] = []
            self.offers = 0

        async def publish(self, message: Message) -> bool:
            self.offers += 1
            if self.offers % 2 == 0:
                self.taken.append(message.payload)
            return self.offers % 2 == 0

    async def story() -> None:
        link = Stubborn()
        hall1 = Gateway("hall1", [link], [], pace=Pace(rate=1e9, again=0.0))
        async with running((hall1, [])):
            await hall1.sender.publish(FAMILY, 1, 1, payload(1), SHAPE)
            await settle(lambda: len(link.taken) == 1 + SHAPE.blocks * hall1.sender._enough(SHAPE.k, SHAPE.blocks))
        assert shards.unpack_manifest(link.taken[0]).sequence == 1
        order = [(shard.index, shard.block) for shard in map(shards.unpack_shard, link.taken[1:])]
        assert order == sorted(set(order))

    run(story)


def test_a_cancellation_that_a_link_forgets_still_ends_the_sender() -> None:
    class Forgetful:
        """As aiomqtt under Python 3.11, where asyncio.wait_for returns a result that comes with a cancellation."""

        async def publish(self, message: Message) -> bool:
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            return True

    async def story() -> None:
        hall1 = Gateway("hall1", [Forgetful()], [])  # type: ignore[list-item]
        async with running((hall1, [])):
            await hall1.sender.publish(FAMILY, 1, 1, payload(1), SHAPE)

    run(story)


def test_the_sender_greets_with_the_manifests_it_stands_for() -> None:
    async def story() -> None:
        pair = Pair()
        async with pair.running():
            await pair.send(1)
            await pair.send(2)
            (greeting,) = pair.hall1.sender.greeting()
        assert greeting.retain and greeting.qos == 1
        manifest = shards.unpack_manifest(greeting.payload)
        keyring("hall1").check(manifest)
        assert manifest.sequence == 2

    run(story)


def test_memory_of_a_receiver_is_bounded_by_its_limits() -> None:
    async def story() -> None:
        broker1, broker2 = MemoryBroker(), MemoryBroker()
        hall1 = Gateway("hall1", [broker1.link()], ["hall2"])
        limits = Limits(quiet=LIMITS.quiet, snapshot=0.1, size=3 * 5200)
        hall2 = Gateway("hall2", [broker2.link()], ["hall1"], limits=limits)
        losing = Troubled(hearing(broker1, "hall1"), 1, loss=1.0)
        async with running((hall1, [hearing(broker2, "hall2")]), (hall2, [losing])):
            for sequence in range(1, 9):
                await hall1.sender.publish(FAMILY, sequence, sequence, payload(sequence), SHAPE)
            await settle(lambda: hall2.exchange.rejects.total > 0)
            assert hall2.collector.size <= 3 * 5200

    run(story)


def test_what_was_signed_with_a_key_that_is_revoked_while_it_is_decoded_is_not_delivered() -> None:
    async def story() -> None:
        pair = Pair()
        keys = {"hall1": key_of("hall1").public}
        pair.hall2.exchange._keys = Keyring(keys)
        decode, decoded = pair.hall2.exchange._payload, []

        def revoked_meanwhile(generation: Reassembly) -> bytes:
            keys["hall1"] = key_of("another").public
            decoded.append(generation)
            return decode(generation)

        pair.hall2.exchange._payload = revoked_meanwhile  # type: ignore[method-assign]
        async with pair.running():
            await pair.send(1)
            await settle(lambda: bool(decoded) and pair.hall2.applied.get(STREAM) == 1)
        assert pair.hall2.got == []

    run(story)
