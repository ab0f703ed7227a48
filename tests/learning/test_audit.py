"""An audit learns a model again, to the bit, and finds whatever was changed in what it was said to be learnt from."""

from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from zipfile import ZipFile

import numpy as np
import pytest

from reedmesh.errors import WireError
from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import audit, summed
from reedmesh.learning.audit import Material
from reedmesh.provenance.receipt import Receipt
from tests.support.machines import windows

FAMILY = load_family(find_family("vibration"))
ROWS = windows(FAMILY.recipe, count=120)
NEIGHBOUR = summed.learn(FAMILY, windows(FAMILY.recipe, 1.05, 120)).told
MATERIAL = Material("press3", FAMILY.id, ROWS, bytes(range(32)), (NEIGHBOUR,))
MODEL = summed.candidate(FAMILY, ROWS, [NEIGHBOUR]).model
STATED = audit.receipt(FAMILY, MATERIAL, MODEL, 7)


def test_the_same_material_gives_the_model_of_the_receipt() -> None:
    assert audit.check(FAMILY, MATERIAL, STATED) == []
    after = replace(MATERIAL, before=MODEL, windows=windows(FAMILY.recipe, 1.05, 120))
    second = audit.learn(FAMILY, after)
    assert audit.check(FAMILY, after, audit.receipt(FAMILY, after, second, 8)) == []


def test_another_day_gives_another_model() -> None:
    assert audit.check(FAMILY, replace(MATERIAL, day=20000), STATED)[0].startswith("model is")
    kept, _ = audit.unpack(audit.pack(replace(MATERIAL, day=20000)))
    assert kept.day == 20000


def flipped(at: int) -> Material:
    changed = ROWS.copy()
    changed[at % len(ROWS), at % ROWS.shape[1]] ^= 1
    return replace(MATERIAL, windows=changed)


TAMPERED: dict[str, Callable[[int], Material]] = {
    "one bit of one window": flipped,
    "one window left out": lambda n: replace(MATERIAL, windows=np.delete(ROWS, n, axis=0)),
    "one window added": lambda n: replace(MATERIAL, windows=np.insert(ROWS, n, ROWS[n - 1], axis=0)),
    "two windows swapped": lambda n: replace(MATERIAL, windows=np.roll(ROWS, 1 + n, axis=0)),
    "another start": lambda n: replace(MATERIAL, before=MODEL),
    "no neighbour": lambda n: replace(MATERIAL, neighbours=()),
    "another sensor": lambda n: replace(MATERIAL, sensor=f"press{n}x"),
    "another secret": lambda n: replace(MATERIAL, secret=bytes([n]) * 32),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_what_was_changed_is_found_by_the_commitment(kind: str) -> None:
    """Without learning again: a hundred of each, as far as they differ."""
    for n in range(100):
        changed = TAMPERED[kind](n)
        assert STATED.faults(audit.receipt(FAMILY, changed, MODEL, 7)), (kind, n)


def test_another_model_than_the_material_gives_is_found() -> None:
    other = replace(STATED, model="00" * 32)
    assert audit.check(FAMILY, MATERIAL, other)[0].startswith("model is")


def test_other_code_or_settings_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    wider = replace(FAMILY, sums=replace(FAMILY.sums, margin=2.5))
    assert {each.split()[0] for each in audit.check(wider, MATERIAL, STATED)} == {"model", "code"}
    monkeypatch.setattr(audit, "program", lambda: b"other code")
    assert [each.split()[0] for each in audit.check(FAMILY, MATERIAL, STATED)] == ["code"]


def test_a_file_holds_the_material_and_its_receipts() -> None:
    data = audit.pack(MATERIAL)
    assert data == audit.pack(MATERIAL)
    found, receipts = audit.unpack(audit.with_receipts(audit.with_receipts(data, b"old"), b"one\ntwo"))
    assert receipts == [b"one", b"two"] and found.root == MATERIAL.root and (found.windows == ROWS).all()
    assert audit.receipt(FAMILY, found, MODEL, 7) == STATED


def packed(**parts: bytes) -> bytes:
    out = BytesIO()
    with ZipFile(out, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("data", [b"", b"PK", packed(), packed(**{"material.json": b"[]"}), audit.pack(MATERIAL)[:-40]])
def test_a_damaged_file_is_refused(data: bytes) -> None:
    with pytest.raises(WireError, match="audit file"):
        audit.unpack(data)


def test_a_file_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST", 1000)
    with pytest.raises(WireError, match="more than"):
        audit.unpack(audit.pack(MATERIAL))


def test_a_receipt_is_of_what_it_says() -> None:
    assert Receipt(**{**vars(STATED), "windows": 121}).faults(STATED) == ["windows is 120, the receipt says 121"]
