"""Attacks on what crosses between gateways, one row each: docs/security.md has the same table.

After each attack of Mallory's (tests/support/attacker.py says who she is) a true update must still come through, and
nothing else may have.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from reedmesh.coding.bundle import Bundle
from reedmesh.errors import WireError
from reedmesh.identity import keyring, succession
from reedmesh.identity.succession import Succession
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Manifest, Shape
from tests.support.attacker import MEMBER, SHAPE, STRANGER, Stage, deliver, forged, payload, seal
from tests.support.neighbours import FAMILY, Gateway, key_of, settle


async def tampered_manifest(stage: Stage) -> None:
    frame = key_of("hall1").sign(forged().manifest, at=stage.now)
    places = (1, 8, 12, 20, 50, 85, 112, 116, len(frame) - 70, len(frame) - 1)
    await stage.refused(*(frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :] for at in places))


async def tampered_shard(stage: Stage) -> None:
    """Mallory is faster than the truth, with other content and a right CRC."""
    bundle = Bundle(seal(stage, 11, 11), FAMILY, "hall1", 11, 11)
    frames = bundle.wave({0: bundle.shape.k})
    await stage.say("manifest", key_of("hall1").sign(bundle.manifest, at=stage.now))
    wrong = [shards.unpack_shard(frame) for frame in frames]
    for shard in wrong:
        shard.data = bytes(len(shard.data))
    await stage.refused(*map(shards.pack_shard, wrong), leaf="shard")
    for frame in frames:
        await stage.say("shard", frame)
    await stage.hall2.until(lambda: stage.sequences == [11])
    stage.sequence = 11


async def replayed(stage: Stage) -> None:
    await stage.truth()
    for message in list(stage.recorded):
        await stage.mallory.publish(message)


async def replayed_after_a_restart(stage: Stage) -> None:
    """hall2 is another program by now, which knows what its store kept: the newest sequence of each."""
    await stage.truth()
    again = Gateway("hall2", [stage.broker.link()], [], applied=dict(stage.hall2.applied), federation=stage.ears)
    again.exchange._keys = stage.ring
    for message in list(stage.recorded):
        await again.exchange.hear(message)
    assert again.got == [] and again.collector.size == 0


async def replayed_to_one_that_forgot(stage: Stage) -> None:
    await stage.truth()
    old = list(stage.recorded)
    stage.hall2.applied.clear()
    stage.hall2.got.clear()
    stage.now += keyring.LIFE + 1
    for message in old:
        await stage.mallory.publish(message)
    await settle(lambda: stage.hall2.exchange.rejects.total > 0)
    assert stage.hall2.got == []


async def reordered(stage: Stage) -> None:
    """Three updates, each continuing the one before; their shards come the other way round."""
    made = [Bundle(seal(stage, n, n - 1), FAMILY, "hall1", n, n - 1) for n in (11, 12, 13)]
    frames = [bundle.wave({0: bundle.shape.k})[::-1] for bundle in made]
    for bundle in made:
        await stage.say("manifest", key_of("hall1").sign(bundle.manifest, at=stage.now))
    for frame in [frame for each in frames[::-1] for frame in each]:
        await stage.say("shard", frame)
    await stage.hall2.until(lambda: len(stage.hall2.got) == 3)
    assert stage.sequences == [11, 12, 13]
    stage.sequence = 13


async def downgraded_update(stage: Stage) -> None:
    await stage.truth()
    await stage.refused(*(key_of("hall1").sign(forged(sequence).manifest, at=stage.now) for sequence in (0, 5, 10)))


async def downgraded_seal(stage: Stage) -> None:
    bare = forged().manifest
    await stage.refused(shards.pack_manifest(bare), shards.sealed(forged().manifest, bytes(32)))


async def another_site(stage: Stage) -> None:
    """The same gateway, the same key, another federation."""
    await stage.refused(key_of("hall1").sign(forged().manifest, "south", stage.now))


async def from_the_future(stage: Stage) -> None:
    await stage.refused(key_of("hall1").sign(forged().manifest, at=stage.now + keyring.AHEAD + 60))


async def impersonated(stage: Stage) -> None:
    by_stranger, by_member = (key.sign(forged().manifest, at=stage.now) for key in (STRANGER, MEMBER))
    unknown = STRANGER.sign(forged(sender="hall9").manifest, at=stage.now)
    await stage.refused(by_stranger, by_member, unknown)
    await deliver(stage, forged(), by_stranger)


async def adopted(stage: Stage) -> None:
    """hall3, a neighbour, says hall1's update is its own."""
    await stage.truth()
    own = stage.federation("hall1")
    heard = [own.hear(message) for message in stage.recorded if stage.hall1.name]
    true = next(shards.unpack_manifest(each.payload) for each in heard if each.leaf == "manifest")
    true.sender = "hall3"
    frame = MEMBER.sign(true, at=stage.now)
    await stage.mallory.publish(own.message("hall3", FAMILY, "manifest", frame))
    for each in [each for each in heard if each.leaf == "shard"]:
        shard = shards.unpack_shard(each.payload)
        shard.bundle = true.bundle
        await stage.mallory.publish(own.message("hall3", FAMILY, "shard", shards.pack_shard(shard)))
    if stage.sealed:
        await settle(lambda: true.bundle in stage.hall2.collector._wrong)
    else:  # it is signed by hall3, and who says what everybody can read is not wrong
        await stage.hall2.until(lambda: len(stage.hall2.got) == 2)
        stage.hall2.got.pop()


