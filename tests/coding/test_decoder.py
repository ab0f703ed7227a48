"""Payloads arrive whole or not at all, whatever happens to their shards, and take bounded memory."""

import tracemalloc
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.coding import Decoder, encode_block
from reedmesh.errors import WireError
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Shape

Pieces = dict[tuple[int, int], bytes]
seeds = st.integers(0, 2**32 - 1)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    k, shard_length, blocks = draw(st.integers(1, 254)), 4 * draw(st.integers(1, 30)), draw(st.integers(1, 4))
    most = k * shard_length * blocks
    return Shape(k, shard_length, draw(st.integers(most - k * shard_length + 1, most)))


def pieces(payload: bytes, shape: Shape, n: int) -> Pieces:
    """The first n shards of every block, by block and index."""
    made = ((b, encode_block(payload, shape, b, range(n))) for b in range(shape.blocks))
    return {(block, i): bytes(data) for block, coded in made for i, data in enumerate(coded)}


def collect(payload: bytes, shape: Shape, got: Pieces, spare: int = 0) -> Decoder:
    decoder = Decoder(shape, sha256(payload).digest(), spare)
    for (block, index), data in got.items():
        decoder.add(block, index, data)
    return decoder


@settings(deadline=None)
@given(shapes(), st.data(), seeds)
def test_a_payload_arrives_from_any_k_of_each_block(shape: Shape, data: st.DataObject, seed: int) -> None:
    random = np.random.default_rng(seed)
    payload = random.bytes(shape.length)
    n = data.draw(st.integers(shape.k, min(255, shape.k + 20)))
    sent = pieces(payload, shape, n)
    for block in range(shape.blocks):
        for lost in random.permutation(n)[: n - shape.k].tolist():
            del sent[block, lost]
    decoder = Decoder(shape, sha256(payload).digest())
    for number, at in enumerate(random.permutation(len(sent)).tolist()):
        assert decoder.need() > 0, f"{number} of {len(sent)} shards cannot be enough"
        (block, index), shard = list(sent.items())[at]
        assert decoder.add(block, index, shard)
        assert decoder.has(block, index)
    assert decoder.need() == 0
    assert decoder.payload() == payload


SHAPE = Shape(8, 64, 900)  # two blocks, the second half empty
PAYLOAD = np.random.default_rng(1).bytes(900)


def test_a_missing_shard_is_said_to_be_missing() -> None:
    got = pieces(PAYLOAD, SHAPE, 8)
    del got[1, 3]
    decoder = collect(PAYLOAD, SHAPE, got)
    assert [decoder.missing(block) for block in range(2)] == [0, 1]
    with pytest.raises(ValueError, match="1 shards are still missing"):
        decoder.payload()


def test_doubled_and_surplus_shards_are_not_kept() -> None:
    got = pieces(PAYLOAD, SHAPE, 10)
    decoder = Decoder(SHAPE, sha256(PAYLOAD).digest(), spare=1)
    assert [decoder.add(0, i, got[0, i]) for i in (0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9)] == [True, False] + [True] * 8 + [
        False
    ]


@pytest.mark.parametrize(("block", "index", "size"), [(2, 0, 64), (-1, 0, 64), (0, 255, 64), (0, -1, 64), (0, 0, 63)])
def test_a_shard_of_something_else_is_refused(block: int, index: int, size: int) -> None:
    with pytest.raises(WireError, match="none of this payload"):
        Decoder(SHAPE, bytes(32)).add(block, index, bytes(size))


def wrong_by(how: str, got: Pieces, random: np.random.Generator) -> Pieces:
    """`got` with two shards of the first block changed in one of the ways links and people have."""
    a, b = ((0, int(i)) for i in random.permutation(12)[:2])
    replayed = pieces(random.bytes(900), SHAPE, 12)
    changes = {
        "corrupted": {a: random.bytes(64), b: random.bytes(64)},
        "swapped": {a: got[b], b: got[a]},
        "replayed": {a: replayed[a], b: replayed[b]},
        "of another block": {a: got[1, a[1]], b: got[1, b[1]]},
        "emptied": {a: bytes(64), b: bytes(64)},
    }
    return got | changes[how]


WAYS = ["corrupted", "swapped", "replayed", "of another block", "emptied"]


@pytest.mark.parametrize("how", WAYS)
@pytest.mark.parametrize("seed", range(8))
def test_wrong_shards_are_found_with_surplus(how: str, seed: int) -> None:
    got = wrong_by(how, pieces(PAYLOAD, SHAPE, 12), np.random.default_rng(seed))
    assert collect(PAYLOAD, SHAPE, got, spare=4).payload() == PAYLOAD


@pytest.mark.parametrize("how", WAYS)
def test_wrong_shards_without_surplus_never_make_a_payload(how: str) -> None:
    whole = wrong_by(how, pieces(PAYLOAD, SHAPE, 12), np.random.default_rng(3))
    right = pieces(PAYLOAD, SHAPE, 12)
    bad = [at for at in whole if whole[at] != right[at]]
    got = {at: whole[at] for at in bad} | {at: right[at] for at in list(right) if at not in bad}
    with pytest.raises(WireError, match="SHA-256"):
        collect(PAYLOAD, SHAPE, got).payload()


def test_a_dishonest_sender_is_found_by_the_digest() -> None:
    """Shards that agree with each other, of a payload that is not the announced one."""
    with pytest.raises(WireError, match="SHA-256"):
        collect(PAYLOAD, SHAPE, pieces(bytes(900), SHAPE, 12), spare=4).payload()


def test_a_huge_declared_payload_takes_no_memory_before_its_shards_arrive() -> None:
    tracemalloc.start()
    try:
        decoder = Decoder(Shape(64, 4096, shards.MAX_LENGTH), bytes(32))
        decoder.add(0, 0, bytes(4096))
        assert decoder.need() == 64
        assert tracemalloc.get_traced_memory()[1] < 20_000
    finally:
        tracemalloc.stop()


def test_no_flood_of_shards_is_kept() -> None:
    decoder = Decoder(Shape(1, 4096, 4096), bytes(32), spare=2)
    tracemalloc.start()
    try:
        assert sum(decoder.add(0, index, bytes(4096)) for index in range(255)) == 3
        assert tracemalloc.get_traced_memory()[0] < 20_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("block", "size"), [(2, 900), (-1, 900), (0, 899)])
def test_a_block_that_is_not_there_is_not_coded(block: int, size: int) -> None:
    with pytest.raises(ValueError, match="block"):
        encode_block(bytes(size), SHAPE, block, [0])
