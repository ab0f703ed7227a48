"""What a Prometheus, a load balancer and a terminal are told of a gateway; the parser is Prometheus' own."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from reedmesh.commands import status
from reedmesh.errors import ConfigError
from reedmesh.service import prometheus
from reedmesh.service.http_endpoint import MOST_HEAD, Endpoint
from reedmesh.service.prometheus import Histogram
from reedmesh.service.status import MOST_SENSORS, shortened
from tests.service.test_gateway import feed, sounds, taught, world
from tests.support.brokers import free_port
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

WATCHING: dict[str, Any] = {
    "state": "watching",
    "online": True,
    "windows": 9,
    "missed": 1,
    "lost": 0,
    "disagreements": 0,
}


BOUNDS = ("0.0001", "0.0025", "0.005", "+Inf")
STORE = {"unsaved": 0, "trouble": "", "free": 9e9, "bytes": 1e6}
LEARNING = WATCHING | {"state": "learning", "progress": 0.5}


def histogram() -> Histogram:
    it = Histogram()
    for seconds in (0.00005, 0.0001, 0.003, 7.0):
        it.add(seconds)
    return it


def vitals(**more: Any) -> dict[str, Any]:
    """Those of a gateway that is well."""
    well = {
        "name": "gw", "version": '1"\n\\', "began": 1000.0, "judged": 12, "rejected": 1, "stuck": [], "limit": 200,
        "link": {"connected": True, "reconnects": 2, "offline": 3.5}, "judging_seconds": histogram().table(),
        "sensors": {"press": WATCHING | {"score": 0.25, "threshold": 1.5}, "fan": LEARNING},
        "standing": [], "alerts": [],
        "babbling": {}, "refused": 0, "failed": {"exchange": {"failures": 2, "reason": "why"}},
        "neighbours": {"hall2": 7, "hall3": None},
        "store": STORE | {"waiting": 4, "dropped": {"late": 1, "many": 2}},
    }  # fmt: skip
    return well | more


def samples(text: str) -> dict[tuple[str, str], float]:
    found = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name, ",".join(sample.labels.values())] = sample.value
    return found


def test_prometheus_reads_every_metric_as_it_was_meant() -> None:
    text = prometheus.text(vitals())
    families = {family.name: family for family in text_string_to_metric_families(text)}
    assert {re.sub("_total$", "", f"reedmesh_{metric.name}") for metric in prometheus.METRICS} == set(families)
    for metric in prometheus.METRICS:
        family = families[re.sub("_total$", "", f"reedmesh_{metric.name}")]
        assert (family.type, family.documentation) == (metric.kind, metric.text)
        assert metric.name.endswith("_total") == (metric.kind == prometheus.COUNTER)
    found = samples(text)
    assert found["reedmesh_build_info", '1"\n\\'] == 1
    assert found["reedmesh_score", "press"] == 0.25 and ("reedmesh_score", "fan") not in found
    assert found["reedmesh_sensors", "learning"] == 1 and found["reedmesh_sensors", "deploying"] == 0
    assert found["reedmesh_outbox_dropped_total", "many"] == 2
    flooded = samples(prometheus.text(vitals(babbling={"press": 9000.0, "": 300.0}, refused=12)))
    assert (flooded["reedmesh_babbling", ""], flooded["reedmesh_messages_refused_total", ""]) == (2, 12)
    assert found["reedmesh_broker_offline_seconds_total", ""] == 3.5
    buckets = {
        bound: found["reedmesh_judging_seconds_bucket", bound] for bound in ("0.0001", "0.0025", "0.005", "+Inf")
    }
    assert buckets == {"0.0001": 2, "0.0025": 2, "0.005": 3, "+Inf": 4}
    assert found["reedmesh_judging_seconds_count", ""] == 4
    assert found["reedmesh_judging_seconds_sum", ""] == pytest.approx(7.00315)


def test_the_documents_have_the_same_table() -> None:
    rows = re.findall(r"^\| `reedmesh_(\w+)` \| (\w+) \| (.*) \|$", (ROOT / "docs/gateway.md").read_text(), re.M)
    assert rows == [(metric.name, metric.kind, metric.text) for metric in prometheus.METRICS]


def asked(now: dict[str, Any], *requests: bytes) -> list[str]:
    """The answers to requests, each on a connection of its own."""

    async def story() -> list[str]:
        port, answers = free_port(), []
        async with Endpoint(lambda: now).serving(f"127.0.0.1:{port}"):
            for request in requests:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(request)
                answers.append((await reader.read()).decode())
                writer.close()
        return answers

    return asyncio.run(asyncio.wait_for(story(), PATIENCE))


def get(path: str, method: str = "GET") -> bytes:
    return f"{method} {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_the_endpoint_answers_what_it_knows_and_nothing_else() -> None:
    pages = ("/metrics", "/health?x=1", "/ready", "/", "/metrics")
    plain, healthy, ready, lost, head = asked(vitals(), *map(get, pages[:4]), get("/metrics", "HEAD"))
    assert plain.startswith("HTTP/1.1 200 OK\r\n") and "version=0.0.4" in plain
    assert samples(plain.partition("\r\n\r\n")[2])["reedmesh_messages_total", ""] == 12
    assert healthy.startswith("HTTP/1.1 200") and ready.startswith("HTTP/1.1 200")
    assert lost.startswith("HTTP/1.1 404") and head.endswith("\r\n\r\n")
    (refused,) = asked(vitals(), get("/metrics", "POST"))
    assert refused.startswith("HTTP/1.1 405")


@pytest.mark.parametrize(
    ("wrong", "healthy", "ready", "word"),
    [
        ({"stuck": ["outbox"]}, 503, 503, "outbox"),
        ({"link": {"connected": False, "reconnects": 0, "offline": 9.0}}, 200, 503, "broker"),
        ({"store": vitals()["store"] | {"trouble": "the store: disk full"}}, 200, 503, "disk full"),
    ],
)
def test_health_asks_for_a_restart_and_ready_for_help(
    wrong: dict[str, Any], healthy: int, ready: int, word: str
) -> None:
    answers = asked(vitals(**wrong), get("/health"), get("/ready"))
    assert [int(answer.split()[1]) for answer in answers] == [healthy, ready]
    assert any(word in line for line in json.loads(answers[1].partition("\r\n\r\n")[2])["wrong"])


def test_junk_is_hung_up_on_and_others_are_served() -> None:
    *junk, good = asked(vitals(), b"\r\n\r\n", b"\xff" * 100 + b"\r\n\r\n", b"x" * (MOST_HEAD + 100), get("/health"))
    assert all("200 OK" not in answer for answer in junk) and "200 OK" in good


def test_a_port_that_is_taken_is_told_by_its_setting() -> None:
    async def story() -> None:
        port = free_port()
        async with Endpoint(vitals).serving(f"127.0.0.1:{port}"):
            with pytest.raises(ConfigError, match=f"metrics.listen = .127.0.0.1:{port}"):
                async with Endpoint(vitals).serving(f"127.0.0.1:{port}"):
                    pass

    asyncio.run(story())


def test_a_gateway_at_work_has_every_vital(tmp_path: Path) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            sensor = await taught(it, "press")
            await feed(sensor, sounds()["fault"][:10])
            await it.until(lambda topic, value: topic == "alert")
            known = {key: vitals()[key] for key in ("link", "judged", "judging_seconds", "began", "stuck")}
            it.gateway.reported.process = lambda: known
            found = samples(prometheus.text(it.gateway.vitals()))
            assert found["reedmesh_alerts", "new"] == 1 and found["reedmesh_database_bytes", ""] > 0
            assert found["reedmesh_windows_total", "press"] > 10 and found["reedmesh_score", "press"] > 0
            text = "\n".join(status.lines(shortened(it.gateway.vitals()), known["began"] + 90061))
            assert "up 1 d 1 h" in text and "1 alerts" in text and "ALERT" in text and "press" in text

    asyncio.run(story())


def test_one_screen_and_one_message_hold_a_thousand_sensors() -> None:
    sensors = {f"s{i:03}": WATCHING | {"score": 0.123, "threshold": 1.5} for i in range(1000)}
    sensors["s999"] = sensors["s999"] | {"online": False}
    many = shortened(vitals(sensors=sensors))
    assert len(many["sensors"]) == MOST_SENSORS and next(iter(many["sensors"])) == "s999"
    assert len(json.dumps(many)) < 65536
    lines = status.lines(many, 2000.0)
    assert len(lines) < 40 and "s999" in "\n".join(lines) and "and 980 more" in lines[-1]
