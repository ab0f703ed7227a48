"""Credit between gateways: equal totals on both sides of a lossy broker, and nobody is made to believe more."""

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import WireError
from reedmesh.exchange.credit_exchange import CreditExchange
from reedmesh.identity.keyring import Keyring
from reedmesh.learning.aggregate import Merged
from reedmesh.learning.arrays import Floats
from reedmesh.learning.events import Round
from reedmesh.provenance import credit, ledger
from reedmesh.provenance.credit import Account, Statement
from reedmesh.store import credit_table, ledger_table
from reedmesh.store.ledger_table import LedgerTable
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from tests.support.neighbours import key_of

NAMES = "hall1", "hall2"
NOTHING: Floats = np.zeros(0, np.float32)


class Hall:
    """Two gateways, each with a database, that hear each other's last retained statement."""

    def __init__(self, folder: Path) -> None:
        self.now, self.retained, self._folder = 1e9, dict[str, bytes](), folder
        self.gateways = {name: self.begin(name) for name in NAMES}

    def begin(self, name: str) -> CreditExchange:
        disk = Disk(Store(self._folder / name))
        disk.store.ledger = LedgerTable(disk.store._db, name, key_of(name))
        ring = Keyring({other: key_of(other).public for other in NAMES if other != name})
        return CreditExchange(name, "f", key_of(name), ring, disk, lambda: self.now)

    def day(self, worth: dict[str, dict[str, float]], chance: random.Random | None = None) -> None:
        """A day on each gateway; `chance` loses three of ten statements."""
        self.now += credit.DAY
        for name, gateway in self.gateways.items():
            gateway.take(Round(self.now, 1, 100, Merged(NOTHING, {}, {}, worth.get(name, {})), (), 1.0, 1.0, 1.0))
            other = next(each for each in NAMES if each != name)
            if other in self.retained and not (chance and chance.random() < 0.3):
                gateway.hear(other, self.retained[other])
            asyncio.run(gateway.once(lambda leaf, frame, name=name: self.retained.update({name: frame})))

    def account(self, name: str) -> Account:
        other = next(each for each in NAMES if each != name)
        return self.gateways[name]._disk.store.credit.accounts().get(other, Account())


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    it = Hall(tmp_path)
    yield it
    for gateway in it.gateways.values():
        gateway._disk.close()


def test_both_sides_come_to_the_same_totals_after_loss_and_restarts(hall: Hall) -> None:
    chance = random.Random(3)
    for number in range(60):
        worth = {"hall1": {"hall2": chance.uniform(-1, 2)}, "hall2": {"hall1": chance.uniform(-1, 2)}}
        hall.day(worth, chance)
        if number % 20 == 19:
            name = NAMES[number // 20 % 2]
            hall.gateways[name]._disk.close()
            hall.gateways[name] = hall.begin(name)
    for _ in range(3):
        hall.day({})
    ours, theirs = hall.account("hall1"), hall.account("hall2")
    assert ours.owed == theirs.due > 10_000 and ours.due == theirs.owed > 10_000
    assert ours.disputed == theirs.disputed == 0 and ours.balance == -theirs.balance


def test_a_day_costs_the_budget_at_most_and_is_entered(hall: Hall) -> None:
    hall.day({"hall1": {"hall2": 0.5}})
    store = hall.gateways["hall1"]._disk.store
    assert hall.account("hall1").owed == credit.BUDGET
    entered = [ledger.read(row) for row in ledger_table.rows(store._db)]
    assert [(each["kind"], each["gateway"], each["sequence"]) for each in entered] == [("owed", "hall2", 1000)]


def test_worth_of_nothing_or_less_pays_nothing(hall: Hall) -> None:
    for worth in (0.0, -3.0, 1e-6, float("nan")):
        hall.day({"hall1": {"hall2": worth}})
    assert hall.account("hall1") == Account()


def test_a_statement_of_somebody_else_is_refused(hall: Hall) -> None:
    forged = Statement("hall2", 1, {"hall1": (5, 0)})
    with pytest.raises(WireError):
        hall.gateways["hall1"].hear("hall2", credit.pack(forged, key_of("hall3").signature(forged.text())))
    with pytest.raises(WireError):
        hall.gateways["hall1"].hear("hall3", credit.pack(forged, key_of("hall2").signature(forged.text())))


def test_points_that_are_taken_back_change_nothing(hall: Hall) -> None:
    hall.day({"hall2": {"hall1": 1.0}})
    hall.day({})
    assert hall.account("hall1").due == 1000
    less = Statement("hall2", 2, {"hall1": (10, 0)})
    hall.gateways["hall1"].hear("hall2", credit.pack(less, key_of("hall2").signature(less.text())))
    hall.day({})
    assert hall.account("hall1").due == 1000


def test_statements_of_one_neighbour_cost_few_writes(hall: Hall) -> None:
    gateway, kept = hall.gateways["hall1"], []
    table = gateway._disk.store.credit
    table.keep = lambda *what: kept.append(what)  # type: ignore[method-assign]
    for points in range(1, 200):
        said = Statement("hall2", 1, {"hall1": (points, 0)})
        gateway.hear("hall2", credit.pack(said, key_of("hall2").signature(said.text())))
        asyncio.run(gateway.once(lambda leaf, frame: None))
    assert len(kept) <= 21


def test_the_last_statement_is_kept_as_it_came(hall: Hall) -> None:
    store = hall.gateways["hall1"]._disk.store
    store.credit.keep("hall2", Account(0, 5, 0), b"frame")
    assert credit_table.statements(store._db) == {"hall2": b"frame"}