async def key_swapped(stage: Stage) -> None:
    until_ = int(stage.now) + 86400
    said = [Succession("hall1", until_, old.public, STRANGER.public) for old in (key_of("hall1"), STRANGER, MEMBER)]
    signers = [(STRANGER, STRANGER), (STRANGER, STRANGER), (MEMBER, STRANGER)]
    frames = [
        succession.pack(each, a.signature(each.text()), b.signature(each.text()))
        for each, (a, b) in zip(said, signers, strict=True)
    ]
    await stage.refused(*frames, leaf="key")
    assert stage.ring.of("hall1") == [key_of("hall1").public]
    await stage.refused(STRANGER.sign(forged().manifest, at=stage.now))


async def stolen_key(stage: Stage) -> None:
    """hall3's was, and has been revoked: what is signed with it counts no more, and nothing is sealed for it."""
    stage.trust.revoke(MEMBER.public)
    await stage.refused(MEMBER.sign(forged(1, "hall3").manifest, at=stage.now), by="hall3")
    if stage.sealed:
        made = stage.ears.close(payload(1), FAMILY, "hall2", 1, 1)
        with pytest.raises(WireError, match="not for this gateway"):
            stage.federation("hall3").open(Manifest(SHAPE, bytes(32), FAMILY, "hall2", 1, 1), made)


async def oversized(stage: Stage) -> None:
    """Each frame says that more is coming than anybody keeps; none makes the receiver keep it."""
    huge = Manifest(Shape(1, 4, 16384), bytes(32), FAMILY, "hall1", 11, 11)
    frame = key_of("hall1").sign(huge, at=stage.now)
    blocks = frame[:1] + b"\x01\x04\x00" + (1 << 24).to_bytes(4, "little") + frame[8:]
    long = frame + bytes(200_000)
    await stage.refused(frame, blocks, long)
    await stage.refused(shards.pack_shard(shards.Shard(bytes(8), SHAPE, 0, 0, bytes(64))) + bytes(70_000), leaf="shard")
    assert stage.hall2.collector.size == 0
    before = stage.hall1.exchange.rejects.total
    for verb, asked in (("need", b'{"to": "hall1", "need": "' + b"9" * 5000 + b'"}'), ("snapshot", b"[" * 4000)):
        await stage.mallory.publish(stage.ears.message("hall2", FAMILY, f"request/{verb}", asked, to="hall1"))
    await settle(lambda: stage.hall1.exchange.rejects.total == before + 2)


