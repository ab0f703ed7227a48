"""What a gateway answers to `archive` is read, and no answer makes the page fail."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import archive
from reedmesh.dashboard.model.archive import ArchiveState, Holder, Kept
from tests.dashboard.model.test_view import VALUES

KEPT = {
    "id": "5" * 32,
    "label": "press3 7",
    "owner": "gw2",
    "kind": "model",
    "bytes": 40_000,
    "made": 1_790_000_000,
    "until": 1_821_600_000,
    "k": 3,
    "n": 4,
    "missing": 1,
    "margin": 0,
    "holders": ["gw1", "gw2"],
}
HELD = {
    "offers": 500_000_000,
    "used": 2_000_000,
    "shards": 12,
    "heard": 3,
    "audited": 1200,
    "passed": 30,
    "failed": 2,
    "misses": 0,
    "lost": False,
}
ARCHIVE: dict[str, Any] = {
    "capacity": 500_000_000,
    "used": 3_000_000,
    "damaged": 1,
    "repaired": 4,
    "count": 2,
    "margins": {"0": 1, "1": 1},
    "objects": [KEPT, KEPT | {"id": "6" * 32, "label": "", "until": 0, "missing": 0, "margin": -1}],
    "holders": {"gw2": HELD, "gw3": HELD | {"lost": True}, "gw4": HELD | {"offers": 0, "audited": None}},
}


def test_the_answer_is_read() -> None:
    found = archive.archive(ARCHIVE)
    kept = Kept("5" * 32, "press3 7", "gw2", "model", 40_000, 1_790_000_000, 1_821_600_000, 3, 4, 1, 0)
    assert found.objects[0] == kept
    assert found.objects[1].margin == -1
    assert found.holders[0] == Holder("gw2", 500_000_000, 2_000_000, 12, 3, 1200, 30, 2, False)
    assert [each.lost for each in found.holders] == [False, True, False]
    assert (found.capacity, found.used, found.damaged, found.repaired, found.count) == (500_000_000, 3_000_000, 1, 4, 2)
    assert archive.archive({}) == ArchiveState()


@given(st.dictionaries(st.sampled_from(sorted(ARCHIVE)), VALUES))
def test_no_answer_makes_it_fail(answer: dict[str, Any]) -> None:
    assert len(archive.archive(answer).objects) <= archive.MOST_OBJECTS


@given(st.dictionaries(st.sampled_from(sorted(KEPT)), VALUES), st.dictionaries(st.sampled_from(sorted(HELD)), VALUES))
def test_no_object_or_holder_makes_it_fail(kept: dict[str, Any], held: dict[str, Any]) -> None:
    found = archive.archive({"objects": [kept], "holders": {"gw2": held}})
    assert all(-1 <= each.margin <= 8 for each in found.objects)
