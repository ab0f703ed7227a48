"""The collector: whatever is lost, doubled, swapped, forged or replayed, payloads come out right, once and in order."""

from dataclasses import replace
from itertools import pairwise
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding.bundle import Bundle
from reedmesh.coding.collector import Collector, Limits, Payload
from reedmesh.coding.reassembly import Stream
from reedmesh.coding.repair import RepairRequest, Request, SnapshotRequest
from reedmesh.errors import WireError
from reedmesh.protocol.shards import Manifest, Shape, Shard, pack_manifest, unpack_manifest, unpack_shard

STREAM = ("hall1", "vibration", b"")
SHAPE = Shape(4, 8, 90)  # three blocks, the last not full
LIMITS = Limits(open=4, size=2000, blocks=4, quiet=1.0, asks=3, snapshot=30.0)
LATER = 1.6  # quiet times the longest pause


class Place:
    """A collector and a clock."""

    def __init__(self, applied: int | None = 4, limits: Limits = LIMITS) -> None:
        self.applied: dict[Stream, int] = {} if applied is None else {STREAM: applied}
        self.collector = Collector(self.applied, limits, Random(3))
        self.now = 100.0
        self.got: list[Payload] = []

    def announce(self, bundle: Bundle, hashed: bool = True) -> None:
        self.collector.announce(copy(bundle.manifest, hashed), self.now)

    def add(self, *shards: Shard) -> None:
        for shard in shards:
            generation = self.collector.add(shard, self.now)
            if generation:
                try:
                    data: bytes | None = generation.payload()
                except WireError:
                    data = None
                self.got += self.collector.finish(generation, data, self.now)

    def requests(self, seconds: float) -> list[Request]:
        self.now += seconds
        return self.collector.requests(self.now)

    @property
    def sequences(self) -> list[int]:
        return [payload.manifest.sequence for payload in self.got]


def copy(manifest: Manifest, hashed: bool = True) -> Manifest:
    """As it comes from the wire."""
    back = unpack_manifest(pack_manifest(manifest))
    if not hashed:
        back.hashed, back.hashes = 0, b""
    return back


def payload_of(sequence: int, size: int = SHAPE.length) -> bytes:
    return np.random.default_rng(sequence).bytes(size)


def made(sequence: int, base: int | None = None, n: int = 6, shape: Shape = SHAPE) -> tuple[Bundle, list[Shard]]:
    base = sequence - 1 if base is None else base
    bundle = Bundle(payload_of(sequence, shape.length), *reversed(STREAM[:2]), sequence, base, shape)
    return bundle, [unpack_shard(frame) for frame in bundle.wave(dict.fromkeys(range(shape.blocks), n))]


def needs(requests: list[Request]) -> list[dict[int, int]]:
    return [dict(request.need) for request in requests if isinstance(request, RepairRequest)]


@given(st.integers(1, 12), st.integers(1, 200), st.floats(0, 0.8), st.integers(0, 2**32 - 1))
def test_any_order_any_loss_and_any_doubling_end_with_the_payload(k: int, size: int, loss: float, seed: int) -> None:
    shape = Shape(k, 8, size)
    place = Place(limits=Limits(quiet=1.0, asks=3))
    bundle, shards = made(5, n=2 * k, shape=shape)
    place.announce(bundle)
    dice = Random(seed)
    for _ in range(100):
        place.add(*[shard for shard in dice.choices(shards, k=2 * len(shards)) if dice.random() >= loss])
        if place.got:
            break
        for request in place.requests(LATER):
            assert isinstance(request, RepairRequest)
            shards = [unpack_shard(frame) for frame in bundle.wave(request.need)]
            place.announce(bundle)
    assert [payload.data for payload in place.got] == [payload_of(5, size)]


def test_what_is_forged_swapped_or_replayed_counts_as_missing() -> None:
    place = Place()
    bundle, good = made(5)
    foreign = made(6, 6)[1]
    place.announce(bundle)
    dice = np.random.default_rng(2)
    for shard in good:
        wrong = [
            Shard(shard.bundle, SHAPE, shard.block, shard.index, dice.bytes(8)),
            Shard(shard.bundle, SHAPE, shard.block, (shard.index + 1) % 6, shard.data),
            Shard(shard.bundle, SHAPE, (shard.block + 1) % 3, shard.index, shard.data),
            Shard(shard.bundle, Shape(4, 8, 91), shard.block, shard.index, shard.data),
            Shard(shard.bundle, SHAPE, foreign[0].block, foreign[0].index, foreign[0].data),
        ]
        for each in wrong:
            with pytest.raises(WireError):
                place.add(each)
        place.add(*foreign)  # of a bundle nobody announced
        place.add(Shard(shard.bundle, SHAPE, 0, 77, shard.data))  # not offered yet
    assert place.requests(LATER) and not place.got
    assert needs(place.requests(2 * LATER)) == [{0: 4, 1: 4, 2: 4}]
    place.add(*good)
    assert [payload.data for payload in place.got] == [payload_of(5)]


