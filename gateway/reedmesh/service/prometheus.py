"""The metrics of a gateway in Prometheus' text format 0.0.4. docs/gateway.md has the same table.

The metrics are made from the vitals at each request, by a collector of prometheus_client, which writes the text
(decision 0017). Its global registry and its threads are not used.
"""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector

__all__ = ["CONTENT_TYPE", "METRICS", "Histogram", "text"]

GAUGE, COUNTER, HISTOGRAM = "gauge", "counter", "histogram"
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
        """Count one observation, in seconds."""
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


def _of_parts(key: str, unit: float = 1.0) -> Callable[[Vitals], Iterable[Sample]]:
    """A number that stations have of their parts, in so many units."""

    def read(vitals: Vitals) -> Iterable[Sample]:
        for name, sensor in vitals["sensors"].items():
            if (value := sensor.get("parts", {}).get(key)) is not None:
                yield {"sensor": name}, value * unit

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
    Metric("stuck", GAUGE, "parts of link, judging and outbox without progress", lambda v: [({}, len(v["stuck"]))]),
    Metric("task_failures_total", COUNTER, "times that work beside judging failed and was begun anew", lambda v: [
        ({"task": name}, float(each["failures"])) for name, each in v["failed"].items()
    ]),
    Metric("broker_connected", GAUGE, "1 while the link to the broker is up", _one("link", "connected")),
    Metric("broker_reconnects_total", COUNTER, "times the link came back", _one("link", "reconnects")),
    Metric("broker_offline_seconds_total", COUNTER, "seconds without the broker", _one("link", "offline")),
    Metric("messages_total", COUNTER, "messages that went through the data path", _one("judged")),
    Metric("messages_rejected_total", COUNTER, "messages that did not fit and were dropped", _one("rejected")),
    Metric("messages_refused_total", COUNTER, "messages that the rate limiter dropped", _one("refused")),
    Metric("babbling", GAUGE, "senders that send far too many messages", lambda v: [({}, len(v["babbling"]))]),
    Metric("judging_seconds", HISTOGRAM, "time in the data path, of each message", lambda _: ()),
    Metric("sensors", GAUGE, "sensors by state", _counted("state", _sensors, "learning", "deploying", "watching")),
    Metric("sensor_online", GAUGE, "1 while a sensor's link is up", _each("online")),
    Metric("windows_total", COUNTER, "windows received of a sensor", _each("windows")),
    Metric("windows_missed_total", COUNTER, "windows a sensor sent that never came", _each("missed")),
    Metric("windows_lost_total", COUNTER, "windows a sensor's transducer overran", _each("lost")),
    Metric("disagreements_total", COUNTER, "scores that differ from the sensor's", _each("disagreements")),
    Metric("score", GAUGE, "last score of a sensor, mean squared deviations", _each("score")),
    Metric("threshold", GAUGE, "threshold of a sensor's model", _each("threshold")),
    Metric("sensitivity_decibels", GAUGE, "rise of the middle band that would raise an alert", _each("sensitivity")),
    Metric("band_sensitivity_decibels", GAUGE, "rise of each band that would raise an alert", lambda v: [
        ({"sensor": name, "band": str(band)}, lift)
        for name, each in v["sensors"].items()
        for band, lift in enumerate(each.get("lifts", ()), 1)
    ]),
    Metric("false_windows_bound", GAUGE, "most normal windows likely over the threshold, a share", _each("promise")),
    Metric("learning_progress", GAUGE, "0 to 1, of a machine that is learnt", _each("progress")),
    Metric("parts_total", COUNTER, "parts of a station, by verdict", lambda v: [
        ({"sensor": name, "verdict": verdict}, float(each["parts"][verdict]))
        for name, each in v["sensors"].items()
        for verdict in ("ok", "nok", "unsure", "unjudged") if "parts" in each
    ]),
    Metric("part_yield", GAUGE, "share of a station's judged parts that passed", _of_parts("yield")),
    Metric("part_latency_seconds", GAUGE, "from a station's last reading to its pin", _of_parts("latency_us", 1e-6)),
    Metric("triggers_missed_total", COUNTER, "triggers that came during another part", _of_parts("missed")),
    Metric("triggers_doubled_total", COUNTER, "triggers within the hold-off", _of_parts("doubled")),
    Metric("verdicts_late_total", COUNTER, "verdicts after their part passed the gate", _of_parts("late")),
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
    """Return all metrics of a gateway. vitals: as of `Status.vitals`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Vitals(vitals))
    return generate_latest(registry).decode()


class _Vitals(Collector):
    """Makes the metrics of `vitals`."""

    def __init__(self, vitals: Vitals) -> None:
        self._vitals = vitals

    def collect(self) -> Iterator[Family]:
        for metric in METRICS:
            yield _family(metric, self._vitals)


def _family(metric: Metric, vitals: Vitals) -> Family:
    name = f"reedmesh_{metric.name}"
    if metric.kind == HISTOGRAM:
        return HistogramMetricFamily(name, metric.text, *_buckets(vitals[metric.name]))
    family = (GaugeMetricFamily if metric.kind == GAUGE else CounterMetricFamily)(name, metric.text)
    for labels, value in metric.read(vitals):
        family.add_sample(name, dict(labels), value)
    return family


def _buckets(table: Mapping[str, Any]) -> tuple[list[tuple[str, float]], float]:
    """Return the counts up to each bound, and the sum of all."""
    found, total = [], 0
    for bound, count in zip([*map(str, BUCKETS), "+Inf"], table["counts"], strict=True):
        total += count
        found.append((bound, float(total)))
    return found, table["total"]
