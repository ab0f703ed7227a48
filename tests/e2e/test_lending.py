"""Gateways as processes, with a broker each: two do a job for a third, in workers, and all ledgers say so."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from reedmesh.jobs import kinds
from reedmesh.jobs.data import FOLDER, JobData
from reedmesh.provenance import ledger
from reedmesh.recordings.recording import Recording, to_bytes
from reedmesh.store import database, ledger_table
from tests.support.timeouts import PATIENCE
from tools.simulate import lenders
from tools.simulate.lenders import Hall

NAMES = ("hall1", "hall2", "hall3")
RECIPE = {"version": 1, "samples": 16, "axes": 1, "bands": 4}
ARGUMENTS = {"features": RECIPE, "windows": 20, "part": "all", "quantile": 0.95, "margin": 2.0, "rule": [7, 16, 30]}


def test_two_neighbours_do_a_job_and_are_owed_for_it(tmp_path: Path) -> None:
    with lenders.halls(tmp_path, NAMES) as halls:
        owner, data = halls["hall1"], recording()
        digest = JobData(owner.state / FOLDER, 10_000_000).keep(data)
        said = owner.ask("borrow", kind="evaluate", arguments=json.dumps(ARGUMENTS), data=digest, seconds=1.0)
        told = outcome(owner, said["job"])
        assert told["state"] == "done" and told["lenders"] == ["hall2", "hall3"] and told["ms"] > 0, told
        here = kinds.find("evaluate").done(ARGUMENTS, owner.state / FOLDER / digest)
        assert kinds.packed(told["result"]) == here
        until = time.monotonic() + PATIENCE
        while lenders.balance(halls):
            assert time.monotonic() < until
        for name, kind in zip(NAMES, (ledger.BORROWED, ledger.LENT, ledger.LENT), strict=True):
            assert kind in {each["kind"] for each in entries(halls[name])}
        assert owner.ask("jobs")["neighbours"]["hall2"]["borrowed_jobs"] == 1
        words = [sys.executable, "-m", "reedmesh", "credit", "show", str(owner.folder / "reedmesh.toml")]
        shown = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert "hall3" in shown and "borrowed s" in shown
        for each in halls.values():
            assert not [line for line in (each.folder / "log").read_text().splitlines() if "ERROR" in line]


def outcome(owner: Hall, job: str) -> dict[str, object]:
    """Workers have only what nobody else wants of the processors: that may take its time."""
    until = time.monotonic() + 4 * PATIENCE
    while (told := owner.ask("borrowed", job=job))["state"] == "open":
        assert time.monotonic() < until, owner.ask("jobs")
        os.sched_yield()
    return told


def recording() -> bytes:
    x = np.random.default_rng(5).normal(0, 300, (120, 16, 1))
    label = np.array(["normal"] * 80 + ["imbalance"] * 40)
    split = np.array(["train"] * 40 + ["test"] * 80)
    return to_bytes(
        Recording(x.astype(np.int16), np.zeros(120, np.int64), split, label, 16.0, 1.0, ("pump",), "a test")
    )


def entries(hall: Hall) -> list[dict[str, object]]:
    with database.reading(hall.state) as db:
        return [ledger.read(row) for row in ledger_table.rows(db)]
