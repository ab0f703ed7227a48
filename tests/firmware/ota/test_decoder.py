"""The sensor's decoder: the gateway's code from any k shards in any order, in 32 bits, and a 32 KB model in 64 KB."""

import json
import os
from hashlib import sha256
from itertools import combinations, permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.coding import encode, encode_block
from reedmesh.protocol import shards
from reedmesh.protocol.shards import Shape, Shard
from reedmesh.provisioning import device_tree
from tests.support import int32, micropython
from tests.support.micropython import run, run_json
from tests.support.paths import ROOT, SCRIPTS, VECTORS

MODULES = ("ota/decoder", "ota/gf256_kernels", "hmac", "protocol/wire", "protocol/shards", "protocol/gf256")
KEY = b"key of the line"


def block(k: int, length: int, order: list[int]) -> dict[str, Any]:
    """Random data and its shards in `order`, which may name one twice."""
    data = np.random.default_rng(k).bytes(k * length)
    every = encode(data, k, length, range(255))
    return {"k": k, "length": length, "data": data.hex(), "shards": [[i, every[i].hex()] for i in order]}


def check(blocks: list[dict[str, Any]]) -> None:
    """The sensor decodes all of them (and first refuses what is no block)."""
    lines = "".join(json.dumps(block) + "\n" for block in blocks)
    assert run(SCRIPTS / "erasure_run.py", stdin=lines).split("\n") == ["ok"] * (1 + len(blocks)) + [""]


def test_vectors_are_decoded_from_their_last_shards() -> None:
    vectors = json.loads((VECTORS / "code.json").read_text())["code"]
    blocks = []
    for vector in vectors:
        coded = [[int(index), shard] for index, shard in vector["shards"].items()]
        blocks += [{**vector, "shards": order} for order in (coded, coded[::-1])]
    check(blocks)


@pytest.mark.parametrize(("k", "n"), [(1, 4), (2, 7), (4, 8), (5, 9)])
def test_every_choice_of_k_shards_decodes(k: int, n: int) -> None:
    random = np.random.default_rng(n)
    check([block(k, 4, random.permutation(chosen).tolist()) for chosen in combinations(range(n), k)])


def test_every_order_of_arrival_decodes() -> None:
    check([block(3, 4, list(order)) for order in permutations(range(6), 3)])


def test_any_shards_in_any_order_decode() -> None:
    """Of codes of all sizes, some shards twice and some too many."""
    random = np.random.default_rng(5)
    blocks = []
    for _ in range(40):
        k, length = int(random.integers(1, 255)), 4 * int(random.integers(1, 20))
        first = random.permutation(255)[: min(255, k + 3)].tolist()
        blocks.append(block(k, length, [index for index in first for _ in range(int(random.integers(1, 3)))]))
    check(blocks)


@pytest.mark.parametrize("lost", [0, 1, 7, 20])
def test_kernels_keep_to_32_bits_and_to_their_buffers(lost: int) -> None:
    decoder_of = int32.load("ota.decoder").Decoder
    worst = bytes([255]) * 20 * 16  # no sum of bytes is larger
    coded = encode(worst, 20, 16, range(255))
    memory = bytearray(20 * 16)
    decoder = decoder_of(memory, 20, 16)
    for index in [*range(254, 254 - lost, -1), *range(lost, 20)]:
        assert decoder.add(index, coded[index])
    assert memory == worst
    assert not int32.wide_literals(ROOT / "firmware" / "ota" / "gf256_kernels.py")


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sensor's modules as mpy-cross compiles them: there is no room for a compiler beside the model."""
    folder = tmp_path_factory.mktemp("mpy")
    device_tree.compile_into(folder, "x64", MODULES)
    return folder


@pytest.mark.parametrize(
    ("k", "length", "lost"), [(32, 1024, 0), (32, 1024, 5), (32, 1024, 32), (64, 512, 10), (64, 512, 64)]
)
def test_a_32_kb_model_is_decoded_in_a_heap_of_64_kb(
    k: int, length: int, lost: int, compiled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no loss, 15 %, and all data lost; every frame's tag is checked, and the model's digest."""
    monkeypatch.setattr(micropython, "environment", lambda: {**os.environ, "MICROPYPATH": f"{compiled}:.frozen"})
    random = np.random.default_rng(lost)
    model, shape = random.bytes(k * length), Shape(k, length, k * length)
    order = random.permutation(random.permutation(k)[lost:].tolist() + list(range(k, k + lost))).tolist()
    sent = [
        Shard(bytes(8), shape, 0, i, data) for i, data in zip(order, encode_block(model, shape, 0, order), strict=True)
    ]
    (tmp_path / "frames").write_bytes(b"".join(shards.pack_shard(shard, KEY) for shard in sent))
    digest = sha256(model).hexdigest()
    report = run_json(SCRIPTS / "erasure_memory.py", tmp_path / "frames", k, length, digest, heap="64k")
    assert report["used"] == k
    assert report["heap"] <= 65536
