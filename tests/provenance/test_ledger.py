"""The ledger: whoever changes, drops, adds or swaps an entry is found out, here or by those who heard its head."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.errors import ConfigError, DiskError, WireError
from reedmesh.identity.keys import Key
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Checkpoint, Entry, Quota, Row
from reedmesh.store import ledger_table
from reedmesh.store.ledger_table import LedgerTable, NeighbourCheckpoint
from reedmesh.store.store import Store
from tests.support.neighbours import key_of

KEY = key_of("hall1")
ENTRIES = [Entry(ledger.TAKEN, "hall2", family="f", sequence=n, sha256=f"{n:064x}") for n in range(1, 400)]


def kept(store: Store, count: int, name: str = "hall1", at: float = 0.0, first: int = 1, key: Key = KEY) -> LedgerTable:
    """A ledger of so many entries, one a minute, that begins at `first` of those there are."""
    for n in range(count):
        made = LedgerTable(store._db, name, key, lambda n=n: at + 60.0 * n)
        with store._db:
            made.append([ENTRIES[first + n - 1]])
    return made


def rows(count: int = 6) -> list[Row]:
    with Store() as store:
        kept(store, count)
        return list(ledger_table.rows(store._db))


def verify(found: list[Row]) -> ledger.Findings:
    return ledger.verify("hall1", found, [KEY.public])


def test_a_chain_is_whole_until_somebody_touches_it() -> None:
    found = verify(rows())
    assert (found.entries, found.faults, found.notes) == (6, [], [])
    assert ledger.read(rows()[2]) == {
        "number": 3, "at": 120.0, "kind": "taken", "gateway": "hall2", "family": "f", "sequence": 3,
        "sha256": f"{3:064x}",
    }  # fmt: skip


@given(st.data())
def test_any_change_of_any_entry_is_a_fault(data: st.DataObject) -> None:
    whole = rows()
    at = data.draw(st.integers(0, len(whole) - 1))
    field = data.draw(st.sampled_from(["text", "hash", "signature"]))
    spoilt = bytearray(getattr(whole[at], field))
    spoilt[data.draw(st.integers(0, len(spoilt) - 1))] ^= data.draw(st.integers(1, 255))
    whole[at] = replace(whole[at], **{field: bytes(spoilt)})
    assert verify(whole).faults


def test_a_dropped_swapped_or_added_entry_is_a_fault() -> None:
    whole = rows()
    assert "entry 3 is missing" in verify(whole[:2] + whole[3:]).faults[0]
    assert verify([whole[1], whole[0], *whole[2:]]).faults
    text = ENTRIES[6].text(7, 400.0)
    hashed = ledger.link(whole[-1].hash, sha256(text).digest())
    forged = key_of("mallory").signature(ledger.signed_text("hall1", 7, hashed))
    assert "entry 7: not signed" in verify([*whole, Row(7, text, hashed, forged)]).faults[0]


def test_the_chain_of_another_gateway_is_not_ours() -> None:
    assert len(ledger.verify("hall2", rows(), [KEY.public]).faults) == 7  # its beginning, and each signature


def test_a_clock_that_went_back_is_told_and_proves_nothing() -> None:
    with Store() as store:
        kept(store, 3)
        kept(store, 2, at=-3600.0)
        found = verify(list(ledger_table.rows(store._db)))
    assert not found.faults and found.notes == ["entry 4: the clock went back by 3720 s"]


def test_entries_signed_before_a_rotation_still_count() -> None:
    with Store() as store:
        kept(store, 2)
        new = key_of("new")
        kept(store, 2, key=new, at=1000.0)
        found = list(ledger_table.rows(store._db))
    assert not ledger.verify("hall1", found, [new.public, KEY.public]).faults
    assert len(ledger.verify("hall1", found, [new.public]).faults) == 2


def test_a_head_travels_and_proves_that_it_continues_those_before() -> None:
    with Store() as store:
        heads = [kept(store, 1, at=60.0 * n, first=n + 1).head() for n in range(300)]
    for head in heads[:1] + heads[-50:]:
        assert head and ledger.unpack_checkpoint(ledger.pack_checkpoint(head), [KEY.public]) == head
    known = {head.number: head.hash for head in heads if head}
    assert heads[-1] and len(heads[-1].tail) == ledger.TAIL and ledger.forks(known, heads[-1]) is None


@given(st.data())
def test_no_other_bytes_are_a_head(data: st.DataObject) -> None:
    with Store() as store:
        head = kept(store, 4).head()
    assert head
    frame = bytearray(ledger.pack_checkpoint(head))
    frame[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(WireError, match="head"):
        ledger.unpack_checkpoint(bytes(frame), [KEY.public])


@pytest.mark.parametrize("size", [0, 1, 208, 210, 100_000])
def test_a_head_of_no_such_size_is_refused(size: int) -> None:
    with pytest.raises(WireError, match="head"):
        ledger.unpack_checkpoint(bytes([1]) * size, [KEY.public])


def heard(
    *heads: Checkpoint | None,
) -> tuple[list[int | None], list[dict[str, object]], dict[str, list[NeighbourCheckpoint]]]:
    """What a neighbour finds in heads, what it enters of that, and what it keeps."""
    with Store() as store:
        witness = LedgerTable(store._db, "hall2", key_of("hall2"))
        found = [
            witness.witness(ledger.unpack_checkpoint(ledger.pack_checkpoint(head), [KEY.public]))
            for head in heads
            if head
        ]
        return found, [ledger.read(row) for row in ledger_table.rows(store._db)], ledger_table.remembered(store._db)


def test_a_neighbour_sees_that_history_was_rewritten() -> None:
    with Store() as store:
        first = kept(store, 5).head()
        second = kept(store, 3, at=600.0).head()
    with Store() as store:  # the same beginning, then another past that has become longer than the first
        kept(store, 4)
        forged = kept(store, 7, at=240.0, first=9).head()
    found, entered, remembered = heard(first, second, second, forged, forged)
    assert found == [None, None, None, 5, None]
    assert [(each["kind"], each["gateway"], each["sequence"]) for each in entered] == [("fork", "hall1", 5)]
    assert [each.live for each in remembered["hall1"]] == [False, False, True]
    frames = [each.frame for each in remembered["hall1"]]  # anybody can check it again
    assert ledger.conflict(frames, [KEY.public]) == (3, 5)
    assert ledger.conflict(frames[:2], [KEY.public]) == (2, None)
    assert ledger.conflict(frames, [key_of("mallory").public]) == (0, None)


def test_a_truncated_past_shows_as_soon_as_it_goes_on() -> None:
    with Store() as store:
        head = kept(store, 5).head()
    with Store() as store:
        short = kept(store, 3).head()
        longer = kept(store, 1, at=900.0, first=9).head()
        longest = kept(store, 1, at=960.0, first=10).head()
    assert heard(head, short)[0] == [None, None]  # an old one that the broker kept says nothing
    assert heard(head, short, longer, longest)[0] == [None, None, None, 5]


def test_what_a_neighbour_could_not_compare_is_told() -> None:
    with Store() as store:
        first = kept(store, 10).head()
        for n in range(3):
            kept(store, 100, at=1e4 * (n + 1))
        later = kept(store, 1, at=1e5).head()
    found, _, remembered = heard(first, later)
    assert found == [None, None]
    assert [each.gap for each in remembered["hall1"]] == [0, 311 - ledger.TAIL - 10]


def test_heads_that_are_kept_of_a_neighbour_are_bounded() -> None:
    with Store() as store:
        truth = [kept(store, 1, at=60.0 * n, first=n + 1).head() for n in range(90)]
    lies = []
    for n in range(130):
        with Store() as store:
            kept(store, 3)
            lies.append(kept(store, 2, at=1e6 + n).head())
    found, entered, remembered = heard(*truth, *lies)
    assert sum(at is not None for at in found) == 130
    assert len(entered) == ledger.MOST_A_DAY and len(remembered["hall1"]) <= 2 * ledger_table.MOST_HEADS


def test_a_neighbour_causes_so_many_entries_a_day_and_the_rest_are_counted() -> None:
    quota = Quota(most=2)
    taken, own = Entry(ledger.TAKEN, "b"), Entry(ledger.GIVEN, "a")
    assert [quota.admit(taken, 1) for _ in range(4)] == [taken, taken, None, None]
    assert [quota.admit(own, 1) for _ in range(4)] == [own] * 4
    assert quota.admit(Entry(ledger.TAKEN, "c"), 1) and quota.admit(taken, 2) == replace(taken, omitted=2)
    assert quota.admit(taken, 2) == taken


def test_a_database_that_lacks_what_was_published_is_known(tmp_path: Path) -> None:
    folder = tmp_path
    assert ledger_table.published(folder, [KEY.public]) is None
    with Store() as store:
        head = kept(store, 5).head()
        assert head
        ledger_table.publish(folder, head)
        noted = ledger_table.published(folder, [KEY.public])
        assert noted and (noted.number, noted.hash) == (5, head.hash) and ledger_table.lost(store._db, noted) == ""
    with Store() as store:
        kept(store, 3)
        assert "entry 5, which was published, is missing" in ledger_table.lost(store._db, noted)
        kept(store, 4, at=1e6)
        assert "is another" in ledger_table.lost(store._db, noted)
    (folder / "nowhere").touch()
    with pytest.raises(DiskError, match=r"ledger\.head: File exists"):
        ledger_table.publish(folder / "nowhere", head)
    (folder / ledger_table.FILE).write_bytes(b"junk")
    with pytest.raises(ConfigError, match=r"ledger\.head"):
        ledger_table.published(folder, [KEY.public])


@pytest.mark.parametrize("number", [ledger.MOST_ENTRIES + 1, 2**63, 2**64 - 1])
def test_a_head_of_more_entries_than_any_database_holds_is_refused_where_it_is_unpacked(number: int) -> None:
    hashed = sha256(b"any").digest()
    signature = KEY.signature(ledger.signed_text("hall1", number, hashed))
    frame = ledger.pack_checkpoint(Checkpoint("hall1", number, hashed, signature, hashed))
    with pytest.raises(WireError, match=f"entry {number}"):
        ledger.unpack_checkpoint(frame, [KEY.public])
