from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.archive import coded, manifest
from reedmesh.archive.coded import Wanted
from reedmesh.errors import WireError
from tests.support.archives import FEDERATION, key_of

KEY = key_of("g0")


def made(content: bytes = b"x" * 400, gateways: int = 8, wanted: Wanted | None = None):
    return coded.code(content, wanted or Wanted("a model", "model"), "g0", KEY, gateways, 1_790_000_000, FEDERATION)


@settings(max_examples=40, deadline=None)
@given(st.binary(min_size=1, max_size=3000), st.integers(1, 9), st.data())
def test_any_k_shards_give_the_content(content: bytes, gateways: int, data: st.DataObject) -> None:
    it, shards = made(content, gateways)
    chosen = data.draw(st.permutations(range(it.n)))[: it.shape.k]
    some = {place: bytes(shard) for place, shard in shards.items() if place[1] in chosen}
    assert coded.decode(it, some) == content


def test_a_large_object_has_blocks() -> None:
    content = bytes(i % 251 for i in range(1_000_000))
    it, shards = made(content)
    assert it.shape.blocks == 4
    assert coded.decode(it, {p: bytes(s) for p, s in shards.items() if p[1] >= 3}) == content
    assert coded.again(it, content, [2]) == {p: bytes(s) for p, s in shards.items() if p[1] == 2}


@settings(max_examples=40, deadline=None)
@given(
    st.text(st.characters(categories=("L", "N")), max_size=16),
    st.sampled_from(manifest.KINDS),
    st.integers(0, 2**32 - 1),
    st.integers(0, 3),
)
def test_what_is_packed_is_unpacked(label: str, kind: str, until: int, keys: int) -> None:
    them = tuple(key_of(f"k{i}").public for i in range(keys))
    it, _ = made(wanted=Wanted(label, kind, until, min(2, keys), them))
    again = manifest.unpack(it.frame)
    assert (again.body(), again.id, again.keys) == (it.body(), it.id, them)
    assert manifest.is_by(it, [KEY.public], FEDERATION)


def test_a_manifest_counts_for_its_owner_and_its_federation_alone() -> None:
    it, _ = made()
    assert not manifest.is_by(it, [key_of("g1").public], FEDERATION)
    assert not manifest.is_by(it, [KEY.public], "another")


def test_every_changed_byte_is_found() -> None:
    it, _ = made()
    for at in range(len(it.frame)):
        bent = bytearray(it.frame)
        bent[at] ^= 1
        try:
            other = manifest.unpack(bytes(bent))
        except WireError:
            continue
        assert not manifest.is_by(other, [KEY.public], FEDERATION), at


@settings(max_examples=50, deadline=None)
@given(st.binary(max_size=700))
def test_noise_is_no_manifest(noise: bytes) -> None:
    for raw in (noise, b"\1" + noise, made()[0].frame[:60] + noise):
        with pytest.raises(WireError):
            manifest.unpack(raw)


@pytest.mark.parametrize("change", [{"n": 4}, {"n": 9}, {"quorum": 1}, {"owner": "not a name"}, {"label": "a\x1b[2J"}])
def test_what_contradicts_itself_is_refused(change: dict) -> None:
    it = replace(made()[0], **change)
    with pytest.raises(WireError):
        manifest.unpack(manifest.pack(it, KEY, FEDERATION))


def test_padding_is_refused() -> None:
    it, _ = made(b"x" * 400)
    shape = manifest.Shape(it.shape.k, it.shape.shard_length + 4, it.shape.length)
    with pytest.raises(WireError):
        manifest.unpack(manifest.pack(replace(it, shape=shape), KEY, FEDERATION))


def test_a_model_costs_less_than_promised() -> None:
    it, shards = made(b"x" * 40_000)
    stored = sum(map(len, shards.values())) + 8 * len(it.frame)
    assert stored <= 1.7 * 40_000 + 1000
