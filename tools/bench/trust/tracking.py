"""Whether somebody who sees all topics can tell which pseudonym of today was which yesterday: a simulated observer.

    python -m tools.bench.trust.tracking [--days 30]

Gateways of a sealed federation change their names each day. The observer counts each pseudonym's messages by hour and
size, as the real code makes them, and matches two days by the least difference (Hungarian method). Machines run in
shifts of their own. Open sums are told when there are enough new windows; private sums in every round.
"""

import argparse
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from reedmesh.exchange.federation import Sealed
from reedmesh.exchange.private.masks import Layout
from reedmesh.exchange.private.norms import PROBES
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.keys import Key
from reedmesh.inference.family import find_family, load_family
from reedmesh.learning import private_sums
from reedmesh.provenance import ledger
from tools.bench import report

GATEWAYS = (4, 8, 16)
UPDATE, SHARDS = 8192, 11  # bytes of a sealed update, and shards of its first wave
ROUND = 1800.0  # seconds of a private round here: 48 a day
LOSS = 0.02  # of rounds in which something was asked for again

Day = NDArray[np.float64]  # messages by hour, then bytes by kind


def main() -> int:
    """Print the table and keep the worst figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=30)
    days = parser.parse_args().days
    size = private_sums.length(load_family(find_family("vibration")).recipe.length)
    print(f"{report.machine()}; {days} days")
    print(f"{'gateways':>9} {'chance':>7} {'sealed':>7} {'private, sealed':>16} {'MB a day':>9}")
    over, most = 0.0, 0.0
    for count in GATEWAYS:
        world = World(count, days, size)
        open_, private = linked(world.sealed), linked(world.private)
        over, most = max(over, private * count), max(most, world.megabytes)
        print(f"{count:9} {1 / count:7.3f} {open_:7.3f} {private:16.3f} {world.megabytes:9.2f}")
    report.save("tracking_over_chance", over, "times chance, worst number of gateways", {"goal": 1.5})
    report.save("tracking_mb_a_day", most, "MB a gateway and day", {"goal": 1.1})
    return int(over > 1.5)


@dataclass(frozen=True)
class Shift:
    """When a machine runs. begins, lasts: hours; machines: of the gateway."""

    begins: float
    lasts: float
    machines: int


class World:
    """What an observer sees of each gateway on each day: [day][gateway], in both modes."""

    def __init__(self, count: int, days: int, size: int) -> None:
        self._dice = np.random.default_rng(count)
        self._sizes = _sizes(count, size)
        dice = self._dice
        shifts = [Shift(dice.uniform(5, 9), dice.uniform(6, 14), int(dice.integers(1, 5))) for _ in range(count)]
        self.sealed = [[self._open_day(each) for each in shifts] for _ in range(days)]
        self.private = [[self._private_day() for _ in shifts] for _ in range(days)]
        self.megabytes = float(np.mean([day[24:].sum() for row in self.private for day in row])) / 1e6

    def _open_day(self, shift: Shift) -> Day:
        """A round for every hour that a machine ran: an update, its manifest and a head."""
        hours = np.zeros(24)
        for _ in range(shift.machines):
            start = shift.begins + self._dice.normal(0, 0.4)
            end = start + max(1.0, shift.lasts + self._dice.normal(0, 0.8))
            hours += np.histogram(np.arange(start, end, 1 / self._dice.uniform(0.7, 0.95)), np.arange(25))[0]
        sizes = np.array([self._sizes["shard"] * SHARDS, self._sizes["manifest"], self._sizes["head"]])
        return np.concatenate([hours * (SHARDS + 2), hours.sum() * sizes])

    def _private_day(self) -> Day:
        """A round every half hour and a head every hour, whatever its machines do; a leader by chance names the set."""
        rounds = int(86_400 / ROUND) // 24
        led = self._dice.random((24, rounds)) < 1 / self._sizes["members"]
        asked = self._dice.random((24, rounds)) < LOSS
        kinds = [self._sizes[each] for each in ("told", "manifest", "norms", "answer")]
        each = np.full(24, rounds * (SHARDS + len(kinds)) + 1) + led.sum(axis=1) + asked.sum(axis=1)
        whole = [*(24 * rounds * size for size in kinds), 24 * self._sizes["head"]]
        return np.concatenate([each, whole, [led.sum() * self._sizes["set"], asked.sum() * self._sizes["need"]]])


def _sizes(count: int, size: int) -> dict[str, float]:
    """Bytes of each kind of message, as a sealed federation makes them."""
    names = [f"g{i:02}" for i in range(count)]
    keys = {name: Key(name.encode().ljust(32, b"\0")) for name in names}
    ring = Keyring({name: key.public for name, key in keys.items() if name != names[0]})
    federation = Sealed("tracking", bytes(32), names[0], ["f"], [keys[names[0]]], ring)

    def box(leaf: str, length: int) -> float:
        return float(len(federation.message(names[0], "f", leaf, bytes(length)).payload))

    layout = Layout(tuple(names), size)
    told = -(-layout.bytes // 1024) * 1024
    shard = box("shard", 1024 + 32)
    return {
        "members": float(count),
        "shard": box("shard", UPDATE // SHARDS + 32),
        "told": (-(-told // 1024) + 3) * shard,
        "manifest": box("manifest", 600),
        "norms": box("cell/norms", 70 + 2 + 3 * PROBES * count),
        "answer": box("cell/answer", 70 + 2 + 3 * layout.share),
        "set": box("cell/set", 72),
        "head": box("head", ledger.CHECKPOINT + 32 * ledger.TAIL),
        "need": box("request/need", 200),
    }


def linked(days: list[list[Day]]) -> float:
    """The share of pseudonyms that are matched right from each day to the next."""
    dice, found = np.random.default_rng(9), []
    for before, after in pairwise(days):
        order = dice.permutation(len(after))
        cost = np.array([[_apart(a, after[j]) for j in order] for a in before])
        rows, columns = linear_sum_assignment(cost + 1e-9 * dice.random(cost.shape))
        found.append(np.mean(order[columns] == rows))
    return float(np.mean(found))


def _apart(a: Day, b: Day) -> float:
    """How unlike two days are: hours of activity, and bytes of each kind, in logarithms."""
    return float(np.abs(a[:24] - b[:24]).sum() + 10 * np.abs(np.log1p(a[24:]) - np.log1p(b[24:])).sum())


if __name__ == "__main__":
    raise SystemExit(main())
