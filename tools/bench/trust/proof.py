"""The cost and the findings of proofs of training: an audit on each recording at hand, and 100 changes of each kind.

Then what credit costs and whom it pays: eight neighbours judged at once, and those who give nothing (`credit.py`).

Bits are compared between processors by tests/learning/test_same_bits.py; here times are of this machine.

    python -m tools.bench.trust.proof [--changes 100]
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from reedmesh.errors import ReedmeshError
from reedmesh.identity.keys import Key
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.learning import audit
from reedmesh.learning.audit import Material
from reedmesh.provenance import merkle, receipt
from tools.bench import report
from tools.bench.trust import credit
from tools.checkout import ROOT
from tools.simulate import recordings
from tools.simulate.machines import MachineData, machines_of

PLACES = (ROOT / "recordings", ROOT.parent / "shared" / "data")
GOAL_S = 0.5  # of an audit


def main() -> int:
    """Print the table; returns 1 when a change was not found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--changes", type=int, default=100, help="of each kind")
    changes = parser.parse_args().changes
    print(report.machine())
    found = [(name, family, place) for name, family, each in _recordings() for place in each]
    slowest = max(_audited(name, family, place) for name, family, place in found)
    _, family, place = found[0]
    missed = sum(_missed(family, place, changes).values())
    report.save("proof_audit_s", slowest, "s", {"goal": GOAL_S})
    report.save("proof_tampered_found", 1 - missed / (changes * len(KINDS)), "share", {"goal": 1.0})
    return int(missed > 0 or credit.main() > 0)


def _recordings() -> list[tuple[str, Family, list[MachineData]]]:
    """Those of the vibration family that are bundled, or lie beside the checkout."""
    found, family = [], load_family(find_family("vibration"))
    for path in sorted(path for folder in PLACES for path in folder.rglob("*.npz")):
        try:
            found.append(
                (path.stem if path.stem != "windows" else path.parent.name, *machines_of(family, recordings.load(path)))
            )
        except (ReedmeshError, KeyError):
            continue  # of another kind
    return found


def _material(family: Family, place: MachineData) -> Material:
    return Material(place.name, family.id, place.learn, bytes(range(merkle.SECRET)))


def _audited(name: str, family: Family, place: MachineData) -> float:
    """Seconds that an audit of a machine takes."""
    material, key = _material(family, place), Key(bytes(range(32)))
    stated = audit.receipt(family, material, audit.learn(family, material), 1)
    began = time.perf_counter()
    assert audit.check(family, material, stated) == []
    seconds = time.perf_counter() - began
    hashes = material.leaves()
    proof = merkle.DIGEST * len(merkle.proof(hashes, 0)) + merkle.SALT + material.windows.shape[1]
    sizes = f"receipt {len(receipt.sign(stated, key, 'gw'))} bytes, opening {proof}, file {len(audit.pack(material))}"
    print(f"{name:12} {place.name:10} {len(material.windows):4} windows  {seconds:6.3f} s  {sizes}")
    return seconds


def _flipped(it: Material, n: int) -> Material:
    windows = it.windows.copy()
    windows[n % len(windows), n % windows.shape[1]] ^= 1
    return replace(it, windows=windows)


def _removed(it: Material, n: int) -> Material:
    return replace(it, windows=np.delete(it.windows, n % len(it.windows), axis=0))


def _added(it: Material, n: int) -> Material:
    return replace(it, windows=np.insert(it.windows, n % len(it.windows), it.windows[-1], axis=0))


KINDS: dict[str, Callable[[Material, int], Material]] = {
    "one bit of one window": _flipped,
    "one window left out": _removed,
    "one window added": _added,
    "another start": lambda it, n: replace(it, before=bytes([n % 256])),
    "another salt": lambda it, n: replace(it, secret=bytes([n % 256]) * merkle.SECRET),
}


def _missed(family: Family, place: MachineData, changes: int) -> dict[str, int]:
    """By kind, how many changes the receipt did not show."""
    material = _material(family, place)
    model = audit.learn(family, material)
    stated, missed = audit.receipt(family, material, model, 1), {}
    for kind, change in KINDS.items():
        given = (audit.receipt(family, change(material, n), model, 1) for n in range(changes))
        missed[kind] = sum(not stated.faults(each) for each in given)
        print(f"{kind:22} {changes - missed[kind]} of {changes} found")
    return missed


if __name__ == "__main__":
    raise SystemExit(main())
