"""The erasure code: reedsolo's bytes from every kernel, any k shards enough over the whole domain, and no lie."""

import logging
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import reedsolo
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.coding import decode, encode, isal, kernel, numpy_kernel
from reedmesh.coding.matrices import Bytes, weights

KERNELS = {"numpy": numpy_kernel.multiply}
if kernel.NAME == "ISA-L":
    KERNELS["ISA-L"] = kernel.multiply

seeds = st.integers(0, 2**32 - 1)


def random_bytes(seed: int, size: int) -> bytes:
    return np.random.default_rng(seed).bytes(size)


def reedsolo_block(data: bytes, k: int, length: int) -> list[bytes]:
    """All 255 shards of a block, column by column as reedsolo codes them."""
    codec = reedsolo.RSCodec(255 - k, nsize=255)
    columns = [bytes(codec.encode(data[column::length])) for column in range(length)]
    return [bytes(column[i] for column in columns) for i in range(255)]


@pytest.fixture(params=KERNELS, autouse=True)
def each_kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "multiply", KERNELS[request.param])


@pytest.mark.parametrize("k", [1, 2, 3, 10, 32, 64, 100, 127, 128, 170, 253, 254])
@pytest.mark.parametrize("length", [1, 2, 5])
def test_shards_are_those_of_reedsolo(k: int, length: int) -> None:
    data = random_bytes(k, k * length)
    assert encode(data, k, length, range(255)) == reedsolo_block(data, k, length)


@settings(max_examples=15)
@given(st.integers(1, 254), st.integers(1, 4), seeds)
def test_any_k_gives_the_shards_of_reedsolo(k: int, length: int, seed: int) -> None:
    data = random_bytes(seed, k * length)
    assert encode(data, k, length, range(255)) == reedsolo_block(data, k, length)


@given(st.data(), st.integers(1, 254), st.integers(1, 200), seeds)
def test_any_k_shards_are_enough(data: st.DataObject, k: int, length: int, seed: int) -> None:
    payload = random_bytes(seed, k * length)
    indices = np.random.default_rng(seed).permutation(255)[: data.draw(st.integers(k, 255))].tolist()
    shards = dict(zip(indices, encode(payload, k, length, indices), strict=True))
    assert decode(shards, k) == payload


@pytest.mark.parametrize(
    "length", [numpy_kernel.COLUMNS - 1, numpy_kernel.COLUMNS, numpy_kernel.COLUMNS + 1, 3 * numpy_kernel.COLUMNS + 17]
)
@pytest.mark.parametrize(("k", "m"), [(3, 1), (3, 8), (5, 33), (2, 64)])
def test_shards_longer_than_a_panel(k: int, m: int, length: int) -> None:
    data = np.frombuffer(random_bytes(length, k * length), np.uint8).reshape(k, length)
    matrix = weights(range(k, k + m), range(k))
    out = np.zeros((m, length), np.uint8)
    kernel.multiply(matrix, list(data), list(out))
    assert np.array_equal(out, multiply_plainly(matrix, data))
    shards = {k + i: out[i].data for i in range(min(m, k))} | {i: data[i].data for i in range(k - min(m, k))}
    assert decode(shards, k) == data.tobytes()


def multiply_plainly(matrix: Bytes, data: Bytes) -> Bytes:
    """By reedsolo's own multiplication table, one coefficient at a time."""
    reedsolo.init_tables(0x11D)
    table = np.array([[reedsolo.gf_mul(a, b) for b in range(256)] for a in range(256)], np.uint8)
    out = np.zeros((len(matrix), data.shape[1]), np.uint8)
    for row, coefficients in zip(out, matrix, strict=True):
        for coefficient, shard in zip(coefficients, data, strict=True):
            row ^= table[coefficient][shard]
    return out


