"""Sums come out exact from any answers that are enough, liars are named, and what is told looks random."""

from hashlib import sha256
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import PRIME, Values
from reedmesh.errors import WireError
from reedmesh.exchange.private import masks
from reedmesh.exchange.private.masks import Layout, Masked

SIZE = 47


def layout(count: int, size: int = SIZE, needed: int = 0, hidden: int = 0) -> Layout:
    return Layout(tuple(f"g{i:02}" for i in range(count)), size, needed, hidden)


def secret(a: int, b: int) -> bytes:
    return sha256(bytes([min(a, b), max(a, b)])).digest()


class Cell:
    """All members of a cell, which told something in round 7."""

    def __init__(self, it: Layout, seed: int = 1) -> None:
        self.layout, n = it, len(it.members)
        self.numbers = np.random.default_rng(seed).integers(-(10**5), 10**5, (n, it.size))
        self.frames = [
            masks.tell(it, i, 7, prime_field.field(row), {j: secret(i, j) for j in range(n)}, bytes([seed, i] * 8))
            for i, row in enumerate(self.numbers)
        ]
        self.told = [masks.read(it, i, frame) for i, frame in enumerate(self.frames)]

    def answer(self, me: int, chosen: tuple[int, ...]) -> Values:
        parts = [masks.share(self.layout, me, i, 7, self.told[i], secret(i, me)) for i in chosen]
        return np.asarray(sum(parts, np.zeros(self.layout.share, np.uint64)) % np.uint64(PRIME))

    def total(self, chosen: tuple[int, ...], answering: tuple[int, ...]) -> tuple[list[int], list[int]]:
        answers = {j: self.answer(j, chosen) for j in answering}
        pieces, wrong = masks.pieces_of(self.layout, answers)
        found = masks.unmasked(self.layout, [self.told[i] for i in chosen], pieces)
        return prime_field.signed(found).tolist(), wrong


@pytest.mark.parametrize("count", range(3, 9))
def test_any_answers_that_are_enough_give_the_exact_sum(count: int) -> None:
    it = Cell(layout(count))
    for chosen in combinations(range(count), max(3, it.layout.needed)):
        wanted = it.numbers[list(chosen)].sum(axis=0).tolist()
        for answering in combinations(range(count), it.layout.needed):
            assert it.total(chosen, answering) == (wanted, [])


@settings(max_examples=20, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(9, 16))
def test_so_it_is_with_sixteen(chance: object, count: int) -> None:
    it = Cell(layout(count))
    chosen = tuple(sorted(chance.sample(range(count), it.layout.needed)))  # type: ignore[attr-defined]
    answering = tuple(sorted(chance.sample(range(count), it.layout.needed)))  # type: ignore[attr-defined]
    assert it.total(chosen, answering) == (it.numbers[list(chosen)].sum(axis=0).tolist(), [])


def test_one_liar_among_the_answers_is_named_each_time() -> None:
    it = Cell(layout(8))
    chosen, chance = tuple(range(8)), np.random.default_rng(3)
    honest = {j: it.answer(j, chosen) for j in range(8)}
    for _ in range(100):
        liar, at = int(chance.integers(8)), int(chance.integers(it.layout.share))
        answers = {j: row.copy() for j, row in honest.items()}
        answers[liar][at] = (answers[liar][at] + np.uint64(chance.integers(1, PRIME))) % np.uint64(PRIME)
        pieces, wrong = masks.pieces_of(it.layout, answers)
        found = masks.unmasked(it.layout, it.told, pieces)
        assert wrong == [liar] and prime_field.signed(found).tolist() == it.numbers.sum(axis=0).tolist()


def test_two_liars_are_more_than_eight_can_name_and_nothing_is_made_of_it() -> None:
    it = Cell(layout(8))
    answers = {j: it.answer(j, tuple(range(8))) for j in range(8)}
    for liar in (2, 5):
        answers[liar] = (answers[liar] + np.uint64(1)) % np.uint64(PRIME)
    with pytest.raises(WireError, match="not of one word"):
        masks.pieces_of(it.layout, answers)


def test_too_few_answers_show_nothing() -> None:
    it = Cell(layout(5))
    with pytest.raises(WireError, match="answers"):
        it.total((0, 1, 2, 3), (0, 1, 2))


@pytest.mark.parametrize(("count", "needed", "hidden"), [(4, 0, 0), (8, 7, 2), (8, 6, 2), (16, 0, 0)])
def test_what_is_told_and_hidden_shares_are_uniform(count: int, needed: int, hidden: int) -> None:
    """A chi-square test of all that T members and a bystander see of the same numbers, told again and again."""
    it, bins, seen = layout(count, 40, needed, hidden), 64, []
    for again in range(60):
        numbers = prime_field.field(np.full(40, 5))
        nonce = sha256(bytes([again])).digest()[:16]
        frame = masks.tell(it, 0, again, numbers, {j: secret(0, j) for j in range(count)}, nonce)
        told = masks.read(it, 0, frame)
        known = [masks.share(it, j, 0, again, told, secret(0, j)) for j in range(count - it.hidden, count)]
        seen.append(np.concatenate([told.numbers.reshape(-1), *known]))
    values = np.concatenate(seen)
    counts = np.histogram(values, bins=bins, range=(0, PRIME))[0]
    expected = len(values) / bins
    chi = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi - (bins - 1)) < 6 * np.sqrt(2 * (bins - 1))
    pairs = np.stack([row[: it.size] for row in seen])
    assert len(np.unique(pairs, axis=0)) == len(seen)  # the same numbers never look the same twice


def test_hidden_shares_fit_any_numbers_equally_well() -> None:
    """T shares and the masked numbers are consistent with every choice of numbers: there is a mask for each."""
    it = layout(8, 40, 6, 2)
    points = [it.point(6), it.point(7), *it.piece_points]
    matrix = prime_field.weights([it.point(each) for each in range(6)], points)
    assert matrix.shape == (6, 6)  # two shares and any four pieces determine one polynomial, whatever the pieces


def test_a_set_that_is_too_small_for_its_answers_is_no_cell() -> None:
    for count, needed, hidden in ((4, 2, 1), (8, 5, 3), (3, 2, 1), (2, 2, 1), (17, 15, 4), (8, 9, 2), (8, 2, 2)):
        with pytest.raises(ValueError, match="a cell of"):
            layout(count, SIZE, needed, hidden)


def test_every_changed_byte_is_refused_or_changes_the_digest() -> None:
    it = Cell(layout(6))
    frame = it.frames[0]
    for at in range(0, len(frame), 5):
        bent = bytearray(frame)
        bent[at] ^= 0x10
        try:
            told = masks.read(it.layout, 0, bytes(bent))
        except WireError:
            continue
        assert told.digest != it.told[0].digest


def test_a_share_for_somebody_else_is_not_opened() -> None:
    it = Cell(layout(6))
    of, to = 0, it.layout.explicit(0)[0]
    with pytest.raises(WireError, match="cannot be opened"):
        masks.share(it.layout, to, of, 8, it.told[of], secret(of, to))
    with pytest.raises(WireError, match="cannot be opened"):
        masks.share(it.layout, to, of, 7, it.told[of], secret(9, 9))


@given(st.binary(max_size=400))
def test_nonsense_is_refused(frame: bytes) -> None:
    with pytest.raises(WireError):
        masks.read(layout(6), 0, frame)


def test_a_told_message_costs_little_more_than_plain_numbers() -> None:
    it = layout(8, 2671, 7, 2)
    assert it.bytes <= 1.25 * 2671 * prime_field.BYTES
    assert isinstance(Cell(it).told[0], Masked)
