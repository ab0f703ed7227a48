"""Federations: an open one says who speaks, a sealed one tells nobody outside; two that differ refuse each other."""

import asyncio
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import FEDERATION
from reedmesh.errors import WireError
from reedmesh.exchange.federation import DAY, LEAVES, OPEN, SPREAD, Federation, Sealed, addressed
from reedmesh.exchange.listener import subscriptions
from reedmesh.identity import envelope
from reedmesh.identity.keyring import LIFE, Keyring
from reedmesh.identity.keys import Key
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.links.message import Message
from reedmesh.protocol.shards import Manifest, unpack_manifest
from reedmesh.provenance import ledger
from tests.support.neighbours import FAMILY, Gateway, hearing, key_of, keyring, running, settle

SECRET = bytes(range(32))
MORNING = 20_000 * DAY + DAY / 3
NAMES = ("hall1", "hall2", "hall3")


class Clock:
    """A time that a test sets."""

    def __init__(self, now: float = MORNING) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


STILL = Clock()


def sealed(name: str, *neighbours: str, secret: bytes = SECRET, clock: Clock = STILL) -> Sealed:
    """The federation as the gateway `name` has it, which trusts `neighbours`."""
    return Sealed(FEDERATION, secret, name, [FAMILY], [key_of(name)], keyring(*neighbours, clock=clock), clock)


def payload(sequence: int, size: int = 3000) -> bytes:
    return np.random.default_rng(sequence).bytes(size)


@given(st.binary(max_size=3000), st.sampled_from(sorted(LEAVES)))
def test_what_is_said_is_heard_by_the_federation_and_told_to_nobody_else(said: bytes, leaf: str) -> None:
    one, two = sealed("hall1", "hall2"), sealed("hall2", "hall1")
    message = one.message("hall1", FAMILY, leaf, said)
    assert two.hear(message) == ("hall1", FAMILY, leaf, said)
    assert one.hear(message).gateway == "hall1"  # on a broker that all share one hears oneself
    on_wire = message.topic.encode() + message.payload
    assert not any(word.encode() in on_wire for word in ("hall1", FAMILY))
    assert said[:16] not in message.payload or len(said) < 6
    assert (len(message.payload) - 29) % 64 == 0
    for stranger in (sealed("hall2", "hall1", secret=bytes(32)), sealed("hall2", "hall3")):
        with pytest.raises(WireError, match="nothing is expected"):
            stranger.hear(message)


def test_no_bit_of_a_box_can_be_changed_and_it_counts_on_its_own_topic_only() -> None:
    one, two = sealed("hall1", "hall2"), sealed("hall2", "hall1")
    message = one.message("hall1", FAMILY, "manifest", b"said")
    for at in range(len(message.payload)):
        bent = bytearray(message.payload)
        bent[at] ^= 1
        with pytest.raises(WireError, match="not in a box"):
            two.hear(Message(message.topic, bytes(bent)))
    for other in (one.topic("hall1", FAMILY, "shard"), one.topic("hall1", FAMILY, "manifest", one.day() - 1)):
        with pytest.raises(WireError, match="not in a box"):
            two.hear(Message(other, message.payload))
    for junk in (b"\1", b"\1" * 12, b"\1" * 28, bytes(200)):
        with pytest.raises(WireError, match="not in a box"):
            two.hear(Message(message.topic, junk))


def test_pseudonyms_change_once_a_day_each_at_its_own_time_and_neighbours_follow() -> None:
    clock = Clock()
    federation = sealed("hall1", *NAMES[1:], clock=clock)
    began: dict[str, list[float]] = {name: [] for name in NAMES}
    seen: dict[str, list[str]] = {name: [] for name in NAMES}
    for second in range(0, 3 * DAY, 60):
        clock.now = MORNING + second
        for name in NAMES:
            topic = federation.topic(name, FAMILY, "manifest")
            if topic not in seen[name]:
                seen[name].append(topic)
                began[name].append(clock.now % DAY)
            assert topic in federation.topics(name, FAMILY)
            assert federation.hear(federation.message(name, FAMILY, "manifest", b"x")).gateway == name
    assert {len(topics) for topics in seen.values()} == {4}
    assert len({topic for topics in seen.values() for topic in topics}) == 12
    changes = [at for moments in began.values() for at in moments[1:]]
    assert len(set(changes)) == 9 and max(changes) <= SPREAD + 60


