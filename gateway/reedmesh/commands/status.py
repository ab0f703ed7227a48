"""`reedmesh status`: how a running gateway is, on one screen; `--json` for programs."""

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from reedmesh.commands import alerts
from reedmesh.commands.client import ask
from reedmesh.config import settings
from reedmesh.service.status import needs_a_look

MOST_SENSORS, MOST_ALERTS = 20, 8  # lines
COUNTED = {"missed": "windows missed", "disagreements": "disagreements"}
MB = 1e6


def add(commands: Any, default: Path) -> None:
    """Add the command to `commands`."""
    command = commands.add_parser("status", help="how the gateway is, on one screen")
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    command.set_defaults(run=_run)


def _run(chosen: argparse.Namespace) -> None:
    vitals = ask(settings.load_config(chosen.config), "status", {})
    print(json.dumps(vitals, indent=1) if chosen.json else "\n".join(lines(vitals, time.time())))


def lines(vitals: dict[str, Any], now: float) -> list[str]:
    """The screen as lines of text."""
    return [*_gateway(vitals, now), "", *_alerts(vitals), "", *_sensors(vitals)]


def _gateway(vitals: dict[str, Any], now: float) -> list[str]:
    link, store = vitals["link"], vitals["store"]
    up = f"up {_span(now - vitals['began'])}" if not vitals["stuck"] else f"STUCK: {', '.join(vitals['stuck'])}"
    broker = f"{link['reconnects']} reconnects, {_span(link['offline'])} without it"
    waiting = f"{store['waiting']} messages wait, {sum(store['dropped'].values())} dropped"
    disk = store["trouble"] or f"{store['bytes'] / MB:.0f} MB, {store['free'] / MB:.0f} MB free"
    return [
        f"gateway {vitals['name']}, reedmesh {vitals['version']}, {up}",
        f"  judged    {vitals['judged']} messages, {vitals['rejected']} rejected",
        f"  broker    {broker}",
        f"  outbox    {waiting}",
        *_calls(vitals.get("calls")),
        f"  database  {disk}",
        *[f"  {name} failed {each['failures']} times: {each['reason']}" for name, each in vitals["failed"].items()],
        *[f"  neighbour {name}: {_heard(number)}" for name, number in sorted(vitals["neighbours"].items())],
    ]


def _calls(told: dict[str, Any] | None) -> list[str]:
    if not told:
        return []
    trouble = f"; {told['trouble']}" if told["trouble"] else ""
    return [f"  calls     {told['sent']} reached somebody, {told['waiting']} wait{trouble}"]


def _heard(number: int | None) -> str:
    return f"update {number}" if number is not None else "nothing heard yet"


def _alerts(vitals: dict[str, Any]) -> list[str]:
    count, listed = vitals["counted"]["alerts"], vitals["standing"][:MOST_ALERTS]
    more = [f"  and {count - len(listed)} more: reedmesh alerts"] if count > len(listed) else []
    return [f"{count or 'no'} alerts", *[f"  {alerts.line(each)}" for each in listed], *more]


def _sensors(vitals: dict[str, Any]) -> list[str]:
    sensors, count = vitals["sensors"], vitals["counted"]["sensors"]
    states = Counter(each["state"] for each in sensors.values())
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    names = sorted(sensors, key=lambda name: (not needs_a_look(sensors[name]), name))[:MOST_SENSORS]
    more = [f"  and {count - len(names)} more: reedmesh status --json"] if count > len(names) else []
    head = f"{count} of at most {vitals['limit']} sensors" + (f": {told}" if told else "")
    return [head, *[_sensor(name, sensors[name]) for name in names], *more]


def _sensor(name: str, sensor: dict[str, Any]) -> str:
    state = sensor["state"] if sensor["online"] else f"{sensor['state']}, offline"
    told = [f"{100 * sensor['progress']:.0f} % learnt"] if "progress" in sensor else []
    told += [f"score {sensor['score']} of {sensor['threshold']}"] if sensor.get("score") is not None else []
    told += ["ALERT"] if sensor.get("alert") else []
    told += [f"{sensor[key]} {what}" for key, what in COUNTED.items() if sensor[key]]
    told += [f"moved {sensor['moved']} units"] if sensor.get("moved") else []
    told += ["its machine stands still"] if sensor.get("still") else []
    told += [f"refused: {sensor['refusal']}"] if sensor.get("refusal") else []
    return f"  {name:<16} {state:<20} {', '.join(told)}".rstrip()


def _span(seconds: float) -> str:
    """3 d 4 h, 5 min, 12 s."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            rest = f" {int(seconds % 86400 // 3600)} h" if unit == "d" else ""
            return f"{int(seconds // size)} {unit}{rest}"
    return f"{max(0, int(seconds))} s"
