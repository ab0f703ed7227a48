"""What a gateway answers to `jobs` is read, and no answer makes the page fail."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.dashboard.model import pool
from reedmesh.dashboard.model.pool import Lender, Pool
from tests.dashboard.model.test_view import VALUES

POOL: dict[str, Any] = {
    "lends": True,
    "hindrance": "2 open alerts",
    "doing": "search for gw2",
    "load": 0.25,
    "celsius": 51.5,
    "jobs": [{"job": "0123456789abcdef", "kind": "search", "lenders": ["gw2"]}],
    "neighbours": {
        "gw2": {"borrowed": 12_000, "borrowed_jobs": 8, "lent": 3500, "lent_jobs": 2, "disagreed": 0},
        "gw3": {"borrowed": 0, "borrowed_jobs": 0, "lent": 0, "lent_jobs": 0, "disagreed": 1},
    },
    "out": {"gw3": {"until": 4e9, "reason": "its result was another than gw2, gw4 came to"}},
    "known": 3,
}


def test_the_answer_is_read() -> None:
    out = Lender("gw3", others=1, out_until=4e9, reason="its result was another than gw2, gw4 came to")
    known = Pool(
        True, "2 open alerts", "search for gw2", 0.25, 51.5, ("search",), (Lender("gw2", 12.0, 8, 3.5, 2), out)
    )
    assert pool.pool(POOL) == known


@given(st.dictionaries(st.sampled_from(sorted(POOL)), VALUES))
def test_no_answer_makes_it_fail(answer: dict[str, Any]) -> None:
    assert len(pool.pool(answer).lenders) <= 200