def test_a_clock_that_is_wrong_by_most_of_a_day_loses_nothing() -> None:
    right, wrong = Clock(), Clock()
    one, two = sealed("hall1", "hall2", clock=right), sealed("hall2", "hall1", clock=wrong)
    for hours in (-23, -12, 0, 12, 22):
        wrong.now = right.now + 3600 * hours
        message = one.message("hall1", FAMILY, "manifest", b"said")
        assert message.topic in two.topics("hall1", FAMILY) and two.hear(message).payload == b"said"


def test_sizes_on_the_wire_are_the_same_within_a_bucket() -> None:
    """All messages of an update, for payloads of one bucket, and with another neighbour: the same sizes and as many."""

    async def sizes(length: int, *neighbours: str) -> list[tuple[str, int]]:
        broker = MemoryBroker()
        seen: list[tuple[str, int]] = []
        deliver = broker.deliver
        broker.deliver = lambda message: (seen.append((message.topic, len(message.payload))), deliver(message))[1]  # type: ignore[func-returns-value,method-assign]
        hall1 = Gateway("hall1", [broker.link()], neighbours, federation=sealed("hall1", *neighbours))
        async with running((hall1, [])):
            await hall1.sender.publish(FAMILY, 1, 1, payload(1, length))
            await settle(lambda: hall1.sender.counts.shards >= 4)
        return seen

    def story(length: int, *neighbours: str) -> list[tuple[str, int]]:
        return asyncio.run(sizes(length, *neighbours))

    first = story(3000, "hall2")
    assert first == story(2000, "hall2") == story(3300, "hall2", "hall3")
    assert first != story(3500, "hall2")


def test_sizes_tell_neither_how_long_a_ledger_is_nor_how_many_neighbours_there_are() -> None:
    one = sealed("hall1", "hall2")

    def sizes(leaf: str, lengths: list[int]) -> set[int]:
        return {len(one.message("hall1", FAMILY, leaf, bytes(length)).payload) for length in lengths}

    assert len(sizes("head", [ledger.CHECKPOINT + 32 * tail for tail in range(ledger.TAIL + 1)])) == 1
    assert len(sizes("owed", [110 + 48 * neighbours for neighbours in range(1, 18)])) == 1
    assert sizes("request/need", [90, 300]) == sizes("key", [200]) == sizes("manifest", [250])


def pair(one: Federation, two: Federation) -> tuple[Gateway, Gateway, MemoryBroker]:
    broker = MemoryBroker()
    return (
        Gateway("hall1", [broker.link()], ["hall2"], lambda family: (9, payload(9)), federation=one),
        Gateway("hall2", [broker.link()], ["hall1"], federation=two),
        broker,
    )


def test_updates_cross_sealed_and_a_stranger_with_all_rights_reads_nothing() -> None:
    async def story() -> list[Message]:
        one, two, broker = pair(sealed("hall1", "hall2"), sealed("hall2", "hall1"))
        tapped: list[Message] = []
        deliver = broker.deliver
        broker.deliver = lambda message: (tapped.append(message), deliver(message))[1]  # type: ignore[func-returns-value,method-assign]
        ears = [hearing(broker, name, federation=sealed("hall2", "hall1", "hall3")) for name in ("hall2", "hall1")]
        async with running((one, ears[:1]), (two, ears[1:])):
            await one.sender.publish(FAMILY, 1, 0, payload(1))  # hall2 missed what it continues, so it asks
            await two.until(lambda: bool(two.got))
        assert [(each.manifest.sequence, each.data) for each in two.got] == [(9, payload(9))]
        return tapped

    tapped = asyncio.run(story())
    everything = b"".join(message.topic.encode() + message.payload for message in tapped)
    assert len(everything) > 8000
    for word in (payload(9)[:8], payload(1)[:8], b"hall1", b"hall2", b"vibration", b'"need"', b'"bundle"', b'"to"'):
        assert word not in everything
    assert {tuple(message.topic.split("/")[2:4]) for message in tapped} == {("update", "sealed")}


