"""A bundle's waves: any k shards of a block are its data, blocks take turns, and nothing is sent twice in vain."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.coding import Decoder
from reedmesh.coding.bundle import LARGEST, Bundle, shape_of
from reedmesh.errors import WireError
from reedmesh.protocol.shards import MAX_LENGTH, MAX_PAYLOAD, Shape, Shard, pack_manifest, shard_hash, unpack_shard

SHAPE = Shape(4, 8, 90)  # three blocks, the last not full
PAYLOAD = np.random.default_rng(1).bytes(90)


def bundle(payload: bytes = PAYLOAD, shape: Shape | None = SHAPE) -> Bundle:
    return Bundle(payload, "vibration", "hall1", 5, 4, shape)


def shards_of(frames: list[bytes]) -> list[Shard]:
    return [unpack_shard(frame) for frame in frames]


def everywhere(count: int) -> dict[int, int]:
    return dict.fromkeys(range(SHAPE.blocks), count)


@given(st.integers(1, MAX_LENGTH))
def test_every_length_has_a_shape_that_leaves_room_for_parity(length: int) -> None:
    shape = shape_of(length)
    assert shape.length == length and shape.k <= 170 and shape.shard_length <= LARGEST
    assert shape.k * shape.shard_length * shape.blocks < length + shape.blocks * (shape.shard_length + 4 * shape.k)
    assert 16 * 255 * shape.blocks < MAX_PAYLOAD // 2  # so that the manifest can list all shards there are


def test_no_length_and_too_much_have_none() -> None:
    for length in (0, MAX_LENGTH + 1):
        with pytest.raises(WireError):
            shape_of(length)


def test_blocks_take_turns() -> None:
    found = shards_of(bundle().wave({0: 3, 1: 1, 2: 2}))
    assert [(shard.index, shard.block) for shard in found] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (2, 0)]


def test_the_next_wave_has_what_nobody_had_yet_and_then_it_begins_again() -> None:
    made = bundle()
    first = made.wave(everywhere(6))
    second = made.wave({1: 3})
    assert [(shard.block, shard.index) for shard in shards_of(second)] == [(1, 6), (1, 7), (1, 8)]
    assert not set(first) & set(second)
    rest = shards_of(made.wave({1: 300}))
    assert [shard.index for shard in rest] == [*range(9, 255), *range(9)]
    assert made.wave({}) == [] and made.wave({0: 0}) == []


def test_the_manifest_lists_every_shard_that_was_sent_and_stays_the_same_bundle() -> None:
    made = bundle()
    for wanted in (everywhere(5), {0: 2}, {2: 40}, {1: 1}, everywhere(200)):
        before = made.manifest.hashed
        for shard in shards_of(made.wave(wanted)):
            assert made.manifest.hash_of(shard.block, shard.index) == shard_hash(shard.data)
            assert shard.bundle == made.id == made.manifest.bundle
        assert made.manifest.hashed >= before
    assert made.manifest.hashed == 245
    pack_manifest(made.manifest)


@given(st.binary(min_size=1, max_size=400), st.integers(1, 9), st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_any_k_of_each_block_are_the_payload(payload: bytes, k: int, words: int, seed: int) -> None:
    made = bundle(payload, Shape(k, 4 * words, len(payload)))
    frames = made.wave(dict.fromkeys(range(made.shape.blocks), 2 * k))
    decoder = Decoder(made.shape, made.manifest.sha256)
    taken: Counter[int] = Counter()
    for at in np.random.default_rng(seed).permutation(len(frames)):
        shard = unpack_shard(frames[at])
        if taken[shard.block] < k:
            taken[shard.block] += decoder.add(shard.block, shard.index, shard.data)
    assert decoder.payload() == payload


def test_an_ordinary_update_is_cut_as_usual() -> None:
    made = bundle(bytes(13_000), None)
    assert (made.shape.k, made.shape.shard_length, made.shape.blocks) == (13, 1024, 1)
