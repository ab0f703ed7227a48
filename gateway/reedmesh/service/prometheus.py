"""A gateway's vitals as Prometheus reads them: text format 0.0.4. Pure; docs/gateway.md has the same table.

Thirty lines of our own instead of prometheus_client, whose parser the tests hold against them: decision 0017.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)  # seconds

Vitals = Mapping[str, Any]
Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True)
class Metric:
    """A family of samples: name without `reedmesh_`, kind, what it tells, and how to have it of the vitals."""

    name: str
    kind: str
    text: str
    read: Callable[[Vitals], Iterable[Sample]]


class Histogram:
    """Counts of durations by size, for as long as the gateway runs."""

    def __init__(self) -> None:
        self.counts = [0] * (len(BUCKETS) + 1)
        self.total = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self.counts[bisect_left(BUCKETS, seconds)] += 1
        self.total += seconds

    def table(self) -> dict[str, Any]:
        """As vitals have it."""
        return {"counts": list(self.counts), "total": self.total}


def _one(*path: str) -> Callable[[Vitals], Iterable[Sample]]:
    def read(vitals: Vitals) -> Iterable[Sample]:
        value: Any = vitals
        for key in path:
            value = value[key]
        yield {}, float(value)

    return read


def _each(key: str) -> Callable[[Vitals], Iterable[Sample]]:
    """A number that sensors have, for each that has it."""

    def read(vitals: Vitals) -> Iterable[Sample]:
        for name, sensor in vitals["sensors"].items():
            if sensor.get(key) is not None:
                yield {"sensor": name}, float(sensor[key])

    return read


def _counted(key: str, of: Callable[[Vitals], Iterable[Mapping[str, Any]]], *known: str) -> Callable[[Vitals], Any]:
    """How many have each value of `key`; the known ones are told when there are none, too."""

    def read(vitals: Vitals) -> Iterable[Sample]:
        counts = Counter(dict.fromkeys(known, 0)) + Counter()
        counts.update(str(each[key]) for each in of(vitals))
        for value in sorted({*known, *counts}):
            yield {key: value}, float(counts[value])

    return read


def _sensors(vitals: Vitals) -> Iterable[Mapping[str, Any]]:
    return list(vitals["sensors"].values())


def _standing(vitals: Vitals) -> Iterable[Mapping[str, Any]]:
    return list(vitals["standing"])


METRICS = (
    Metric("build_info", GAUGE, "1, for the version that runs", lambda v: [({"version": v["version"]}, 1.0)]),
    Metric("start_time_seconds", GAUGE, "when the gateway began, since 1970", _one("began")),
    Metric("stuck", GAUGE, "parts of link, judging and outbox that do not get on", lambda v: [({}, len(v["stuck"]))]),
    Metric("task_failures_total", COUNTER, "times that work beside judging failed and was begun anew", lambda v: [
        ({"task": name}, float(each["failures"])) for name, each in v["failed"].items()
    ]),
    Metric("broker_connected", GAUGE, "1 while the link to the broker is up", _one("link", "connected")),
    Metric("broker_reconnects_total", COUNTER, "times the link came back", _one("link", "reconnects")),
    Metric("broker_offline_seconds_total", COUNTER, "seconds without the broker", _one("link", "offline")),
    Metric("messages_total", COUNTER, "messages that went through the data path", _one("judged")),
    Metric("messages_rejected_total", COUNTER, "messages that did not fit and were dropped", _one("rejected")),
    Metric("messages_refused_total", COUNTER, "messages not listened to, of who says too much", _one("refused")),
    Metric("babbling", GAUGE, "senders that say far too much", lambda v: [({}, len(v["babbling"]))]),
    Metric("judging_seconds", HISTOGRAM, "time in the data path, of each message", lambda _: ()),
    Metric("sensors", GAUGE, "sensors by state", _counted("state", _sensors, "learning", "deploying", "watching")),
    Metric("sensor_online", GAUGE, "1 while a sensor's link is up", _each("online")),
    Metric("windows_total", COUNTER, "windows received of a sensor", _each("windows")),
    Metric("windows_missed_total", COUNTER, "windows a sensor sent that never came", _each("missed")),
    Metric("windows_lost_total", COUNTER, "windows a sensor's transducer overran", _each("lost")),
    Metric("disagreements_total", COUNTER, "scores that differ from the sensor's", _each("disagreements")),
    Metric("score", GAUGE, "last score of a sensor, mean squared deviations", _each("score")),
    Metric("threshold", GAUGE, "threshold of a sensor's model", _each("threshold")),
    Metric("learning_progress", GAUGE, "0 to 1, of a machine that is learnt", _each("progress")),
    Metric("alerts", GAUGE, "alerts that stand, by state", _counted("state", _standing, "new", "acknowledged")),
    Metric("outbox_messages", GAUGE, "messages of alerts that have not left", _one("store", "waiting")),
    Metric("outbox_dropped_total", COUNTER, "messages that were dropped, by reason", lambda v: [
        ({"reason": reason}, float(count)) for reason, count in v["store"]["dropped"].items()
    ]),
    Metric("unsaved_changes", GAUGE, "steps of alerts that wait for the disk", _one("store", "unsaved")),
    Metric("disk_trouble", GAUGE, "1 while the disk takes nothing", lambda v: [({}, bool(v["store"]["trouble"]))]),
    Metric("disk_free_bytes", GAUGE, "free space where the database is", _one("store", "free")),
    Metric("database_bytes", GAUGE, "size of the database", _one("store", "bytes")),
)  # fmt: skip


def text(vitals: Vitals) -> str:
    """All metrics of a gateway."""
    return "".join(_family(metric, vitals) for metric in METRICS)


def _family(metric: Metric, vitals: Vitals) -> str:
    name = f"reedmesh_{metric.name}"
    lines = [f"# HELP {name} {metric.text}", f"# TYPE {name} {metric.kind}"]
    if metric.kind == HISTOGRAM:
        lines += _histogram(name, vitals[metric.name])
    else:
        lines += [f"{name}{_labels(labels)} {_number(value)}" for labels, value in metric.read(vitals)]
    return "\n".join(lines) + "\n"


def _histogram(name: str, table: Mapping[str, Any]) -> list[str]:
    counts, lines, total = table["counts"], [], 0
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], counts, strict=True):
        total += count
        lines.append(f'{name}_bucket{{le="{bound}"}} {total}')
    return [*lines, f"{name}_sum {_number(table['total'])}", f"{name}_count {total}"]


def _labels(labels: Mapping[str, str]) -> str:
    pairs = [f'{name}="{_escaped(value)}"' for name, value in labels.items()]
    return f"{{{','.join(pairs)}}}" if pairs else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
