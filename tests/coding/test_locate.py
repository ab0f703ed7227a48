"""Wrong shards are told from right ones as far as it can be known, and beyond that nothing is claimed."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.coding import encode
from reedmesh.coding.locate import correct, left_null_space
from reedmesh.coding.matrices import PRODUCTS, Bytes
from reedmesh.errors import WireError

seeds = st.integers(0, 2**32 - 1)


class Block:
    """A coded block of which some shards were lost and others changed; `right` and `received` are rows by index."""

    def __init__(self, k: int, received: int, length: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.k = k
        self.indices = sorted(self.random.permutation(255)[:received].tolist())
        shards = encode(self.random.bytes(k * length), k, length, self.indices)
        self.right = {i: np.frombuffer(s, np.uint8) for i, s in zip(self.indices, shards, strict=True)}
        self.received = {i: row.copy() for i, row in self.right.items()}

    def some(self, count: int) -> list[int]:
        return self.random.permutation(self.indices)[:count].tolist()

    def noise(self, size: int) -> Bytes:
        return self.random.integers(1, 256, size, dtype=np.uint8)

    def is_mended(self) -> bool:
        kept = correct(self.received, self.k)
        return len(kept) >= self.k and all(np.array_equal(row, self.right[i]) for i, row in kept.items())


@settings(deadline=None)
@given(st.integers(1, 120), st.integers(2, 100), st.data(), seeds)
def test_whole_shards_are_found_up_to_one_less_than_the_surplus(k: int, e: int, data: st.DataObject, seed: int) -> None:
    block = Block(k, k + e, 2 * e + 40, seed)
    for index in block.some(data.draw(st.integers(0, e - 1))):
        block.received[index] ^= block.noise(2 * e + 40)
    assert block.is_mended()


@pytest.mark.parametrize("seed", range(5))
def test_bursts_are_found(seed: int) -> None:
    block = Block(32, 48, 1024, seed)
    for number, index in enumerate(block.some(15)):
        block.received[index][60 * number : 60 * number + 16] ^= block.noise(16)
    assert block.is_mended()


def test_a_single_byte_is_found_among_many() -> None:
    block = Block(100, 103, 4096, 1)
    block.received[block.indices[50]][4000] ^= 1
    kept = correct(block.received, 100)
    assert set(kept) == set(block.indices) - {block.indices[50]}


@pytest.mark.parametrize(("k", "e", "wrong"), [(10, 4, 2), (32, 16, 8), (100, 20, 10), (200, 55, 27)])
def test_errors_in_one_column_are_mended_by_reedsolo(k: int, e: int, wrong: int) -> None:
    block = Block(k, k + e, 64, k)
    for index in block.some(wrong):
        block.received[index][7:9] ^= block.noise(2)  # two columns, many rows: the rows depend on each other
    assert block.is_mended()


def test_a_repeated_pattern_is_mended() -> None:
    """The same error in several shards: rank 1, which must not be taken for one wrong shard."""
    block = Block(20, 32, 600, 3)
    pattern = np.full(600, 0x55, np.uint8)
    for index in block.some(6):
        block.received[index] ^= pattern
    assert block.is_mended()


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 60), st.integers(2, 20), st.data(), seeds)
def test_beyond_the_limit_nothing_is_claimed(k: int, e: int, data: st.DataObject, seed: int) -> None:
    """With e surplus shards, e independent errors cannot be told; 300 columns are too many to decode one by one."""
    block = Block(k, k + e, 300, seed)
    for index in block.some(data.draw(st.integers(e, k + e))):
        block.received[index] ^= block.noise(300)
    with pytest.raises(WireError, match="contradict"):
        correct(block.received, k)


def test_a_rare_error_beside_a_dense_one_is_found() -> None:
    """The columns that are looked at first do not show it."""
    block = Block(20, 23, 4096, 6)
    dense, rare = block.some(2)
    block.received[dense] ^= block.noise(4096)
    block.received[rare][4001] ^= 1
    assert correct(block.received, 20).keys() == block.received.keys() - {dense, rare}


def test_noise_in_all_rows_is_mended_if_it_is_little() -> None:
    """No row is right, but no column has two wrong bytes; 64 columns are the most that is done one by one."""
    few, many = Block(200, 216, 600, 7), Block(200, 216, 600, 7)
    for block, columns in ((few, 60), (many, 100)):
        for column in range(columns):
            block.received[block.indices[column]][2 * column] ^= 1
    assert few.is_mended()
    with pytest.raises(WireError, match="contradict"):
        correct(many.received, 200)


def test_too_many_errors_in_one_column_raise() -> None:
    block = Block(10, 14, 8, 5)
    for index in block.some(4):
        block.received[index][3] ^= block.noise(1)[0]
    with pytest.raises(WireError, match="contradict"):
        correct(block.received, 10)


def test_without_surplus_nothing_can_be_said() -> None:
    block = Block(5, 5, 16, 2)
    assert correct(block.received, 5).keys() == block.received.keys()


@given(st.integers(1, 12), st.integers(1, 30), st.integers(0, 12), seeds)
def test_the_left_null_space_is_all_of_it(rows: int, columns: int, rank: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    rank = min(rank, rows, columns)
    matrix = product(
        random.integers(0, 256, (rows, rank), dtype=np.uint8), random.integers(0, 256, (rank, columns), dtype=np.uint8)
    )
    null = left_null_space(matrix)
    assert len(null) >= rows - rank
    assert not product(null, matrix).any()
    assert not len(left_null_space(null)), "its rows are independent"


def product(a: Bytes, b: Bytes) -> Bytes:
    out = np.zeros((len(a), b.shape[1]), np.uint8)
    for i in range(a.shape[1]):
        out ^= PRODUCTS[a[:, i, None], b[i]]
    return out
