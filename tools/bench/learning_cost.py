"""The cost of learning to the data path: time from window to alert, with and without learning all the time.

A real gateway process on a real broker, as in `tools/bench/latency.py`; every second window of one sensor is a fault,
those of the others are learnt from. Rounds follow each other without a pause, as they never would in a factory.

    python -m tools.bench.learning_cost [--seconds 20] [--rate 200]
"""

import argparse
import asyncio
import logging
import sqlite3
from contextlib import closing

import numpy as np

from reedmesh.store.database import NAME
from tools.bench import report
from tools.bench.latency import FOLDER, latency
from tools.simulate import mosquitto

SENSORS = 12
SETTINGS = {"at rest": "[learning]\nfresh = 1000000\n", "learning": "[learning]\nfresh = 10\n"}


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rate", type=int, default=200, help="windows a second")
    chosen = parser.parse_args()
    logging.disable()
    broker = "mosquitto" if mosquitto.program() else "embedded"
    print(f"window in -> alert out, {chosen.rate} windows/s, {SENSORS} sensors, {broker}, {report.machine()}")
    print(f"{'gateway':<10} {'alerts':>7} {'p50 ms':>7} {'p99 ms':>7} {'missed':>7} {'rounds':>7}")
    p99 = {}
    for state, settings in SETTINGS.items():
        took, missed = await latency(broker, chosen.rate, chosen.seconds, SENSORS, 2 * SENSORS, settings)
        p50, p99[state] = np.percentile(took, [50, 99])
        with closing(sqlite3.connect(FOLDER / NAME)) as db:
            rounds = db.execute("select ifnull(max(rounds), 0) from knowledge").fetchone()[0]
        print(f"{state:<10} {len(took):>7} {p50:>7.2f} {p99[state]:>7.2f} {missed:>7} {rounds:>7}", flush=True)
    report.save("learn_beside_p99_ms", p99["learning"], "ms, window in -> alert out", {"at rest": p99["at rest"]})


if __name__ == "__main__":
    asyncio.run(main())
