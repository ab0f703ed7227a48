"""What a gateway answers to `provenance` is read, and no answer makes the page fail."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import provenance
from tests.dashboard.model.test_view import VALUES

PROVENANCE: dict[str, Any] = {
    "models": [
        {
            "sensor": "press3",
            "sequence": 4,
            "sha256": "cd" * 32,
            "fault": "",
            "windows": 240,
            "root": "ef" * 32,
            "committed": 17,
            "checkable": True,
            "auditors": ["9f2a77b0"],
            "merged": [{"gateway": "gw2", "share": 0.25, "worth": -0.01}],
        }
    ],
    "neighbours": {
        "gw2": {
            "taken": 3,
            "merged": 2,
            "left out": 1,
            "worth": 0.2,
            "over": [[50, 0.25], [60, 0.2]],
            "owed": 30,
            "due": 7,
            "agreed": 20,
            "head": 5,
            "heard": 60,
        },
        "gw3": {"fork": 1},
    },
    "ledger": {"entries": 20, "head": "ab" * 32},
}


def test_it_is_read() -> None:
    found = provenance.provenance(PROVENANCE)
    (model,), (known, fork) = found.models, found.neighbours
    assert (model.sensor, model.windows, model.committed, model.auditors) == ("press3", 240, 17, ("9f2a77b0",))
    assert model.merged == (("gw2", 0.25, -0.01),) and found.entries == 20
    assert (known.left_out, known.worth, known.owed, known.due, known.agreed) == (1, 0.2, 30, 7, 20)
    assert known.over == ((50.0, 0.25), (60.0, 0.2)) and fork.forks == 1 and fork.head is None


KEYS = ["models", "neighbours", "ledger", "merged", "auditors", "over", "worth", "root", "head", "heard", "entries"]
ANSWERS = st.recursive(
    st.one_of(VALUES, st.floats(), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(KEYS), ANSWERS, max_size=4))
def test_no_answer_makes_it_fail(answer: dict[str, Any]) -> None:
    found = provenance.provenance(answer)
    assert all(abs(each.worth) <= 1e12 for each in found.neighbours)
