from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from reedmesh.archive import placement

NAMES = [f"g{i}" for i in range(10)]
ids = st.binary(min_size=16, max_size=16)


def test_the_code_follows_from_the_number_of_gateways() -> None:
    known = {1: (1, 1), 2: (1, 2), 3: (1, 3), 4: (3, 4), 5: (4, 5), 6: (4, 6), 7: (5, 7), 8: (5, 8), 100: (5, 8)}
    assert {n: placement.code_for(n) for n in known} == known


@given(ids)
def test_a_gateway_that_goes_moves_only_its_own_shards(object_id: bytes) -> None:
    before = placement.ranked(object_id, NAMES)
    for gone in NAMES:
        assert placement.ranked(object_id, [n for n in NAMES if n != gone]) == [n for n in before if n != gone]


@given(ids)
def test_order_of_the_names_does_not_matter(object_id: bytes) -> None:
    assert placement.ranked(object_id, NAMES) == placement.ranked(object_id, NAMES[::-1])
    assert placement.repairer(object_id, NAMES) == placement.repairer(object_id, NAMES[::-1])


@given(ids)
def test_who_has_fewest_shards_is_asked_first(object_id: bytes) -> None:
    held = {"g3": 1, "g4": 2}
    assert placement.candidates(object_id, NAMES, held)[-2:] == ["g3", "g4"]


def test_objects_are_spread_and_so_are_repairs() -> None:
    ids_ = [bytes([i]) * 16 for i in range(250)]
    for choose in (lambda each: placement.ranked(each, NAMES)[0], lambda each: placement.repairer(each, NAMES)):
        counts = [sum(choose(each) == name for each in ids_) for name in NAMES]
        assert min(counts) > 10


@given(st.integers(1, 5), st.lists(st.integers(0, 31), min_size=1, max_size=6))
def test_margin_is_what_trying_all_losses_gives(k: int, masks: list[int]) -> None:
    def survives(lost: int) -> bool:
        for rest in combinations(masks, len(masks) - lost):
            there = 0
            for mask in rest:
                there |= mask
            if there.bit_count() < k:
                return False
        return True

    found = placement.margin(k, masks)
    held = [mask for mask in masks if mask]
    assert (found == -1) == (not survives(0))
    if found >= 0:
        masks = held
        assert survives(found)
        assert found == len(held) or not survives(found + 1)
