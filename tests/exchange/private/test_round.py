"""A round of private sums: the exact sum or nothing, whoever dies or lies at whatever moment."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import PRIME
from reedmesh.errors import WireError
from reedmesh.exchange.private import masks
from reedmesh.exchange.private.masks import Layout
from reedmesh.exchange.private.round import ANSWER, NORM, SET, Outcome, Round
from tests.exchange.private.test_masks import layout, secret

STEPS = [each / 50 for each in range(51)]  # shares of a round
MOMENTS = ("told", NORM, SET, ANSWER)


class Cell:
    """Members that hear each other at once; `dies` says who says nothing from which moment on."""

    def __init__(self, it: Layout, dies: dict[int, str] | None = None, seed: int = 1) -> None:
        self.layout, self.dies = it, dies or {}
        n = len(it.members)
        self.numbers = np.random.default_rng(seed).integers(-1000, 1000, (n, it.size))
        self.kept: list[tuple[int, int]] = []
        self.rounds = {
            i: Round(it, i, 7, {j: secret(i, j) for j in range(n)}, lambda bits, i=i: self.kept.append((i, bits)))
            for i in range(n)
        }
        self.bend: Callable[[int, str, bytes], bytes] = lambda member, leaf, body: body
        self.refused: list[str] = []

    def alive(self, member: int, moment: str) -> bool:
        return member not in self.dies or MOMENTS.index(moment) < MOMENTS.index(self.dies[member])

    def tell(self) -> None:
        for i, row in enumerate(self.numbers):
            if self.alive(i, "told"):
                keys = {j: secret(i, j) for j in self.rounds}
                frame = masks.tell(self.layout, i, 7, prime_field.field(row), keys, bytes([i] * 16))
                for it in self.rounds.values():
                    it.hear_told(i, frame)

    def say(self, member: int, leaf: str, body: bytes) -> None:
        body = self.bend(member, leaf, body)
        for other, it in self.rounds.items():
            if other != member:
                try:
                    it.hear(member, leaf, body)
                except WireError as fault:
                    self.refused.append(str(fault))

    def run(self) -> list[Outcome]:
        """The outcomes of all who live to the end."""
        self.tell()
        for passed in STEPS:
            for member, it in self.rounds.items():
                for leaf, body in it.step(passed):
                    if self.alive(member, leaf):
                        self.say(member, leaf, body)
        return [it.outcome for member, it in self.rounds.items() if member not in self.dies and it.outcome]

    def check(self, outcome: Outcome) -> None:
        assert outcome.total is not None, outcome.reason
        assert outcome.total.tolist() == self.numbers[list(outcome.members)].sum(axis=0).tolist()


@pytest.mark.parametrize("count", range(3, 17))
def test_all_who_live_get_the_exact_sum_of_all(count: int) -> None:
    cell = Cell(layout(count))
    outcomes = cell.run()
    assert len(outcomes) == count
    for each in outcomes:
        cell.check(each)
        assert each.members == tuple(range(count)) and not each.liars and not each.left_out


@pytest.mark.parametrize(("count", "moment", "dead"), list(product((4, 8), MOMENTS, ((0,), (2,), (0, 3)))))
def test_whoever_dies_when_it_ends_with_the_exact_sum_or_void(count: int, moment: str, dead: tuple[int, ...]) -> None:
    cell = Cell(layout(count), dict.fromkeys(dead, moment))
    outcomes = cell.run()
    assert len(outcomes) == count - len(dead)
    enough = count - len(dead) >= cell.layout.needed
    for each in outcomes:
        if enough:
            cell.check(each)
        else:
            assert each.total is None and each.reason


def test_one_liar_in_the_reveal_is_named_and_the_sum_is_right() -> None:
    cell = Cell(layout(8))

    def bend(member: int, leaf: str, body: bytes) -> bytes:
        return body[:-1] + bytes([body[-1] ^ 1]) if (member, leaf) == (5, ANSWER) else body

    cell.bend = bend
    honest = [each for each in cell.run() if each.total is not None]
    for each in honest[:5]:
        cell.check(each)
        assert each.liars == (5,)


def test_who_lies_about_norms_is_named_and_nobody_is_left_out_for_it() -> None:
    cell = Cell(layout(8))
    cell.bend = lambda member, leaf, body: body[:2] + bytes(len(body) - 2) if (member, leaf) == (3, NORM) else body
    for each in cell.run():
        cell.check(each)
        assert not each.left_out and len(each.members) == 8
    assert 3 in cell.rounds[0].wrong


@pytest.mark.parametrize("kind", ["tenfold", "noise"])
def test_who_tells_too_much_is_left_out_and_honest_ones_are_not(kind: str) -> None:
    wrong = honest = 0
    for seed in range(100):
        cell = Cell(layout(6, 200), seed=seed)
        liar, chance = seed % 6, np.random.default_rng(seed)
        sizes = np.array([[1000], [1200], [1500], [1000], [700], [1400]])  # as honest machines differ
        cell.numbers = chance.integers(-sizes, sizes, (6, 200))
        lie = cell.numbers[liar] * 10 if kind == "tenfold" else chance.integers(-PRIME // 64, PRIME // 64, 200)
        cell.numbers[liar] = lie
        for each in cell.run()[:1]:
            cell.check(each)
            wrong += liar not in each.left_out
            honest += len(set(each.left_out) - {liar})
    assert wrong <= 1 and honest <= 5  # of 100, and of 500


def test_a_set_with_who_told_too_much_is_not_answered() -> None:
    cell = Cell(layout(6, 200))
    cell.numbers[2] *= 50
    cell.bend = lambda member, leaf, body: b"\x3f\0" if leaf == SET else body  # every leader names everybody
    cell.run()
    assert any("which told too much" in each for each in cell.refused)


def split(cell: Cell) -> list[int]:
    """The sets that members answer when a leader names one to some and another to others."""
    full = (1 << len(cell.rounds)) - 1
    cell.tell()
    answered = []
    for member, it in cell.rounds.items():
        it.hear(0, SET, (full if member % 2 else full & ~2).to_bytes(2, "little"))
        answered += [body[:2] for leaf, body in it.step(0.5) if leaf == ANSWER]
    return [int.from_bytes(each, "little") for each in answered]


@pytest.mark.parametrize("count", range(4, 17))
def test_two_sets_in_a_round_show_at_most_one_sum(count: int) -> None:
    """The split-set attack: whoever knows T members' shares besides gets no second sum, and so no single update."""
    cell = Cell(layout(count))
    answered = split(cell)
    assert len(answered) == count and len(set(answered)) == 2
    honest = answered[: count - cell.layout.hidden]  # the others help the attacker: they answer both
    known = [honest.count(each) + cell.layout.hidden for each in set(answered)]
    assert min(known) < cell.layout.needed


