"""What private sums cost and what they keep: bytes, processor time, liars named, and faults found beside open sums.

    python -m tools.bench.trust.private [--data windows.npz ...]

Bytes are those of what a member tells in a round, beside the same numbers in plain, and with every share travelling.
"""

import argparse
import time
from hashlib import sha256
from pathlib import Path

import numpy as np

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import BYTES, Values
from reedmesh.errors import ReedmeshError
from reedmesh.exchange.private import masks, norms
from reedmesh.exchange.private.masks import Layout
from reedmesh.inference.family import Family, find_family, load_family
from reedmesh.inference.model import Model
from reedmesh.learning import private_sums, summed
from reedmesh.learning.told import Told
from tools.bench import report
from tools.bench.faults import bundled
from tools.bench.support.onsets import of_fault, of_normal
from tools.simulate import recordings
from tools.simulate.machines import MachineData, machines_of

SHAPES = ((4, 0, 0), (8, 7, 2), (8, 0, 0), (16, 0, 0))  # members, answers that are enough, hidden shares; 0: as usual
LIES = 100


def main() -> int:
    """Print the tables and keep the figures; returns 1 when a liar was not named."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", nargs="*", default=[], help="recordings in the neutral format (.npz)")
    files = [Path(each) for each in parser.parse_args().data] or bundled()
    size = private_sums.length(load_family(find_family("vibration")).recipe.length)
    print(f"{report.machine()}; {size} numbers each")
    print(f"{'members':>8} {'U':>3} {'T':>3} {'plain':>7} {'told':>7} {'ratio':>6} {'unseeded':>9} {'ms':>6}")
    named = 1.0
    for shape in SHAPES:
        cell = Cell(Layout(tuple(f"g{i:02}" for i in range(shape[0])), size, *shape[1:]))
        named = min(named, cell.tell_costs())
    report.save("private_named", named, "share of liars in the reveal", {"goal": 1.0})
    for file in files:
        try:
            _faults(file)
        except ReedmeshError as error:
            print(f"{file}: left out: {error}")
    return int(named < 1)


class Cell:
    """A cell whose members tell random numbers."""

    def __init__(self, layout: Layout) -> None:
        self.layout, n = layout, len(layout.members)
        self.numbers = np.random.default_rng(1).integers(-30_000, 30_000, (n, layout.size))
        began = time.process_time()
        frames = [self._frame(i) for i in range(n)]
        self.told = [masks.read(layout, i, frame) for i, frame in enumerate(frames)]
        self.spent = (time.process_time() - began) / n
        assert all(len(frame) == layout.bytes for frame in frames)

    def _frame(self, me: int) -> bytes:
        keys = {j: _secret(me, j) for j in range(len(self.layout.members))}
        return masks.tell(self.layout, me, 1, prime_field.field(self.numbers[me]), keys, bytes([me] * 16))

    def tell_costs(self) -> float:
        """Print a line; returns the share of liars that were named."""
        it, n = self.layout, len(self.layout.members)
        began = time.process_time()
        shares = {j: [masks.share(it, j, i, 1, self.told[i], _secret(i, j)) for i in range(n)] for j in range(n)}
        for j in range(n):
            for i in range(n):
                norms.answer(it, self.told[i], shares[j][i])
        answers = {j: np.asarray(np.sum(rows, axis=0) % np.uint64(prime_field.PRIME)) for j, rows in shares.items()}
        spent = 1000 * (self.spent + (time.process_time() - began) / n)
        began = time.process_time()
        assert self._is_exact(answers)
        spent += 1000 * (time.process_time() - began)
        plain, ratio = it.size * BYTES, it.bytes / (it.size * BYTES)
        whole = n * it.share * BYTES + plain  # every share travels
        print(f"{n:8} {it.needed:3} {it.hidden:3} {plain:7} {it.bytes:7} {ratio:6.2f} {whole:9} {spent:6.2f}")
        if (n, it.needed) == (8, 7):
            report.save("private_over_plain", ratio, "times the bytes of the same numbers in plain", {"goal": 1.25})
            report.save("private_cpu_ms", spent, "ms of a member in a round", {"goal": 1.0})
        return self._named(answers) if n - it.needed >= 2 else 1.0

    def _is_exact(self, answers: dict[int, Values]) -> bool:
        pieces, _ = masks.pieces_of(self.layout, answers)
        total = prime_field.signed(masks.unmasked(self.layout, self.told, pieces))
        return bool((total == self.numbers.sum(axis=0)).all())

    def _named(self, answers: dict[int, Values]) -> float:
        """Of LIES wrong answers, how many were pinned on who gave them."""
        dice, found = np.random.default_rng(2), 0
        for _ in range(LIES):
            liar, bent = int(dice.integers(len(answers))), {j: row.copy() for j, row in answers.items()}
            bent[liar][dice.integers(self.layout.share)] ^= np.uint64(1)
            found += masks.pieces_of(self.layout, bent)[1] == [liar]
        print(f"{'':8} one liar of {len(answers)} in the reveal named {found} of {LIES}")
        return found / LIES


def _faults(file: Path) -> None:
    """On one recording: onsets and false alerts with neighbours' sums one by one, and with their private mean."""
    family, machines = machines_of(load_family(find_family("vibration")), recordings.load(file))
    if len(machines) < 3:
        print(f"{file.stem}: {len(machines)} machines, a cell has 3 at least")
        return
    told = [summed.learn(family, each.learn).told for each in machines]
    worst, called = 0.0, file.parent.name if file.stem == "windows" else file.stem
    for i, machine in enumerate(machines):
        others = told[:i] + told[i + 1 :]
        rows = [private_sums.numbers(each, family.sums.quantile) for each in told]
        mean = private_sums.mean(sum(rows), rows[i], len(others), family.recipe.length)
        (open_, false_open), (private, false_private) = (_judged(family, machine, each) for each in (others, [mean]))
        worst = max(worst, 100 * (open_ - private))
        alerts = f"false alerts in 1000 {false_open:.1f} and {false_private:.1f}"
        print(f"{called:14} {machine.name:12} onsets open {open_:.3f}, private {private:.3f}; {alerts}")
    report.save(f"private_{called}_lost", worst, "points of onset, worst machine", {"goal": 1.0})


def _judged(family: Family, machine: MachineData, neighbours: list[Told]) -> tuple[float, float]:
    """The share of onsets of the fault that is hardest to find, and false alerts in 1000 normal windows."""
    model = Model(summed.candidate(family, machine.learn, neighbours).model)
    faults = [windows for name, windows in machine.tests.items() if name != "normal"]
    onsets = [of_fault(model.scores(windows), model.threshold).share for windows in faults]
    return min(onsets, default=1.0), of_normal(model.scores(machine.tests["normal"]), model.threshold).false


def _secret(a: int, b: int) -> bytes:
    return sha256(bytes([min(a, b), max(a, b)])).digest()


if __name__ == "__main__":
    raise SystemExit(main())
