"""When a gateway lends, who is out, and who pays."""

import pytest

from reedmesh.jobs.rule import Condition, Speed, hindrance
from reedmesh.jobs.standing import DAY, MOST_UNPAID, SILENT, Standing


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (Condition(), ""),
        (Condition(load=0.5, celsius=70), ""),
        (Condition(load=0.51), "processors"),
        (Condition(celsius=71), "degrees"),
        (Condition(alerts=2), "2 open alerts"),
        (Condition(learning=True), "learning"),
    ],
)
def test_a_gateway_that_is_busy_hot_alarmed_or_learning_lends_nothing(now: Condition, why: str) -> None:
    assert why in hindrance(now) and bool(why) == bool(hindrance(now))


def test_bids_follow_how_long_jobs_took_and_how_busy_it_is() -> None:
    speed = Speed()
    assert speed.bid(10, 0.0) == 10 and speed.bid(10, 0.5) == 20
    for _ in range(60):
        speed.took(10, 40)
    assert speed.bid(10, 0.0) == pytest.approx(40, rel=0.01)
    speed.took(0.0, 5.0)
    speed.took(1e-9, 1e9)
    assert speed.pace < 100


def test_who_is_out_comes_back_and_a_lesser_reason_shortens_nothing() -> None:
    it = Standing()
    it.put_out("a", DAY, "its result was another", 0.0)
    it.put_out("a", SILENT, "it let its time pass", 1.0)
    assert it.is_out("a", DAY - 1) and not it.is_out("a", DAY) and not it.is_out("b", 0.0)
    assert it.out(1.0)["a"].reason == "its result was another"


def test_an_owner_without_receipts_gets_no_more_work_until_it_gives_one() -> None:
    it = Standing()
    for at in range(MOST_UNPAID):
        assert it.pays("a", float(at))
        it.worked_for("a", float(at))
    assert not it.pays("a", 10.0) and it.pays("b", 10.0)
    assert it.pays("a", DAY + 10)
    it.paid("a")
    assert it.pays("a", 10.0)
