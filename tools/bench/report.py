"""Benchmark figures: printed as a table, and kept in build/bench.json under names that stay the same."""

import json
import os
import platform
from pathlib import Path
from typing import Any

from tools.checkout import ROOT

PLACE = ROOT / "build" / "bench.json"


def save(name: str, value: float, unit: str, against: dict[str, float] | None = None) -> None:
    """Keep one figure; `against` holds what the same run measured for something to compare it with."""
    PLACE.parent.mkdir(exist_ok=True)
    kept: dict[str, Any] = json.loads(PLACE.read_text()) if PLACE.exists() else {}
    kept[name] = {"value": round(value, 4), "unit": unit, "against": against or {}}
    PLACE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")


def machine() -> str:
    """The machine that measures, in a line."""
    model = platform.processor() or platform.machine()
    for line in _lines("/proc/cpuinfo"):
        if line.startswith(("model name", "Model")):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, {len(os.sched_getaffinity(0))} cores, Python {platform.python_version()}"


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []
