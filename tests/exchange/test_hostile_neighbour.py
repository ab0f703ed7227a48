"""A trusted neighbour with a key that counts says what it likes: nothing of it ends anything, and the truth gets in."""

import asyncio
import time
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import FEDERATION
from reedmesh.errors import WireError
from reedmesh.exchange import checkpoints, proofs, seen
from reedmesh.identity import keystore, succession
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.identity.trust_store import Trust
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.events import Refused
from reedmesh.links.message import Message
from reedmesh.protocol.shards import unpack_manifest
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint
from reedmesh.store import ledger_table
from tests.exchange.test_neighbourhood import FAMILY, World, neighbours, trained

HASH = sha256(b"any").digest()


def head(key: Key, number: int, name: str = "b") -> bytes:
    signature = key.signature(ledger.signed_text(name, number, HASH))
    return ledger.pack_checkpoint(Checkpoint(name, number, HASH, signature, HASH))


async def say(it: World, leaf: str, what: bytes) -> None:
    """b says it on its broker, retained, as it would."""
    topic = f"reedmesh/b/update/{FAMILY.id}/{leaf}"
    await it.brokers["b"].link().publish(Message(topic, what, qos=1, retain=True))


async def truth(it: World, value: float) -> None:
    """A true update of b still reaches a, and no work of a's exchange had to be begun anew."""
    await it["b"].give(trained(value))
    await it.in_step("b")
    assert not it["a"].supervisor.failures


