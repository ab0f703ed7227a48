"""The request `provenance`: models with their receipts, and neighbours' accounts, as ledger and store have them."""

import asyncio
from pathlib import Path

from reedmesh.provenance import ledger
from reedmesh.provenance.credit import Account
from reedmesh.provenance.ledger import Entry
from reedmesh.service.requests import provenance_requests
from reedmesh.store.ledger_table import LedgerTable
from reedmesh.store.store import Store
from tests.service.requests.test_server import Client
from tests.service.test_gateway import taught, world
from tests.support.neighbours import key_of

ENTRIES = (
    Entry(ledger.TAKEN, "mill", family="f", sequence=1),
    Entry(ledger.MERGED, "mill", family="f", sequence=1, share=0.5, worth=0.25),
    Entry(ledger.MERGED, "mill", family="f", sequence=2, share=0.5, worth=-0.05),
    Entry(ledger.REFUSED, "saw", family="f", sequence=4, reason="sums: a negative variance"),
    Entry(ledger.LEFT_OUT, "saw", family="f", sequence=3, reason="it tells the same as mill"),
    Entry(ledger.SERVICE, sensor="press", sequence=2),
)


def filled(store: Store, *entries: Entry) -> Store:
    store.ledger = LedgerTable(store._db, "gw", key_of("gw"))
    store.enter(*entries)
    return store


def test_neighbours_are_accounted_for_by_ledger_and_points() -> None:
    with Store() as store:
        filled(store, *ENTRIES).credit.keep("mill", Account(due=7), b"frame")
        store.credit.pay({"mill": 30}, "f", 1e9)
        found = provenance_requests.gather(store, [])["neighbours"]
    assert (found["mill"]["taken"], found["mill"]["merged"], found["mill"]["worth"]) == (1, 2, 0.2)
    assert [worth for _, worth in found["mill"]["over"]] == [0.25, 0.2]
    assert (found["mill"]["owed"], found["mill"]["due"]) == (30, 7)
    assert (found["saw"]["refused"], found["saw"]["left out"], found["saw"]["over"]) == (1, 1, [])


def test_a_long_ledger_makes_no_long_answer() -> None:
    many = [Entry(ledger.MERGED, "mill", sequence=n, worth=1.0) for n in range(provenance_requests.MOST_ENTRIES + 50)]
    with Store() as store:
        found = provenance_requests.gather(filled(store, *many), [])["neighbours"]["mill"]
    assert found["merged"] == provenance_requests.MOST_ENTRIES
    assert len(found["over"]) <= provenance_requests.MOST_POINTS and found["over"][-1][1] == found["worth"]


def test_a_gateway_tells_what_its_model_was_learnt_from(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")
            told = await Client(it).data("provenance")
            (model,) = told["models"]
            assert model["sensor"] == "press" and model["checkable"] and model["fault"] == ""
            assert model["windows"] > 0 and len(model["root"]) == 64 and model["committed"] > 0
            assert model["committed"] <= told["ledger"]["entries"] and model["auditors"] == []

    asyncio.run(story())