def test_only_what_is_missing_is_asked_for_and_ever_more_rarely() -> None:
    place = Place()
    bundle, shards = made(5)
    place.announce(bundle)
    place.add(*[shard for shard in shards if shard.index < 3 or shard.block == 1])
    assert place.requests(0.9) == []
    assert needs(place.requests(LATER - 0.9)) == [{0: 1, 2: 1}]
    assert place.requests(1.9) == [] and needs(place.requests(1.3)) == [{0: 1, 2: 1}]
    place.add(unpack_shard(bundle.wave({0: 1})[0]))
    assert place.requests(0.5) == []  # it is not listed yet, so it is no answer
    assert needs(place.requests(5.6)) == [{0: 1, 2: 1}]
    more = [unpack_shard(frame) for frame in bundle.wave({0: 1, 2: 1})]
    place.announce(bundle)
    place.add(*more)
    assert place.sequences == [5]
    assert needs(place.requests(100.0)) == [{}]  # complete, it says, once
    assert place.requests(100.0) == []


def test_what_nobody_answers_for_is_given_up_and_a_snapshot_asked_for() -> None:
    place = Place()
    bundle, shards = made(5)
    place.announce(bundle)
    place.add(*shards[:3])
    asked = [place.requests(20.0) for _ in range(LIMITS.asks)]
    assert all(needs(each) for each in asked)
    assert place.requests(20.0) == [SnapshotRequest(*STREAM[:2])]
    assert place.collector.size == 0
    assert place.requests(1.9) == [] and place.requests(1.2) == [SnapshotRequest(*STREAM[:2])]


def test_a_snapshot_is_asked_for_soon_again_and_then_less_and_less_often() -> None:
    place = Place()
    place.announce(made(7)[0])
    times = [second for second in range(200) if SnapshotRequest(*STREAM[:2]) in place.requests(1.0)]
    waits = [late - early for early, late in pairwise(times)]
    assert waits[0] <= 4, "a neighbour that connects late hears the second request"
    assert len(waits) > 5 and all(30 <= wait <= 46 for wait in waits[5:])


def test_payloads_come_in_order_whatever_completes_first() -> None:
    place = Place()
    all_made = [made(sequence) for sequence in (5, 6, 7)]
    for bundle, _ in all_made:
        place.announce(bundle)
    for _, shards in reversed(all_made):
        assert place.got == []
        place.add(*shards)
    assert place.sequences == [5, 6, 7] and place.applied[STREAM] == 7
    assert [payload.data for payload in place.got] == [payload_of(5), payload_of(6), payload_of(7)]
    assert place.collector.size == 0


def test_a_gap_asks_for_a_snapshot_which_closes_it() -> None:
    place = Place()
    place.announce(made(7)[0])
    assert place.requests(1.1) == [SnapshotRequest(*STREAM[:2])]
    snapshot, shards = made(8, 8)
    place.announce(snapshot)
    assert place.requests(0.1) == []
    late, late_shards = made(9)
    place.announce(late)
    place.add(*late_shards, *shards)
    assert place.sequences == [8, 9]
    assert not any(isinstance(request, SnapshotRequest) for request in place.requests(1000.0))


def test_a_snapshot_on_its_way_is_not_asked_for_again_and_one_we_have_closes_the_gap() -> None:
    place = Place()
    place.announce(made(7)[0])
    assert place.requests(1.1) == [SnapshotRequest(*STREAM[:2])]
    place.announce(made(8, 8)[0])
    assert [type(request) for request in place.requests(100.0)] == [RepairRequest]
    place = Place()
    place.announce(made(7)[0])
    place.announce(made(4, 4)[0])
    assert place.requests(100.0) == []


def test_an_answer_makes_it_ask_soon_again() -> None:
    place = Place()
    bundle, shards = made(5)
    place.announce(bundle)
    for _ in range(LIMITS.asks):
        assert needs(place.requests(20.0))
    place.add(shards[0])
    assert place.requests(0.9) == [] and needs(place.requests(LATER - 0.9))


def test_what_arrives_twice_in_different_bundles_is_kept_once() -> None:
    place = Place()
    delta, delta_shards = made(5)
    snapshot, snapshot_shards = made(5, 5)
    place.announce(delta)
    place.announce(snapshot)
    place.add(*snapshot_shards[:5], *delta_shards, *snapshot_shards)
    assert place.sequences == [5] and place.collector.size == 0


def test_what_is_given_up_while_it_is_decoded_is_not_delivered() -> None:
    place = Place()
    bundle, shards = made(5)
    place.announce(bundle)
    generation = next(filter(None, (place.collector.add(shard, place.now) for shard in shards)))
    for sequence in range(6, 6 + LIMITS.open):
        place.announce(made(sequence)[0])
    assert place.collector.finish(generation, generation.payload(), place.now) == []
    assert place.collector.finish(generation, None, place.now) == []
    assert place.applied[STREAM] == 4