@pytest.mark.parametrize(("k", "n"), [(1, 6), (2, 7), (4, 9), (5, 10), (7, 10)])
def test_every_choice_of_k_shards_decodes(k: int, n: int) -> None:
    data = random_bytes(n, k * 8)
    shards = encode(data, k, 8, range(n))
    for chosen in combinations(range(n), k):
        assert decode({i: shards[i] for i in chosen}, k) == data


def test_a_short_block_is_filled_with_zeros() -> None:
    short, whole = encode(b"abc", 2, 4, range(4)), encode(b"abc" + bytes(5), 2, 4, range(4))
    assert short == whole
    assert decode({2: short[2], 3: short[3]}, 2) == b"abc\0\0\0\0\0"


def test_parity_made_later_fits_parity_made_before() -> None:
    data = random_bytes(4, 320)
    early, late = encode(data, 32, 10, [32, 40]), encode(data, 32, 10, [254, 40])
    assert early[1] == late[1]
    kept = dict(enumerate(encode(data, 32, 10, range(30))))
    assert decode(kept | {32: early[0], 254: late[0]}, 32) == data


@pytest.mark.parametrize(
    ("k", "indices"), [(0, [0]), (255, [0]), (-1, [0]), (3, [255]), (3, [-1]), (3, [1, 1]), (3, [4, 0, 4])]
)
def test_numbers_outside_the_code_are_refused(k: int, indices: list[int]) -> None:
    with pytest.raises(ValueError, match="k must be"):
        encode(b"abc", k, 1, indices)


@pytest.mark.parametrize("size", [0, 13, 1000])
def test_data_that_is_no_block_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="no block"):
        encode(bytes(size), 3, 4, [3])


@pytest.mark.parametrize(
    "shards", [{}, {0: b"ab"}, {0: b"", 1: b""}, {0: b"ab", 1: b"a"}, {0: b"a", 255: b"b"}, {-1: b"a", 1: b"b"}]
)
def test_shards_that_make_no_block_are_refused(shards: dict[int, bytes]) -> None:
    with pytest.raises(ValueError, match=r"needed|k must be"):
        decode(shards, 2)


def test_a_library_that_calculates_otherwise_is_not_used(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It loads and has the right functions, but one bit of its results is wrong."""

    class Wrong:
        def __init__(self, path: str) -> None:
            pass

        def multiply(self, matrix: Bytes, shards: list[Bytes], out: list[Bytes]) -> None:
            numpy_kernel.multiply(matrix, shards, out)
            out[-1][-1] ^= 1

    monkeypatch.setattr(isal, "Isal", Wrong)
    with caplog.at_level(logging.WARNING):
        assert kernel.choose(["libwrong.so"]) == ("numpy", numpy_kernel.multiply)
    assert "libwrong.so does not give the stored results" in caplog.text


def test_what_is_no_library_is_not_used(tmp_path: Path) -> None:
    (tmp_path / "libisal.so").write_bytes(b"not a library")
    assert kernel.choose([str(tmp_path / "libisal.so"), "libc.so.6", "libnowhere.so"]) == (
        "numpy",
        numpy_kernel.multiply,
    )


def test_the_stored_results_are_those_of_reedsolo() -> None:
    assert all(kernel.is_right(multiply) for multiply in KERNELS.values())


@pytest.mark.skipif("ISA-L" not in KERNELS, reason="no ISA-L: pip install pyeclib, or apt install libisal2")
def test_isal_refuses_rows_it_would_write_beyond() -> None:
    matrix = weights([2], [0, 1])
    row = np.zeros(8, np.uint8)
    wrong = [([row, row[:7]], [row]), ([row, row], [row[:7]]), ([row, row], [np.zeros(16, np.uint8)[::2]])]
    wrong += [([row], [row]), ([row, row, row], [row]), ([row, row], [row, row]), (np.zeros((1, 8), np.uint8), [row])]
    for shards, out in wrong:
        with pytest.raises(ValueError, match="different lengths"):
            KERNELS["ISA-L"](matrix, shards, out)
