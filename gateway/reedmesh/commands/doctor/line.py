"""Checks of the line: the status of a running gateway, its sensors and its neighbours."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from typing import Any

from reedmesh import __version__
from reedmesh.commands.doctor.finding import Case, Finding, error, good, warning
from reedmesh.protocol import wire
from reedmesh.protocol.offer_frame import MODEL_SHARD
from reedmesh.store import database

OFTEN = 10  # reconnects a day that are too many: two clients of one name throw each other out
DEAF = 20.0  # dB: who needs more to see a fault sees but the coarsest
PROMISED = 0.08  # of normal windows above the threshold: about what 30 windows of which none was can promise
DAY = 86400.0  # seconds
QUIET = 2.0  # days without an update that are worth a look
FEW = 0.01  # of windows that may be missed
LEAST, ROW = (
    8192,
    16384,
)  # bytes of ESP-IDF's memory: ever free, and in a row, below which Wi-Fi or TLS of a sensor fail


def answers(case: Case) -> Iterable[Finding]:
    """Whether the gateway runs, and makes progress."""
    if case.vitals is None:
        remedy = "systemctl status reedmesh; journalctl -u reedmesh -n 50; reedmesh check-config"
        yield error(f"the gateway does not answer: {case.why}", remedy)
    elif stuck := case.vitals["stuck"]:
        yield error(
            f"the gateway is stuck: {', '.join(stuck)}", "systemd restarts it in half a minute; journalctl -u reedmesh"
        )
    elif case.vitals["version"] != __version__:
        said = f"reedmesh {case.vitals['version']} runs, {__version__} is installed"
        yield warning(said, "systemctl restart reedmesh")
    else:
        yield good(f"gateway {case.vitals['name']} answers")


def link(case: Case) -> Iterable[Finding]:
    """A link that comes and goes is often a second gateway of the same name."""
    if not case.vitals:
        return
    told, days = case.vitals["link"], max(1.0, (case.now - case.vitals["began"]) / 86400)
    if told["reconnects"] / days > OFTEN:
        remedy = f'is there a second gateway "{case.vitals["name"]}" on this broker? each needs its own name'
        yield warning(f"the broker was lost {told['reconnects']} times in {days:.0f} days", remedy)


def failures(case: Case) -> Iterable[Finding]:
    """Work beside judging that failed, and was begun anew."""
    for name, told in (case.vitals or {"failed": {}})["failed"].items():
        said = f"{name} failed {told['failures']} times since the start: {told['reason']}"
        yield warning(said, "journalctl -u reedmesh has the whole fault; report it, unless the text names a remedy")


def calls(case: Case) -> Iterable[Finding]:
    """Whether people can be called."""
    told = (case.vitals or {}).get("calls")
    if told and told["trouble"]:
        said = f"{told['trouble']}, {told['waiting']} calls wait"
        yield error(said, "check the URLs of [notify] and the network; journalctl -u reedmesh -g call")
    elif told:
        yield good(f"calls: {told['sent']} reached somebody, {told['waiting']} wait")


def outbox(case: Case) -> Iterable[Finding]:
    """Whether anything was lost on its way to the broker or the disk."""
    if not case.vitals:
        return
    store = case.vitals["store"]
    if store["trouble"]:
        yield error(f"disk: {store['trouble']}", "make room or replace the card: alerts go out, but nothing is kept")
    if dropped := {reason: count for reason, count in store["dropped"].items() if count}:
        told = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
        yield warning(f"outbox: dropped {told}", "the broker was away for long; `reedmesh alerts --all` still has them")


def floods(case: Case) -> Iterable[Finding]:
    """Senders that the rate limiter blocks."""
    for name, rate in (case.vitals or {"babbling": {}})["babbling"].items():
        known = case.vitals and name in case.vitals["sensors"]
        who = f"sensor {name}" if known else f"{name or 'somebody'}, no sensor of ours,"
        remedy = f"switch it off; or reedmesh sensors revoke {name or 'NAME'}, reedmesh acl write, reload mosquitto"
        yield error(f"{who} floods the broker: {rate:.0f} messages/s, not listened to for now", remedy)


def sensors(case: Case) -> Iterable[Finding]:
    """Each sensor that is not simply watching, and what to do about it."""
    found = [
        finding for name, told in (case.vitals or {"sensors": {}})["sensors"].items() for finding in _sensor(name, told)
    ]
    yield from found
    if case.vitals and not found:
        yield good(f"sensors: all {case.vitals['counted']['sensors']} as they should be")


def _sensor(name: str, told: dict[str, Any]) -> Iterable[Finding]:
    if not told["online"]:
        yield warning(
            f"sensor {name}: silent",
            f"power, Wi-Fi, {name}'s config.json; gone for good: reedmesh sensors forget {name}",
        )
    if told.get("refusal"):
        yield warning(
            f"sensor {name} refused its model: {told['refusal']}", f"reedmesh rollback {name}, or flash it anew"
        )
    if told.get("moved"):
        said = f"sensor {name}: its machine moved {told['moved']} units from how it was commissioned: not learnt on"
        yield warning(said, f"look at it; if it is to run like that: reedmesh relearn {name}")
    if (told.get("sensitivity") or 0.0) > DEAF:
        band, lift = told.get("deafest") or (0, 0.0)
        worst = f", band {band} by {lift:.0f} dB" if band else ""
        said = f"sensor {name}: a band must rise by {told['sensitivity']:.0f} dB before it alerts{worst}"
        yield warning(said, f"its machine varied much, or in few windows, when it was learnt: reedmesh relearn {name}")
    if (told.get("promise") or 0.0) > PROMISED:
        said = f"sensor {name}: learnt from few windows: up to {told['promise']:.0%} of normal ones may be over"
        yield warning(
            said, f"it is learnt on as it runs; for more at once: [learning] windows, reedmesh relearn {name}"
        )
    if told["disagreements"]:
        remedy = "its firmware is of another version: make update-sensors"
        yield warning(f"sensor {name}: {told['disagreements']} scores differ from ours", remedy)
    sent = told["windows"] + told["missed"]
    if told["missed"] > FEW * sent and sent > 100:
        said = f"sensor {name}: {100 * told['missed'] / sent:.1f} % of its windows never came"
        yield warning(said, "weak radio, or a queue that is full: max_queued_messages, journalctl -u mosquitto")


def hellos(case: Case) -> Iterable[Finding]:
    """The hellos of sensors: versions, relapses, unforeseen errors."""
    try:
        with closing(database.reader(case.state)) as db:
            told = {
                name: json.loads(text) for name, text in db.execute("select name, hello from sensors order by name")
            }
    except (sqlite3.Error, ValueError) as fault:
        yield warning(f"what sensors said of themselves cannot be read: {fault}", "see the findings about the database")
        return
    for name, hello in told.items():
        yield from _hello(name, hello)
    versions = Counter(str(hello.get("firmware")) for hello in told.values())
    if len(versions) > 1:
        said = ", ".join(f"{count} with {version}" for version, count in versions.most_common())
        yield warning(f"sensors run different firmware: {said}", "make update-sensors")


def _hello(name: str, hello: dict[str, Any]) -> Iterable[Finding]:
    if hello.get("v", wire.VERSION) != wire.VERSION:
        said = f"sensor {name} speaks version {hello['v']} of our protocol, this gateway {wire.VERSION}"
        yield error(said, "make update-sensors, or upgrade the gateway")
    if hello.get("safe_mode"):
        remedy = "it restarted five times in vain: make update-sensors, or look at its wiring"
        yield error(f"sensor {name} is in safe mode and judges nothing: {hello.get('error', '')}", remedy)
    elif hello.get("error"):
        yield warning(
            f"sensor {name} had an error: {hello['error']}", "make update-sensors; if it stays, please tell us"
        )
    if hello.get("relapse"):
        yield warning(f"sensor {name} went back to its model before: {hello['relapse']}", f"reedmesh relearn {name}")
    yield from _memory(name, hello)


def _memory(name: str, hello: dict[str, Any]) -> Iterable[Finding]:
    """ESP-IDF's memory apart from the heap's: when that is gone, links fail though Python has some left."""
    told = hello.get("memory")
    if not isinstance(told, dict) or hello.get("shard") != MODEL_SHARD:  # on a wire nothing else lives on it
        return
    row, least, free = (told.get(key) for key in ("longest", "least", "free"))
    if not isinstance(row, int) or not isinstance(least, int) or (row >= ROW and least >= LEAST):
        return
    said = f"sensor {name}: Wi-Fi has {row // 1024} KiB in a row and had {least // 1024} at least; the heap has "
    remedy = "an ESP32-S3 or C3, a wire, or no TLS: boards/README.md, Memory"
    yield warning(f"{said}{free // 1024 if isinstance(free, int) else '?'} KiB", remedy)


def neighbours(case: Case) -> Iterable[Finding]:
    """When something was heard of each neighbour."""
    for name, number in (case.vitals or {"neighbours": {}})["neighbours"].items():
        at = (case.vitals or {}).get("taken", {}).get(name)
        remedy = f"is it on? `reedmesh keys show` there, `reedmesh acl invite {case.config.name}` there"
        if number is None:
            yield warning(f"neighbour {name}: nothing heard since the start", remedy)
        elif at is None:
            yield warning(f"neighbour {name}: update {number} is here, and nothing newer came since the start", remedy)
        elif (days := (case.now - at) / DAY) > QUIET:
            yield warning(f"neighbour {name}: nothing newer than update {number}, {days:.0f} days old", remedy)
        else:
            yield good(f"neighbour {name}: update {number}, {max(0.0, days * 24):.0f} hours old")


CHECKS = (answers, link, failures, calls, outbox, floods, sensors, hellos, neighbours)
