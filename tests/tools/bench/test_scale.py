"""The benchmark of many gateways, small: each costs what its neighbours cost, however many there are."""

import asyncio

from tools.bench.scale import cost, rounds_to
from tools.simulate.neighbourhood import hears


def test_messages_follow_the_neighbours_and_not_the_number_of_gateways() -> None:
    small, large = (asyncio.run(cost(count, "fanout3", 1)) for count in (8, 16))
    assert 3 <= small.neighbours <= 7 and 3 <= large.neighbours <= 9
    assert large.messages / large.neighbours < 1.5 * small.messages / small.neighbours


def test_news_goes_round_a_ring_in_half_as_many_rounds_and_fast_where_few_are_heard() -> None:
    assert rounds_to(1.0, hears("ring", 20)) == 10
    assert rounds_to(0.99, hears("fanout6", 1000)) <= 5
