"""Whether a neighbour's update can be: what is wrong is refused with the reason, and the copy stays as it was."""

import numpy as np
import pytest

from reedmesh.errors import WireError
from reedmesh.inference import family
from reedmesh.learning import delta
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.delta import PROFILES, Delta
from reedmesh.learning.verify import verify

FAMILY = family.load_family(family.find_family("vibration"))
SIZE, LENGTH = sum(FAMILY.tensors), FAMILY.recipe.length
KNOWN = Peer(np.full(SIZE, 0.5, np.float32), 100, sequence=7)


def told(value: float = 0.25, alone: bool = False, tensors: tuple[int, ...] = FAMILY.tensors) -> bytes:
    squares = np.full(LENGTH, 9, np.float32) if alone else None
    return delta.pack(Delta(np.full(sum(tensors), value, np.float32), 180, 1.5, squares), tensors, PROFILES["full"])[0]


def test_a_delta_is_added_and_a_snapshot_takes_the_copys_place() -> None:
    continued = verify(FAMILY, KNOWN, 8, 7, told())
    assert np.allclose(continued.weights, 0.75) and (continued.sequence, continued.windows) == (8, 180)
    for known in (KNOWN, None):
        alone = verify(FAMILY, known, 9, 9, told(alone=True))
        assert np.allclose(alone.weights, 0.25) and alone.squares is not None and alone.sequence == 9
    assert verify(FAMILY, alone, 10, 9, told()).squares is alone.squares


@pytest.mark.parametrize(
    ("sequence", "base", "payload", "reason"),
    [
        (7, 6, told(), "a replay"),
        (3, 3, told(alone=True), "a replay"),
        (9, 8, told(), "continues 8, update 7 is held"),
        (4000000000, 3999999999, told(), "update 7 is held"),
        (8, 7, told(alone=True), "says otherwise"),
        (8, 8, told(), "says otherwise"),
        (8, 7, told(float("nan")), "a scale is not a number"),
        (8, 7, told(5e3), "huge"),
        (8, 7, told(999.9), "becomes huge"),
        (8, 7, told(tensors=(40, 8)), "8 weights|bytes"),
        (8, 7, b"", "0 bytes"),
        (8, 7, b"\x03\x00" + b"junk" * 99, "delta"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(sequence: int, base: int, payload: bytes, reason: str) -> None:
    with pytest.raises(WireError, match=reason):
        verify(FAMILY, KNOWN, sequence, base, payload)


def test_a_delta_of_somebody_unknown_is_refused() -> None:
    with pytest.raises(WireError, match="none is held"):
        verify(FAMILY, None, 2, 1, told())