def test_after_a_restart_no_other_set_is_answered() -> None:
    cell = Cell(layout(6))
    cell.run()
    (first,) = {bits for member, bits in cell.kept if member == 1}
    again = Round(cell.layout, 1, 7, {j: secret(1, j) for j in range(6)}, lambda bits: None, answered=first)
    for i, told in cell.rounds[1].told.items():
        again.told[i], again.shares[i] = told, cell.rounds[1].shares[i]
    again.hear(0, SET, (first & ~1).to_bytes(2, "little"))
    assert [leaf for leaf, _ in again.step(0.7) if leaf == ANSWER] == []


def test_a_member_that_tells_two_things_is_refused() -> None:
    cell = Cell(layout(4))
    cell.tell()
    keys = {j: secret(1, j) for j in range(4)}
    frame = masks.tell(cell.layout, 1, 7, prime_field.field(cell.numbers[0]), keys, bytes(16))
    with pytest.raises(WireError, match="told two things"):
        cell.rounds[0].hear_told(1, frame)


@pytest.mark.parametrize("leaf", [NORM, SET, ANSWER])
def test_nonsense_is_refused_and_ends_nothing(leaf: str) -> None:
    cell = Cell(layout(4))
    cell.tell()
    for body in (b"", b"\1", b"\xff\xff", b"\x0f\0" + b"\xff" * 9, bytes(500)):
        with pytest.raises(WireError):
            cell.rounds[0].hear(1, leaf, body)
    for each in cell.run():
        cell.check(each)
