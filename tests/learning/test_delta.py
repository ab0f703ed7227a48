"""Deltas: what is unpacked is what the sender says was added, what was left out comes later, and lies are refused."""

import zlib
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reedmesh.errors import WireError
from reedmesh.learning import delta
from reedmesh.learning.delta import PROFILES, Delta, pack

TENSORS = (40, 8, 300, 5)
SIZE = sum(TENSORS)
FEATURES = 7


def unpack(payload: bytes, tensors: tuple[int, ...] = TENSORS) -> Delta:
    return delta.unpack(payload, tensors, FEATURES)


def steps(seed: int, scale: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.clip(scale * random.standard_t(3, SIZE), -900, 900).astype(np.float32)


@given(st.integers(0, 1 << 32), st.sampled_from(list(PROFILES.values())), st.sampled_from([1e-6, 1e-2, 1.0, 50.0]))
@settings(deadline=None)
def test_both_sides_add_the_same(seed: int, profile: delta.Profile, scale: float) -> None:
    told = Delta(steps(seed, scale), 180, 0.75)
    payload, added = pack(told, TENSORS, profile)
    found = unpack(payload, TENSORS)
    assert (found.step == added).all() and (found.windows, found.quantile) == (180, 0.75)
    kept = np.flatnonzero(found.step)
    assert len(kept) <= max(1, round(profile.share * SIZE))
    largest = np.repeat([np.abs(part).max() for part in np.split(told.step, np.cumsum(TENSORS)[:-1])], TENSORS)
    assert (np.abs(found.step - told.step)[kept] <= largest[kept] / 127 * 0.51 + 1e-12).all()


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_what_is_left_out_comes_later(profile: delta.Profile) -> None:
    """Error feedback: repeated deltas of a fixed target reach it."""
    target, public = steps(1), np.zeros(SIZE, np.float32)
    for _ in range(60):
        public = public + pack(Delta(target - public, 1, 0.0), TENSORS, profile)[1]
    assert np.abs(target - public).max() < 1e-3


def test_a_change_of_nothing_can_be_told() -> None:
    payload, added = pack(Delta(np.zeros(SIZE, np.float32), 1, 0.0), TENSORS, PROFILES["narrow10"])
    assert not unpack(payload, TENSORS).step.any() and not added.any()


def test_far_places_survive() -> None:
    step = np.zeros(3000, np.float32)
    step[[0, 255, 256, 764, 2999]] = 1.0
    narrow = delta.Profile(9, 5 / 3000, 1.0)
    assert (unpack(pack(Delta(step, 1, 0.0), (3000,), narrow)[0], (3000,)).step == step).all()


def body(**changes: object) -> bytes:
    """A payload with parts of it replaced."""
    fields: dict[str, Any] = {"declared": SIZE, "kept": SIZE, "windows": 9, "quantile": 1.0}
    fields |= {"scales": np.full(4, 0.01, "<f4").tobytes(), "steps": bytes(SIZE), "head": b"\x04\x00", "tail": b""}
    fields |= changes
    numbers = delta._BODY.pack(*(fields[key] for key in ("declared", "kept", "windows", "quantile")))
    return bytes(fields["head"] + zlib.compress(numbers + fields["scales"] + fields["steps"] + fields["tail"]))


@pytest.mark.parametrize(
    "wrong",
    [
        {"declared": SIZE + 1},
        {"kept": 0},
        {"kept": SIZE + 1},
        {"kept": SIZE - 1},
        {"windows": 0},
        {"quantile": float("nan")},
        {"quantile": -1.0},
        {"quantile": float("inf")},
        {"scales": np.array([np.nan, 0, 0, 0], "<f4").tobytes()},
        {"scales": np.array([-1, 0, 0, 0], "<f4").tobytes()},
        {"scales": np.array([1e6, 0, 0, 0], "<f4").tobytes()},
        {"scales": b""},
        {"steps": bytes(SIZE - 1)},
        {"tail": b"x"},
        {"tail": bytes(100_000)},
        {"head": b"\x03\x00"},
        {"head": b"\x04\xff"},
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    assert unpack(body(), TENSORS).windows == 9
    with pytest.raises(WireError, match=r"delta|sums"):
        unpack(body(**wrong), TENSORS)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_damage_is_refused_or_read_as_a_delta(junk: bytes, at: int, value: int) -> None:
    payload = bytearray(pack(Delta(steps(3), 180, 0.5), TENSORS, PROFILES["narrow25"])[0])
    payload[at % len(payload)] ^= value
    for damaged in (bytes(payload), junk, b"\x04\x00" + junk, bytes(payload)[: at % len(payload)]):
        with suppress(WireError):
            assert len(unpack(damaged, TENSORS).step) == SIZE


def test_a_bomb_is_not_inflated() -> None:
    bomb = b"\x04\x00" + zlib.compress(bytes(50_000_000), 9)
    with pytest.raises(WireError, match="are the most"):
        unpack(bomb, TENSORS)


def snapshot(squares: np.ndarray | None = None, weights: int = SIZE) -> bytes:
    told = np.full(FEATURES, 3.5, np.float32) if squares is None else squares.astype(np.float32)
    return pack(Delta(steps(4), 180, 0.5, told), TENSORS, delta.Profile(0, weights / SIZE, 1.0))[0]


def test_a_snapshot_carries_how_much_features_vary_and_says_that_it_stands_alone() -> None:
    found = unpack(snapshot())
    assert found.squares is not None and (found.squares == 3.5).all() and delta.stands_alone(snapshot())
    assert not delta.stands_alone(pack(Delta(steps(4), 180, 0.5), TENSORS, PROFILES["full"])[0])


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf, 180 * 256.0**2])
def test_a_snapshot_whose_features_cannot_vary_so_is_refused(value: float) -> None:
    squares = np.full(FEATURES, 3.5)
    squares[2] = value
    with pytest.raises(WireError, match="cannot vary"):
        unpack(snapshot(squares))


def test_a_snapshot_of_some_weights_is_refused() -> None:
    with pytest.raises(WireError, match="a snapshot of"):
        unpack(snapshot(weights=SIZE // 2))
