"""Whom a gateway hears in an epoch: both sides choose alike, without a coordinator."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.exchange.fanout import EPOCH, all_heard, epoch, heard

NAMES = st.sets(st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True), min_size=2, max_size=24)


@settings(deadline=None, max_examples=50)
@given(NAMES, st.integers(0, 40_000), st.integers(0, 8))
def test_links_are_mutual_and_at_least_as_many_as_wanted(names: set[str], number: int, fanout: int) -> None:
    links = {name: heard(number, name, names, fanout) for name in names}
    assert links == all_heard(number, names, fanout)
    for name, others in links.items():
        assert name not in others and all(name in links[each] for each in others)
        assert len(others) >= min(fanout or len(names), len(names) - 1)


def reached(links: dict[str, set[str]], start: str) -> list[int]:
    """How many gateways know news of `start` after each round."""
    known, counts = {start}, [1]
    while len(known) < len(links):
        known = known | {each for name in known for each in links[name]}
        counts.append(len(known))
        assert len(counts) < 20, "not connected"
    return counts


def test_news_reaches_a_thousand_gateways_in_five_rounds_and_nobody_hears_too_many() -> None:
    names = [f"gateway-{i}" for i in range(1000)]
    links = dict(all_heard(20_000, names, 6))
    degrees = [len(each) for each in links.values()]
    assert min(degrees) >= 6 and max(degrees) <= 24 and sum(degrees) / len(degrees) < 12
    counts = reached(links, names[0])
    assert next(i for i, count in enumerate(counts) if count >= 990) <= 5


def test_every_epoch_has_other_pairs_until_each_pair_has_met() -> None:
    names = [f"gateway-{i}" for i in range(20)]
    met = [all_heard(number, names, 6)["gateway-0"] for number in range(40)]
    assert all(one != two for one, two in pairwise(met)) and set().union(*met) == {*names} - {"gateway-0"}
    assert epoch(3 * EPOCH - 1) == 2 and epoch(3 * EPOCH) == 3