@pytest.mark.parametrize("number", [ledger.MOST_ENTRIES + 1, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_head_beyond_what_a_database_holds_ends_nothing_also_not_after_a_restart(tmp_path: Path, number: int) -> None:
    async def story() -> None:
        for value in (0.1, 0.2):  # the head is retained, and heard again at the next start
            async with neighbours(tmp_path, "a", "b") as it:
                await say(it, "head", head(keystore.load(tmp_path / "b"), number))
                await truth(it, value)

    asyncio.run(story())


def test_the_largest_head_is_kept_and_the_next_one_is_heard(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            db = it["a"].incoming._disk.store._db
            for count, number in enumerate((5, ledger.MOST_ENTRIES), 1):
                await say(it, "head", head(keystore.load(tmp_path / "b"), number))
                await it.until(lambda: len(ledger_table.remembered(db).get("b", ())) == count)  # noqa: B023

    asyncio.run(story())


def test_a_head_that_our_own_fault_trips_over_leaves_the_others_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, looked_at = ledger_table.LedgerTable.witness, []
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.01)

    def witness(self: Any, head: Checkpoint) -> int | None:
        looked_at.append(head.number)
        if head.number == 5:
            raise OverflowError("Python int too large to convert to SQLite INTEGER")
        return really(self, head)

    monkeypatch.setattr(ledger_table.LedgerTable, "witness", witness)

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            key = keystore.load(tmp_path / "b")
            await say(it, "head", head(key, 5))
            await it.until(lambda: looked_at == [5])
            await say(it, "head", head(key, 6))
            await it.until(lambda: bool(ledger_table.remembered(it["a"].incoming._disk.store._db)))
            await truth(it, 0.1)

    asyncio.run(story())


def test_an_update_that_verification_trips_over_is_refused_and_the_next_snapshot_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reedmesh.exchange import incoming

    really, faults = incoming.verify, [MemoryError(), ValueError("odd")]

    def verify(*arguments: Any) -> Any:
        if faults:
            raise faults.pop(0)
        return really(*arguments)

    monkeypatch.setattr(incoming, "verify", verify)

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            for value in (0.1, 0.2, 0.3):
                await it["b"].give(trained(value))
            await truth(it, 0.4)

    asyncio.run(story())


def test_a_copy_that_a_revoked_key_signed_counts_no_more_nor_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await truth(it, 0.1)
            assert "b" in it["a"].peers()
        gone = keystore.load(tmp_path / "b").public
        trust = Trust(tmp_path / "a", {"b": gone})
        trust.revoke(gone)
        trust.trust("b", Key(bytes(32)).public)
        async with neighbours(tmp_path, "a", all_names="b") as it:
            assert it["a"].peers() == {} and "b" in it["a"].incoming._keyring

    asyncio.run(story())


def test_a_thief_cannot_number_its_updates_so_high_that_the_owner_is_never_heard_again(tmp_path: Path) -> None:
    """After the stolen key was revoked and the owner's new one is trusted, also in the running gateway."""

    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await truth(it, 0.1)
            state = it["b"].learning_state
            it["b"].outgoing.learning_state = replace(state, sequence=2**32 - 2, windows=0)
            await truth(it, 666.0)
            assert it["a"].heard() == {"b": 2**32 - 1}
        stolen = keystore.load(tmp_path / "b").public
        (tmp_path / "b" / "key").unlink()
        for name in ("reedmesh.db", "reedmesh.db-wal", "reedmesh.db-shm"):
            (tmp_path / "b" / name).unlink(missing_ok=True)  # the owner's own numbers never went so high
        Trust(tmp_path / "a", {}).revoke(stolen)
        for value in (0.2, 0.3):  # and it stays so after another restart
            async with neighbours(tmp_path, "a", "b") as it:
                await truth(it, value)
                assert it["a"].heard()["b"] < 10
                assert np.abs(it["a"].peers()["b"].weights - trained(value).weights).max() < 0.02

    asyncio.run(story())


def test_what_the_old_key_said_is_not_taken_again_once_its_successor_speaks(tmp_path: Path) -> None:
    """Numbers are kept of each key: recorded updates of the old one are refused though the new one began anew."""

    async def story() -> None:
        said: list[Message] = []
        async with neighbours(tmp_path, "a", "b") as it:
            deliver = it.brokers["b"].deliver
            it.brokers["b"].deliver = lambda message: (said.append(message), deliver(message))[1]  # type: ignore[func-returns-value,method-assign]
            for value in (0.1, 0.2):
                await truth(it, value)
        old = keystore.load(tmp_path / "b")
        keystore.rotate(tmp_path / "b", "b", int(time.time() + 9e5))
        trust = Trust(tmp_path / "a", {"b": old.public})
        trust.succeed("b", old.public, keystore.load(tmp_path / "b").public, time.time() + 9e5)
        async with neighbours(tmp_path, "a", "b") as it:
            await truth(it, 0.3)
            taken = it["a"].heard()["b"]
            for message in said:
                await it.brokers["b"].link().publish(message)
            await truth(it, 0.4)
            assert taken and (it["a"].heard()["b"] or 0) > taken
            assert not any(isinstance(each, Refused) for each in it.events)

    asyncio.run(story())


def test_a_succession_that_ends_beyond_all_time_is_refused(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            old, new = keystore.load(tmp_path / "b"), Key(bytes(32))
            said = Succession("b", 2**64 - 1, old.public, new.public)
            await say(it, "key", succession.pack(said, old.signature(said.text()), new.signature(said.text())))
            await truth(it, 0.1)

    asyncio.run(story())


def entered(it: World, name: str, kind: str) -> list[dict[str, Any]]:
    rows = ledger_table.rows(it[name].incoming._disk.store._db)
    return [each for each in map(ledger.read, rows) if each["kind"] == kind]


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(checkpoints, "SEEN_SECONDS", 0.02)


@pytest.mark.usefixtures("quick")
def test_who_shows_two_neighbours_two_pasts_is_found_out_by_what_they_tell_each_other(tmp_path: Path) -> None:
    """b says head 10 to a and another head 10 to c, each on its own way; a and c are neighbours."""

    async def story() -> None:
        async with neighbours(tmp_path, "a", "c", all_names="b") as it:
            key = keystore.load(tmp_path / "b")
            for name, what in (("a", b"one"), ("c", b"other")):
                hashed = sha256(what).digest()
                signature = key.signature(ledger.signed_text("b", 10, hashed))
                frame = ledger.pack_checkpoint(Checkpoint("b", 10, hashed, signature, hashed))
                it[name].checkpoints.hear("b", frame)
            for name in ("a", "c"):
                await it.until(lambda: bool(entered(it, name, ledger.FORK)))  # noqa: B023
                assert entered(it, name, ledger.FORK)[0]["gateway"] == "b"

    asyncio.run(story())


@pytest.mark.usefixtures("quick")
def test_two_updates_under_one_number_are_entered_once_with_who_says_so(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "c", all_names="b") as it:
            for name, digest in (("a", "aa" * 32), ("c", "cc" * 32)):
                it[name].incoming._peers["b"] = Peer(trained(0.1).weights, 10, sequence=7, digest=digest)
            await it.until(lambda: bool(entered(it, "a", ledger.FORK) and entered(it, "c", ledger.FORK)))
            for _ in range(50):
                await asyncio.sleep(0)
            (entry,) = entered(it, "a", ledger.FORK)
            assert (entry["gateway"], entry["sequence"], entry["sha256"]) == ("b", 7, "cc" * 32)
            assert "c holds another" in entry["reason"]

    asyncio.run(story())


def given_update(it: World, name: str, what: bytes, sequence: int = 7) -> bytes:
    """b gives one gateway an update of its own, signed, on a way that the others do not see; returns its manifest."""
    made = Bundle(what, FAMILY.id, "b", sequence, sequence)
    frame = keystore.load(it.folder / "b").sign(made.manifest)
    manifest = unpack_manifest(frame)
    manifest.signer = it[name].incoming._keyring.check(manifest)
    it[name].checkpoints.hear_manifest(manifest, frame)
    digest = sha256(what).hexdigest()
    it[name].incoming._peers["b"] = Peer(trained(0.1).weights, 10, sequence=sequence, digest=digest)
    return frame


def signed_two(it: World, name: str) -> list[dict[str, Any]]:
    return [each for each in entered(it, name, ledger.FORK) if proofs.SIGNED_TWO in each["reason"]]


@pytest.mark.usefixtures("quick")
def test_two_updates_under_one_number_become_a_proof_that_anybody_can_check(tmp_path: Path) -> None:
    """b shows a this and c that; a and c tell each other what b signed, and each has both signatures on disk."""

    async def story() -> None:
        async with neighbours(tmp_path, "a", "c", all_names="b") as it:
            for name, what in (("a", b"one"), ("c", b"other")):
                given_update(it, name, what)
            public = [keystore.load(tmp_path / "b").public]
            for name in ("a", "c"):
                await it.until(lambda: bool(proofs.proved(tmp_path / name, {"b": public}, FEDERATION)))  # noqa: B023
                assert proofs.proved(tmp_path / name, {"b": public}, FEDERATION) == [("b", 7)]
                assert proofs.proved(tmp_path / name, {"b": [Key(bytes(32)).public]}, FEDERATION) == []
                await it.until(lambda: bool(signed_two(it, name)))  # noqa: B023
                assert [(each["gateway"], each["sequence"]) for each in signed_two(it, name)] == [("b", 7)]

    asyncio.run(story())


def test_one_update_that_is_signed_again_or_by_another_key_proves_nothing(tmp_path: Path) -> None:
    key, other, held = Key(bytes([1]) * 32), Key(bytes([2]) * 32), proofs.Proofs(tmp_path, FEDERATION)
    for signer, what, at in ((key, b"one", 1000.0), (key, b"one", 2000.0), (other, b"other", 2000.0)):
        frame = signer.sign(Bundle(what, FAMILY.id, "b", 7, 7).manifest, at=at)
        manifest = unpack_manifest(frame)
        manifest.signer = signer.public
        assert held.meet(manifest, frame) is None
    assert not (tmp_path / proofs.FOLDER).exists()


@given(st.binary(max_size=400))
def test_junk_of_what_others_have_seen_is_refused(frame: bytes) -> None:
    for each in (frame, b"\1\1" + frame, b"\1\0" + frame):
        with suppress(WireError):
            seen.unpack(each)


@pytest.mark.usefixtures("quick")
def test_a_flood_of_heads_costs_a_bounded_number_of_writes_and_the_newest_is_kept(tmp_path: Path) -> None:
    async def story() -> None:
        now, writes = 0.0, 0
        async with neighbours(tmp_path, "a", "b") as it:
            checks = it["a"].checkpoints
            really = checks._look_at

            async def counting(*what: Any) -> None:
                nonlocal writes
                writes += 1
                await really(*what)

            checks._clock, checks._look_at = (lambda: now), counting  # type: ignore[method-assign]
            key = keystore.load(tmp_path / "b")
            for number in range(1000, 1500):
                checks.hear("b", head(key, number))
                await asyncio.sleep(0.002)
            assert 1 <= writes <= 20
            now += 3600
            db = it["a"].incoming._disk.store._db
            await it.until(lambda: db.execute("select max(number) from heads").fetchone() == (1499,))

    asyncio.run(story())


def test_who_asks_for_a_snapshot_again_and_again_is_sent_the_same_and_costs_no_entry(tmp_path: Path) -> None:
    async def story() -> None:
        async with neighbours(tmp_path, "a", "b") as it:
            await truth(it, 0.1)
            await it["b"].give(trained(0.2))
            await it.in_step("b")
            before, sender = it["b"].learning_state.sequence, it["b"].sender
            assert sender
            for _ in range(5):
                sent = sender.counts.manifests
                it["b"].outgoing.note_missed(FAMILY.id)
                await it.until(lambda: sender.counts.manifests > sent)  # noqa: B023
            assert it["b"].learning_state.sequence == before + 1  # after a delta one snapshot, then that one again
            assert len(entered(it, "b", ledger.GIVEN)) == before + 1

    asyncio.run(story())