CBOR = (b"\xbf\x61a\x9f\xff\xff", b"\x9b" + b"\xff" * 8, b"\x5f" * 500, b"\xa1" * 5000)
JSON = (b"null", b"[[[[" * 900, b'{"to": 1e999}', b'{"to": {"need": -1}}', b'{"to": "\xff"}')
STRUCT = (b"\x01", b"\x01" * 28, b"\xff" * 116, bytes(4096), b"\x01\xfe\xfc\xff" + b"\xff" * 200)


async def junk(stage: Stage) -> None:
    """On every topic, and of every kind."""
    for leaf in ("manifest", "shard", "key", "request/need", "request/snapshot"):
        await stage.refused(*CBOR, *JSON, *STRUCT, leaf=leaf)
    assert stage.hall2.collector.size == 0


async def asked_to_exhaustion(stage: Stage) -> None:
    """hall2 asks hall1 for all shards of its update, again and again."""
    await stage.truth()
    counts, rejects = stage.hall1.sender.counts, stage.hall1.exchange.rejects
    before = counts.shards
    bundle = stage.hall2.got[-1].manifest
    asked = json.dumps({"to": "hall1", "bundle": bundle.bundle.hex(), "need": {"0": 255}}).encode()
    for _ in range(30):
        sent, refused = counts.shards, rejects.total
        await stage.mallory.publish(stage.ears.message("hall2", FAMILY, "request/need", asked, to="hall1"))
        await settle(lambda: counts.shards >= sent + 255 or rejects.total > refused)  # noqa: B023
    assert rejects.total >= 20 and counts.shards - before <= 2 * 255 + 2 * bundle.shape.k


Attack = Callable[[Stage], Awaitable[None]]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "tamper: a bit of a manifest": (tampered_manifest, "refused: the signature does not hold"),
    "tamper: content of shards": (tampered_shard, "counts as missing; the true ones complete it"),
    "replay: all that was ever said": (replayed, "changes nothing"),
    "replay: after a restart": (replayed_after_a_restart, "changes nothing: the store knows what was taken"),
    "replay: to one that forgot": (replayed_to_one_that_forgot, "refused: signed more than two days ago"),
    "reorder": (reordered, "delivered in order, each once"),
    "downgrade: an older update": (downgraded_update, "refused: older than what was taken"),
    "downgrade: another seal, or none": (downgraded_seal, "refused: no signature"),
    "cross-site: another federation": (another_site, "refused: not signed for this federation"),
    "a time to come": (from_the_future, "refused: more than an hour ahead"),
    "impersonation: by a stranger, by a neighbour": (impersonated, "refused: not signed by whom it names"),
    "adoption: another's update as one's own": (adopted, "sealed: cannot be opened; open: is its own word"),
    "key swap": (key_swapped, "refused: not appointed by the key before"),
    "a stolen key, revoked": (stolen_key, "refused; nothing is sealed for it"),
    "oversized": (oversized, "refused before anything is kept"),
    "junk: CBOR, JSON, struct": (junk, "refused, counted, logged once a minute"),
    "exhaustion: asking without end": (asked_to_exhaustion, "twice the bundle at most"),
}


@pytest.mark.parametrize("sealed", [False, True], ids=["open", "sealed"])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_on_updates(tmp_path: Path, name: str, sealed: bool) -> None:
    stage = Stage(tmp_path, sealed)

    async def story() -> None:
        async with stage.on():
            await ATTACKS[name][0](stage)
            await stage.truth()
            took = {each.manifest.sequence: each.data for each in stage.hall2.got}
            assert took == {sequence: payload(sequence) for sequence in took} and stage.sequence in took
            assert stage.sequences == sorted(set(stage.sequences))

    asyncio.run(story())
