"""A line at three in the morning, written by hand: what a gateway would say of it, and every number that is true of it.

TRUTH is written down apart from the tables, so that an answer can be checked against something it was not made from.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from reedmesh.errors import RefusedError

NOW = datetime(2026, 11, 30, 3, 12).timestamp()  # a Monday
SENSORS = ("press-1", "press-2", "fan-3", "mixer-1", "pump-4", "oven_2", "conveyor-12")
SHIFTS = ("06:00", "14:00", "22:00")
WEEK = NOW - 7 * 86400


def at(day: int, hour: int, minute: int) -> float:
    """A time of November 2026, in s since 1970."""
    return datetime(2026, 11, day, hour, minute).timestamp()


def _alert(name: str, sensor: str, since: float, until: float | None, top: float, **more: Any) -> dict[str, Any]:
    kind = more.pop("kind", "anomaly")
    excess = top if kind == "anomaly" else 0.0
    steps = more.pop("journal", [])
    about = {"id": name, "sensor": sensor, "state": "cleared" if until else "new", "since": since, "until": until}
    about |= {"score": 1.1, "threshold": 1.0, "top_score": top, "kind": kind, "by": "", "verdict": ""}
    about |= {"shelved_until": None, "flood": "", "priority": 1 if excess >= 4 else 2 if excess >= 2 else 3}
    return about | ({"priority": 2} if kind != "anomaly" else {}) | more | {"journal": steps}


ALERTS = [
    _alert("press-2-a", "press-2", at(30, 2, 13), None, 3.4),
    _alert("conveyor-12-s", "conveyor-12", at(30, 1, 50), None, 60.0, kind="silent"),
    _alert("mixer-1-a", "mixer-1", at(30, 0, 40), None, 1.8, by="Ana", state="acknowledged"),
    _alert("fan-3-a", "fan-3", at(29, 23, 5), at(29, 23, 45), 2.2, journal=[{"what": "answer helped", "who": "Rui"}]),
    _alert("pump-4-a", "pump-4", at(29, 15, 0), at(29, 15, 30), 5.2, verdict="not a fault"),
    _alert("press-1-b", "press-1", at(28, 9, 0), at(28, 9, 20), 1.3),
    _alert("press-1-a", "press-1", at(26, 17, 0), at(26, 18, 0), 1.6),
]


def _watching(score: float, **more: Any) -> dict[str, Any]:
    about = {"state": "watching", "online": True, "windows": 9990, "missed": 0, "lost": 0, "late": 0, "alerts": []}
    return about | {"score": score, "threshold": 1.0, "sequence": 4, "shelved_until": None} | more


SUMMARIES: dict[str, dict[str, Any]] = {
    "press-1": _watching(0.62),
    "press-2": _watching(2.9, alerts=["anomaly"], missed=10),
    "fan-3": _watching(0.41),
    "mixer-1": _watching(0.93, alerts=["anomaly"]),
    "pump-4": _watching(0.55),
    "oven_2": {
        "state": "learning",
        "online": True,
        "windows": 100,
        "missed": 0,
        "lost": 0,
        "alerts": [],
        "progress": 0.42,
    },
    "conveyor-12": _watching(0.3, online=False, alerts=["silent"]),
}
BANDS = [
    {"feature": "band 7", "axis": 1, "unit": "dB", "hz": [40.0, 50.0], "share": 0.61},
    {"feature": "kurtosis", "axis": 1, "unit": "", "share": 0.2},
    *(
        {"feature": f"band {i}", "axis": i % 3, "unit": "dB", "hz": [2 * 1.27**i, 2 * 1.27 ** (i + 1)], "share": 0.01}
        for i in range(1, 20)
    ),
]
LEARNING = {
    "rounds": 12,
    "neighbours": {
        "hall2": {"merged": 9, "refused": 0, "reason": ""},
        "hall3": {"merged": 3, "refused": 1, "reason": "sign"},
    },
    "merges": [
        {
            "at": at(30, 1, 0),
            "sensors": {"fan-3": {"objection": "", "before": {"false_alarms": 0.02}, "after": {"false_alarms": 0.005}}},
        }
    ],
}
HISTORY = {
    "press-2": ([0.5, 0.5, 0.6, 0.9, 1.4, 1.8, 2.6, 2.9, 2.9], at(29, 4, 0)),
    "fan-3": ([0.4, 0.42, 0.41, 0.4, 0.41, 0.4, 0.41, 0.42, 0.4], at(27, 4, 0)),
}


class ScriptedLine:
    """The answers of gateway hall1."""

    name = "hall1"

    def vitals(self) -> Mapping[str, Any]:
        """As `status`."""
        store = {"bytes": 182e6, "free": 12e9, "trouble": "", "waiting": 0}
        standing = [each for each in ALERTS if each["state"] != "cleared"]
        return {"sensors": SUMMARIES, "standing": standing, "store": store, "limit": 200, "link": {"reconnects": 2}}

    def learning(self) -> Mapping[str, Any]:
        """As `learning`."""
        return LEARNING

    async def alerts(self, since: float, until: float, limit: int) -> Sequence[dict[str, Any]]:
        """Those that stood at some time between."""
        return [each for each in ALERTS if each["since"] <= until and (each["until"] or NOW) >= since][:limit]

    async def alert(self, alert: str) -> Mapping[str, Any]:
        """One of them; only those of press-2 and mixer-1 have contributions."""
        found = next((each for each in ALERTS if each["id"] == alert), None)
        if not found:
            raise RefusedError(f"alert: there is none with the id {alert!r}")
        return {"alert": found, "contributions": BANDS if found["sensor"] == "press-2" else []}

    async def history(self, sensor: str, since: float, _until: float, _points: int) -> Mapping[str, Any]:
        """Of press-2 and fan-3."""
        scores, begun = HISTORY.get(sensor, ([], since))
        kept = [(begun + 3600 * i, score) for i, score in enumerate(scores) if begun + 3600 * i >= since]
        found = {"at": [at for at, _ in kept], "mean": [score for _, score in kept]}
        return {"sensor": sensor, "threshold": 1.0, "top": found["mean"], **found}

    async def models(self, sensor: str) -> Mapping[str, Any]:
        """All but the oven's are number 4."""
        made = [] if sensor == "oven_2" else [{"sequence": 4, "made": at(25, 7, 30), "bytes": 30000}]
        return {"sensor": sensor, "in_service": 4 if made else 0, "models": made}

    async def maintenance(self, sensor: str) -> Mapping[str, Any]:
        """Of pump-4 velocity, zone and trend; of press-2 its shaft and a bearing."""
        marks = [{"name": "1x", "hz": 24.0}, {"name": "BPFO 6205", "hz": 46.0}] if sensor == "press-2" else []
        line = {"slope": 0.05, "half_width": 0.02, "now": 2.8, "days": 34.0, "soonest": 24.3, "latest": None}
        if sensor != "pump-4":
            return {"sensor": sensor, "marks": marks, "mm_s": None, "trend": {"days": [], "limit": None, "line": None}}
        return {
            "sensor": sensor, "marks": marks, "mm_s": 2.8, "zone": "B", "class": "II",
            "trend": {"days": [], "limit": 4.5, "line": line},
        }  # fmt: skip