def test_who_is_not_trusted_any_more_cannot_open_what_comes_next() -> None:
    one = sealed("hall1", "hall2", "hall3")
    two = sealed("hall2", "hall1")
    made = one.close(b"first", FAMILY, "hall1", 1, 1)
    bundle = bundle_of(made, 1)
    assert two.open(bundle, made) == b"first"
    one._keyring._keys = {"hall3": key_of("hall3").public}  # type: ignore[misc]
    again = one.close(b"first", FAMILY, "hall1", 1, 1)
    assert again != made and len(again) == len(made)
    with pytest.raises(WireError, match="not for this gateway"):
        two.open(bundle, again)
    assert sealed("hall3", "hall1").open(bundle, again) == b"first"


def bundle_of(made: bytes, sequence: int, sender: str = "hall1") -> Manifest:
    return Bundle(made, FAMILY, sender, sequence, sequence).manifest


def test_an_envelope_counts_only_under_its_own_manifest() -> None:
    one, two = sealed("hall1", "hall2"), sealed("hall2", "hall1", "hall3")
    made = one.close(b"learnt", FAMILY, "hall1", 1, 1)
    for manifest in (bundle_of(made, 2), bundle_of(made, 1, "hall3")):  # played again as newer, or as one's own
        with pytest.raises(WireError, match="not what its manifest says"):
            two.open(manifest, made)
    other = Sealed("south", SECRET, "hall2", [FAMILY], [key_of("hall2")], keyring("hall1"))
    with pytest.raises(WireError, match="not what its manifest says"):
        other.open(bundle_of(made, 1), made)


def test_the_same_update_for_the_same_readers_stays_the_same_bundle() -> None:
    one = sealed("hall1", "hall2")
    assert one.close(b"x", FAMILY, "hall1", 1, 1) == one.close(b"x", FAMILY, "hall1", 1, 1)
    assert one.close(b"x", FAMILY, "hall1", 2, 1) != one.close(b"x", FAMILY, "hall1", 1, 1)


def test_only_the_same_bytes_repeat_a_number() -> None:
    data, hall = payload(1), ("hall1", 1, 1)
    first, again, others = sealed("hall1", "hall2"), sealed("hall1", "hall2"), sealed("hall1", "hall2", "hall3")
    first.close(data, FAMILY, *hall)
    assert first.repeats(data, FAMILY, *hall) and not first.repeats(payload(2), FAMILY, *hall)
    assert not again.repeats(data, FAMILY, *hall), "after a restart an envelope has other keys"
    others._closed = first._closed
    assert not others.repeats(data, FAMILY, *hall), "another reader was added"
    assert OPEN.repeats(data, FAMILY, *hall)


def test_a_gateway_whose_key_was_rotated_still_opens_what_was_sealed_for_the_one_before() -> None:
    old, new = key_of("hall2"), Key(bytes(32))
    made = sealed("hall1", "hall2").close(b"learnt", FAMILY, "hall1", 1, 1)
    ring = keyring("hall1")
    rotated = Sealed(FEDERATION, SECRET, "hall2", [FAMILY], [new, old], ring, STILL)
    assert rotated.open(bundle_of(made, 1), made) == b"learnt"


def test_a_receiver_that_cannot_open_asks_for_what_it_can() -> None:
    """hall1 does not trust hall2 yet; as soon as it does, the snapshot that hall2 keeps asking for is for it, too."""

    async def story() -> None:
        federation = sealed("hall1")
        one, two, broker = pair(federation, sealed("hall2", "hall1"))
        federation._keyring._keys = {}  # type: ignore[misc]
        async with running(
            (one, [hearing(broker, "hall2", federation=sealed("hall1", "hall2"))]),
            (two, [hearing(broker, "hall1", federation=two.exchange._federation)]),
        ):
            await one.sender.publish(FAMILY, 9, 9, payload(9))
            await settle(lambda: bool(two.collector._wrong))
            assert two.got == [] and two.applied == {}
            federation._keyring._keys = {"hall2": key_of("hall2").public}  # type: ignore[misc]
            await two.until(lambda: bool(two.got))
        assert two.got[0].data == payload(9)

    asyncio.run(story())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (OPEN, sealed("hall1", "hall2")),
        (sealed("hall2", "hall1"), OPEN),
        (sealed("hall2", "hall1"), sealed("hall1", "hall2", secret=bytes(32))),
        (OPEN, Federation("south")),
        (sealed("hall2", "hall1"), Sealed("south", SECRET, "hall1", [FAMILY], [key_of("hall1")], keyring("hall2"))),
    ],
)
def test_gateways_of_different_federations_refuse_each_other_and_say_so(
    ours: Federation, theirs: Federation, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        one, two, broker = pair(theirs, ours)
        said = json.dumps({"state": "online", "federation": theirs.mark}).encode()
        broker.deliver(Message("reedmesh/hall1/status", said, 1, True))
        async with running((two, [hearing(broker, "hall1", federation=ours)]), (one, [])):
            await one.sender.publish(FAMILY, 1, 1, payload(1))
            await settle(lambda: two.exchange.rejects.total > 0 and one.sender.counts.shards > 0)
        assert two.got == []

    caplog.set_level("WARNING")
    asyncio.run(story())
    assert "[exchange] says the same" in caplog.text and SECRET.hex() not in caplog.text


def test_every_day_manifests_are_signed_and_named_anew_and_the_old_ones_taken_back() -> None:
    async def story() -> None:
        clock = Clock()
        federation = sealed("hall1", "hall2", clock=clock)
        ears = sealed("hall2", "hall1", clock=clock)
        one, two, broker = pair(federation, ears)
        link = hearing(broker, "hall1", federation=ears)
        async with running((one, [hearing(broker, "hall2", federation=federation)]), (two, [link])):
            await one.sender.publish(FAMILY, 1, 1, payload(1))
            one.sender.keep(FAMILY, "key", b"appointment")
            await two.until(lambda: len(two.got) == 1)
            before = set(broker.retained)
            assert before == {federation.topic("hall1", FAMILY, leaf) for leaf in ("manifest", "key")}
            for day in range(1, 4):
                clock.now = MORNING + day * DAY - 5 * 3600  # past one o'clock
                names = {federation.topic("hall1", FAMILY, leaf) for leaf in ("manifest", "key")}
                await settle(lambda: names <= set(broker.retained))  # noqa: B023
                assert before <= set(broker.retained)  # for whoever is slower
                clock.now += 12 * 3600
                await settle(lambda: set(broker.retained) == names)  # noqa: B023
                before = names
                await one.sender.publish(FAMILY, 1 + day, 1 + day, payload(1 + day))
                await two.until(lambda: len(two.got) == 1 + day)  # noqa: B023

    asyncio.run(story())


def test_an_open_federation_signs_anew_every_day_too() -> None:
    async def story() -> None:
        clock = Clock()
        one, _, broker = pair(Federation(clock=clock), OPEN)
        async with running((one, [])):
            await one.sender.publish(FAMILY, 1, 1, payload(1))
            await settle(lambda: bool(broker.retained))
            topic, first = next(iter(broker.retained.items()))
            clock.now += DAY
            await settle(lambda: broker.retained[topic] != first)
        ring = Keyring({"hall1": key_of("hall1").public}, clock=lambda: clock.now + LIFE - DAY / 2)
        ring.check(unpack_manifest(broker.retained[topic].payload))
        with pytest.raises(WireError, match="replayed"):
            ring.check(unpack_manifest(first.payload))

    asyncio.run(story())


def test_a_neighbour_subscribes_to_status_and_to_what_its_federation_calls_updates() -> None:
    assert subscriptions("hall1", FAMILY) == {
        "reedmesh/hall1/status": 1,
        **{f"reedmesh/hall1/update/{FAMILY}/{addressed(leaf, '+')}": qos for leaf, qos in LEAVES.items()},
    }
    assert f"reedmesh/hall1/update/{FAMILY}/request/hall2/need" in subscriptions("hall1", FAMILY, to="hall2")
    topics = subscriptions("hall1", FAMILY, sealed("hall2", "hall1"))
    assert len(topics) == 1 + 3 * len(LEAVES) and sum("hall1" in topic for topic in topics) == 1


def test_more_keys_than_an_envelope_has_readers_for_leave_out_the_oldest_of_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(envelope, "MOST_READERS", 5)
    names = [f"hall{n}" for n in range(2, 6)]
    ring = keyring(*names)
    ring.of = lambda name: [key_of(name).public, key_of(f"{name} before").public]  # type: ignore[method-assign]
    federation = Sealed(FEDERATION, SECRET, "hall1", [FAMILY], [key_of("hall1")], ring)
    manifest = Bundle(federation.close(b"payload", FAMILY, "hall1", 1, 1), FAMILY, "hall1", 1, 1).manifest
    for name in names:
        made = federation.close(b"payload", FAMILY, "hall1", 1, 1)
        assert sealed(name, "hall1").open(manifest, made) == b"payload"