def test_a_newcomer_starts_with_a_snapshot() -> None:
    place = Place(applied=None)
    place.announce(made(1)[0])
    assert place.requests(1.1) == [SnapshotRequest(*STREAM[:2])]
    bundle, shards = made(0, 0)
    place.announce(bundle)
    place.add(*shards)
    assert place.sequences == [0]


def test_what_was_taken_is_not_taken_again_and_older_is_refused() -> None:
    place = Place()
    old, old_shards = made(4)
    place.announce(old)  # what is retained comes with every connect
    place.add(*old_shards)
    with pytest.raises(WireError, match="older than 4"):
        place.announce(made(3)[0])
    with pytest.raises(WireError, match="older than 4"):
        place.announce(made(3, 3)[0])
    assert place.got == [] and place.collector.size == 0 and place.requests(100.0) == []


def test_a_restarted_chain_is_a_gap() -> None:
    place = Place(applied=50)
    place.announce(made(60, 1)[0])
    assert place.requests(1.1) == [SnapshotRequest(*STREAM[:2])]


def test_generations_and_bytes_are_bounded() -> None:
    place = Place()
    for sequence in range(5, 25):
        place.announce(made(sequence)[0])
        assert place.collector.size <= LIMITS.open * 96
    with pytest.raises(WireError, match="2004 bytes"):
        place.announce(made(50, 50, shape=Shape(167, 12, 2004))[0])
    with pytest.raises(WireError, match="5 blocks"):
        place.announce(made(50, 50, shape=Shape(1, 4, 20))[0])


def test_the_hashes_of_later_shards_may_come_later_but_never_fewer() -> None:
    place = Place()
    bundle, shards = made(5, n=4)
    early = copy(bundle.manifest)
    more = [unpack_shard(frame) for frame in bundle.wave(dict.fromkeys(range(3), 2))]
    place.announce(bundle)
    place.collector.announce(early, place.now)
    place.add(*more, *[shard for shard in shards if shard.index < 2])
    assert place.sequences == [5]


def test_without_hashes_wrong_shards_are_found_by_what_contradicts_them() -> None:
    place = Place(limits=Limits(size=10_000))
    shape = Shape(6, 64, 700)
    bundle, shards = made(5, n=12, shape=shape)
    place.announce(bundle, hashed=False)
    dice = np.random.default_rng(3)
    wrong = [Shard(s.bundle, shape, s.block, s.index, dice.bytes(64)) if s.index in (0, 7) else s for s in shards]
    place.add(*wrong)
    assert [payload.data for payload in place.got] == [payload_of(5, 700)]


def test_without_hashes_hopeless_is_given_up_and_not_begun_again() -> None:
    place = Place(limits=Limits(size=10_000))
    bundle, _ = made(5)
    dice = np.random.default_rng(3)
    place.announce(bundle, hashed=False)
    place.add(*[Shard(bundle.id, SHAPE, block, i, dice.bytes(8)) for i in range(255) for block in range(3)])
    assert place.got == [] and place.collector.size == 0
    place.announce(bundle, hashed=False)
    assert place.collector.size == 0
    assert place.requests(1.0) == [SnapshotRequest(*STREAM[:2])]


def test_a_sender_whose_shards_are_not_its_payload_is_caught() -> None:
    place = Place()
    bundle, shards = made(5)
    bundle.manifest.sha256 = bytes(32)
    place.announce(bundle)
    place.add(*[Shard(bundle.manifest.bundle, SHAPE, s.block, s.index, s.data) for s in shards])
    assert place.got == [] and place.collector.size == 0 and place.applied[STREAM] == 4
    place.announce(bundle)
    assert place.collector.size == 0


def test_loss_is_told_once_and_as_it_was() -> None:
    place = Place()
    bundle, shards = made(5, n=8)
    place.announce(bundle)
    place.add(*shards[3:6], *shards[3:6])  # came late; then heard 3 twice, of the 21 that were still sent
    first, again = (place.requests(20.0)[0] for _ in range(2))
    assert isinstance(first, RepairRequest) and (first.received, first.lost) == (3, 18)
    assert isinstance(again, RepairRequest) and (again.received, again.lost) == (0, 0)


def test_complete_before_the_wave_was_over_tells_the_gaps_only() -> None:
    place = Place()
    bundle, shards = made(5, n=8)
    place.announce(bundle)
    place.add(*[shard for i, shard in enumerate(shards) if i != 4])
    (report,) = place.requests(0.0)
    assert isinstance(report, RepairRequest) and report.need == {} and (report.received, report.lost) == (13, 1)


def test_more_updates_than_a_sender_may_have_written_are_refused_and_made_good_by_one_snapshot_later() -> None:
    place = Place(limits=replace(LIMITS, rate=1 / 60, burst=5, open=100))
    for sequence in range(5, 10):
        place.announce(made(sequence, sequence)[0])
    with pytest.raises(WireError, match="more than 5 updates"):
        place.announce(made(10, 10)[0])
    assert any(isinstance(each, SnapshotRequest) for each in place.requests(61.0))
    place.announce(made(11, 11)[0])  # a minute later there is room for one