# What is true: of a sensor, or of the line as a whole (""). Times of day as "day hour:minute", lengths in minutes.
TRUTH: dict[str, dict[str, set[Any]]] = {
    "press-1": {"x": {0.62, 1.3, 1.6}, "at": {"28 09:00", "26 17:00", "25 07:30"}, "minutes": {20, 60}, "": {1, 2, 4}},
    "press-2": {
        "x": {3.4, 2.9, 0.5, 0.6},
        "at": {"30 02:13", "25 07:30", "29 04:00"},
        "minutes": {59},
        "%": {0.61, 0.2, 0.001},
        "Hz": {40.0, 50.0},
        "": {1, 4, 10},
    },
    "fan-3": {
        "x": {0.41, 0.4, 2.2},
        "at": {"29 23:05", "25 07:30", "27 04:00"},
        "minutes": {40},
        "%": {0.02, 0.005},
        "": {1, 4},
    },
    "mixer-1": {"x": {0.93, 1.8}, "at": {"30 00:40", "25 07:30"}, "minutes": {152}, "": {1, 4}},
    "pump-4": {
        "x": {0.55, 5.2},
        "at": {"29 15:00", "25 07:30"},
        "minutes": {30, 18, 34.0 * 1440, 24.3 * 1440},
        "mm/s": {2.8, 0.05, 0.02, 4.5},
        "": {1, 4},
    },
    "oven_2": {"%": {0.42}, "": {1}},
    "conveyor-12": {"x": {0.3}, "at": {"30 01:50", "25 07:30"}, "minutes": {82}, "": {1, 4}},
    "": {"at": {"30 03:12", "30 01:00"}, "MB": {182.0, 12000.0}, "": {0, 1, 2, 3, 4, 5, 6, 7, 9, 12, 200}},
}
