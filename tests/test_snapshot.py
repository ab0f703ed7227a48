"""What a gateway shares survives the trip, and what no gateway could have learnt is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh import scale, snapshot
from reedmesh.errors import WireError
from reedmesh.snapshot import Snapshot

FEATURES, WEIGHTS = 5, 7


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    windows = draw(st.lists(st.lists(st.integers(-128, 127), min_size=5, max_size=5), min_size=1, max_size=30))
    weights = draw(st.lists(st.floats(-999, 999, width=32), min_size=7, max_size=7))
    quantile = draw(st.floats(0, 1e5, width=32))
    return Snapshot(np.array(weights, np.float32), scale.fit(np.array(windows, np.int8)), quantile)


def small() -> Snapshot:
    return Snapshot(np.arange(7, dtype=np.float32), scale.fit(np.array([[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]], np.int8)))


@given(snapshots())
def test_a_snapshot_arrives_as_it_left(sent: Snapshot) -> None:
    got = snapshot.unpack(snapshot.pack(sent), FEATURES, WEIGHTS)
    assert got.moments == sent.moments and np.array_equal(got.weights, sent.weights) and got.quantile == sent.quantile


@given(st.binary(max_size=200))
def test_junk_is_a_wire_error(junk: bytes) -> None:
    with pytest.raises(WireError):
        snapshot.unpack(junk, FEATURES, WEIGHTS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1e9])
def test_weights_nobody_could_have_learnt_are_refused(value: float) -> None:
    frame = bytearray(snapshot.pack(small()))
    frame[-4:] = struct.pack("<f", value)
    with pytest.raises(WireError, match="not a number, or huge"):
        snapshot.unpack(bytes(frame), FEATURES, WEIGHTS)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -1.0, 1e9])
def test_scores_no_normal_windows_have_are_refused(value: float) -> None:
    frame = bytearray(snapshot.pack(small()))
    frame[12:16] = struct.pack("<f", value)
    with pytest.raises(WireError, match="scores of normal windows"):
        snapshot.unpack(bytes(frame), FEATURES, WEIGHTS)


@pytest.mark.parametrize(("at", "value"), [(16, 300), (16 + 8 * 5, 1), (16 + 8 * 5, -5), (16 + 8 * 5, 2**40)])
def test_moments_no_windows_could_have_are_refused(at: int, value: int) -> None:
    """A sum beyond int8, a variance below zero, squares too large."""
    frame = bytearray(snapshot.pack(small()))
    frame[at : at + 8] = struct.pack("<q", value)
    with pytest.raises(WireError, match="cannot sum"):
        snapshot.unpack(bytes(frame), FEATURES, WEIGHTS)


@pytest.mark.parametrize(("at", "value"), [(0, 1), (2, 6), (4, 0), (8, 6)])
def test_another_version_or_family_is_refused(at: int, value: int) -> None:
    frame = bytearray(snapshot.pack(small()))
    frame[at] = value
    with pytest.raises(WireError, match="snapshot: version"):
        snapshot.unpack(bytes(frame), FEATURES, WEIGHTS)
