"""The verdict on gateways after faults of all kinds: alerts lost or doubled, damaged databases, copies out of step."""

import contextlib
import json
import sqlite3
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from reedmesh.store import database
from tools.bench.crash import Step, step
from tools.bench.support.nemesis_hall import Gateway, Hall


@dataclass
class Counts:
    """The counts of one run."""

    alerts: int = 0
    steps: int = 0
    lost: int = 0
    unwritten: int = 0
    doubled: int = 0
    ends: int = 0
    apart: int = 0
    damaged: int = 0
    repeated: int = 0
    faults: Counter[str] = field(default_factory=Counter)  # what the nemesis did
    told: list[str] = field(default_factory=list)  # of what is wrong, in words

    @property
    def wrong(self) -> int:
        """The counts that must be 0."""
        return self.lost + self.unwritten + self.doubled + self.ends + self.apart + self.damaged


def rows(it: Gateway, query: str, *values: Any) -> list[Any]:
    """Rows of its database."""
    path = it.folder / "state" / database.NAME
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)) as db:
        return db.execute(query, values).fetchall()


def in_step(hall: Hall) -> bool:
    """Whether every copy is, bit for bit, what its owner takes it to be, under the same number."""
    try:
        known = {name: rows(it, "select sequence, public from knowledge") for name, it in hall.gateways.items()}
        for name, it in hall.gateways.items():
            copies = {gateway: rest for gateway, *rest in rows(it, "select gateway, sequence, weights from copies")}
            if any(known[other] and copies.get(other) != list(known[other][0]) for other in known if other != name):
                return False
    except sqlite3.Error:
        return False
    return all(known.values())


def waiting(it: Gateway) -> int:
    """Messages in its outbox; 1 while its database cannot be read."""
    try:
        return int(rows(it, "select count(*) from outbox")[0][0])
    except sqlite3.Error:
        return 1


def judge(it: Gateway, heard: Counter[Step], counts: Counts) -> None:
    """Add the findings in the records of one gateway to `counts`."""
    journal = rows(it, "select alert, what, at from journal order by id")
    waiting = {step(json.loads(message)) for (message,) in rows(it, "select message from outbox")}
    written = set(journal)
    of = dict(rows(it, "select id, sensor from alerts where kind = 'anomaly'"))
    lost, unwritten = written - set(heard) - waiting, set(heard) - written
    doubled = _doubled([(of[alert], what) for alert, what, _ in journal if alert in of])
    whole = rows(it, "pragma integrity_check")[0][0] == "ok" and not list((it.folder / "state").glob("*.damaged-*"))
    chained = _ledger_faults(it)
    counts.alerts, counts.steps = counts.alerts + len(of), counts.steps + len(written)
    counts.lost, counts.unwritten = counts.lost + len(lost), counts.unwritten + len(unwritten)
    counts.doubled, counts.ends = counts.doubled + doubled, counts.ends + len(it.ends)
    counts.damaged += (not whole) + bool(chained)
    counts.repeated += sum(heard.values()) - len(heard)
    named = {"lost": sorted(lost), "unwritten": sorted(unwritten), "ends": it.ends, "ledger": chained}
    counts.told += [f"{it.name}: {what}: {each}" for what, some in named.items() for each in list(some)[:5]]


def _ledger_faults(it: Gateway) -> list[str]:
    """What `reedmesh ledger verify` finds wrong, a line each."""
    words = [sys.executable, "-m", "reedmesh", "ledger", "verify", str(it.config)]
    done = subprocess.run(words, capture_output=True, text=True)
    return (done.stderr or done.stdout).strip().splitlines()[-3:] if done.returncode else []


def _doubled(steps: list[tuple[str, str]]) -> int:
    """Alerts that were raised while one of the same sensor stood, in the order of the journal."""
    standing: Counter[str] = Counter()
    doubled = 0
    for sensor, what in steps:
        if what == "raised":
            doubled += standing[sensor] > 0
            standing[sensor] += 1
        elif what == "cleared":
            standing[sensor] = max(0, standing[sensor] - 1)
    return doubled
