"""The auction: the lowest estimate wins, a wrong result never counts, and it always ends."""

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.jobs import auction
from reedmesh.jobs.auction import Auction, Award, Outcome, RunHere

RIGHT = b"right"
ENDS = 1000.0  # seconds


def bidding(*bids: tuple[str, float], **options: object) -> Auction:
    it = Auction("00" * 8, 0.0, **options)  # type: ignore[arg-type]
    for name, seconds in bids:
        it.bid(name, seconds)
    return it


def test_the_two_lowest_estimates_win() -> None:
    it = bidding(("a", 3.0), ("b", 1.0), ("c", 2.0), ("d", 9.0))
    assert it.step(auction.BIDDING / 2) == []
    assert it.step(auction.BIDDING) == [Award("b"), Award("c")]


def test_ties_are_broken_by_hash_and_differ_from_job_to_job() -> None:
    winners = set()
    for number in range(40):
        it = Auction(f"{number:016x}", 0.0)
        for name in "abcdef":
            it.bid(name, 1.0)
        winners.add(tuple(it.step(1.0)))
    assert len(winners) > 10


def test_bids_are_awaited_longer_where_too_few_came() -> None:
    it = bidding(("a", 1.0))
    assert it.step(auction.BIDDING) == [] and it.step(0.3) == []
    it.bid("b", 1.0)
    assert len(it.step(0.4)) == 2


def test_the_owner_does_it_where_one_neighbour_alone_bids() -> None:
    it = bidding(("a", 1.0))
    assert it.step(auction.MOST_BIDDING) == [RunHere()]
    it.own(RIGHT)
    assert it.step(2.0) == [Outcome(RIGHT, here=True)]


def test_a_third_decides_and_the_liar_is_named() -> None:
    it = bidding(("liar", 0.0), ("b", 1.0), ("c", 2.0))
    assert it.step(0.05) == [Award("liar"), Award("b")]
    it.result("liar", b"wrong", 5, 1.0)
    it.result("b", RIGHT, 7, 1.0)
    assert it.step(1.0) == [Award("c")]
    it.result("c", RIGHT, 9, 1.1)
    (outcome,) = it.step(1.1)
    assert outcome == Outcome(RIGHT, {"b": 7, "c": 9}, {"liar": b"wrong"})


def test_the_owner_decides_where_there_is_no_third() -> None:
    it = bidding(("a", 1.0), ("b", 1.0))
    it.step(0.05)
    it.result("a", b"wrong", 5, 1.0)
    it.result("b", RIGHT, 7, 1.0)
    assert it.step(1.0) == [RunHere()]
    it.own(RIGHT)
    (outcome,) = it.step(1.0)
    assert isinstance(outcome, Outcome) and set(outcome.disagreed) == {"a"} and set(outcome.paid) == {"b"}


def test_lenders_that_never_begin_or_never_end_are_tried_elsewhere() -> None:
    it = bidding(("mute", 0.1), ("slow", 0.2), ("c", 1.0), ("d", 2.0))
    it.step(0.05)
    it.begun("slow", 0.1)
    assert it.step(auction.BEGIN + 0.05) == [Award("c")]
    it.result("c", RIGHT, 1, 3.0)
    assert it.step(0.1 + auction.LEAST_LEASE) == [Award("d")]
    it.result("d", RIGHT, 1, 33.0)
    it.result("slow", RIGHT, 1, 33.0)
    (outcome,) = it.step(33.0)
    assert isinstance(outcome, Outcome) and set(outcome.silent) == {"mute", "slow"} and set(outcome.paid) == {"c", "d"}


def test_who_refuses_or_fails_is_replaced_and_named() -> None:
    it = bidding(("a", 0.1), ("b", 0.2), ("c", 1.0), ("d", 2.0))
    it.step(0.05)
    it.begun("a", 0.1, "it is learning")
    it.result("b", b"", 0, 0.2, "out of memory")
    assert it.step(0.2) == [Award("c"), Award("d")]
    for name in "cd":
        it.result(name, RIGHT, 1, 1.0)
    (outcome,) = it.step(1.0)
    assert isinstance(outcome, Outcome) and outcome.failed == {"a": "it is learning", "b": "out of memory"}


def test_a_job_that_is_checked_catches_two_that_lie_alike() -> None:
    it = bidding(("a", 1.0), ("b", 1.0), checked=True)
    assert set(it.step(0.05)) == {Award("a"), Award("b"), RunHere()}
    it.own(RIGHT)
    assert it.step(0.1) == [], "who works is waited for: it is owed a receipt"
    for name in "ab":
        it.result(name, b"wrong", 1, 0.2)
    (outcome,) = it.step(0.2)
    assert isinstance(outcome, Outcome) and outcome.data == RIGHT and set(outcome.disagreed) == {"a", "b"}


def test_nobody_is_paid_more_than_passed_or_thrice_what_the_quickest_took() -> None:
    it = bidding(("a", 1.0), ("b", 1.0))
    it.step(0.05)
    for name in "ab":
        it.begun(name, 1.0)
    it.result("a", RIGHT, 10**12, 2.0)
    it.result("b", RIGHT, 200, 2.0)
    (outcome,) = it.step(2.0)
    assert isinstance(outcome, Outcome) and outcome.paid == {"a": 600, "b": 200}


events = st.lists(
    st.tuples(
        st.sampled_from(["bid", "begun", "refused", "right", "lie1", "lie2", "failed", "wait"]),
        st.integers(0, 7),
        st.floats(0, 5, allow_nan=False),
    ),
    max_size=60,
)


@given(events, st.booleans(), st.integers(1, 2))
def test_whatever_is_said_it_ends_and_lies_of_one_count_for_nothing(
    said: list[tuple[str, int, float]], checked: bool, votes: int
) -> None:
    """Lender 0 says what it likes, 1 says another lie; all others are honest or silent."""
    it, now, outcomes, asked = Auction("ab" * 8, 0.0, votes=votes, checked=checked), 0.0, list[Outcome](), 0
    for what, number, seconds in [*said, ("wait", 0, ENDS), ("own", 0, 0.0), ("wait", 0, ENDS), ("wait", 0, ENDS)]:
        name = f"hall{number}"
        if what == "bid":
            it.bid(name, seconds)
        elif what in ("begun", "refused"):
            it.begun(name, now, "busy" if what == "refused" else "")
        elif what == "own":
            it.own(RIGHT)
        elif what == "failed":
            it.result(name, b"", 1, now, "failed")
        elif what != "wait":
            lies = {0: b"lie" + what.encode(), 1: b"another lie"}
            it.result(name, lies.get(number, RIGHT) if votes == 2 else RIGHT, 1, now)
        else:
            now += seconds
        actions = it.step(now)
        outcomes += [each for each in actions if isinstance(each, Outcome)]
        asked += sum(isinstance(each, RunHere) for each in actions)
        assert it.next_look(now) >= 0
    assert len(outcomes) == 1 and asked <= 1 and outcomes[0].data == RIGHT
    assert len(it.lenders) <= auction.MOST_LENDERS and len(set(it.lenders)) == len(it.lenders)
    assert not set(outcomes[0].paid) & ({*outcomes[0].disagreed, *outcomes[0].silent} | set(outcomes[0].failed))
