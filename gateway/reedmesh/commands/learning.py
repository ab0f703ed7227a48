"""`reedmesh learning`: how learning together goes, asked of a running gateway."""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from reedmesh.commands.client import ask
from reedmesh.config import settings

SHOWN = 5  # rounds


def add(commands: Any, default: Path) -> None:
    """Add the command to `commands`; default: the config file's path."""
    command = commands.add_parser("learning", help="what neighbours taught a running gateway, and what it refused")
    command.add_argument("--json", action="store_true", help="for programs")
    command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    command.set_defaults(run=_show)


def _show(chosen: argparse.Namespace) -> None:
    told = ask(settings.load_config(chosen.config), "learning", {})
    print(json.dumps(told, indent=1) if chosen.json else "\n".join(lines(told)))


def lines(told: dict[str, Any]) -> list[str]:
    """The gateway's answer, as lines of text."""
    rounds = f"{told['rounds']} rounds, now {told['state']}: {told['heard']} of {told['fresh']} windows for the next"
    given = (
        f"{told['updates']} updates of {told['bytes_out']} bytes given; a round waits {told['deadline']:.1f} s at most"
    )
    moved = [
        f"{name} moved {far} units: look at it, or `reedmesh relearn {name}`" for name, far in told["moved"].items()
    ]
    private = [_private(told["private"])] if told.get("private") else []
    found = [
        rounds,
        given,
        *private,
        *moved,
        *(_neighbour(name, it) for name, it in sorted(told["neighbours"].items())),
    ]
    for merge in told["merges"][-SHOWN:]:
        found += _round(merge)
    return found


def _private(it: dict[str, Any]) -> str:
    """The last round of private sums."""
    cell = f"private sums of {', '.join(it['members'])}; {it['enough']} answers are enough"
    if "round" not in it:
        return f"{cell}; no round is over yet"
    if not it["sum"]:
        return f"{cell}; round {it['round']} came to nothing: {it['reason']}"
    parts = (("", it["of"]), ("left out: ", it["left_out"]), ("wrong answers: ", it["wrong"]))
    return f"{cell}; round {it['round']}: " + "; ".join(what + ", ".join(who) for what, who in parts if who)


def _neighbour(name: str, it: dict[str, Any]) -> str:
    counts = f"{it['updates']} updates, {it['bytes_in']} bytes, merged {it['merged']}, refused {it['refused']}"
    last = f", last {it['last']}" if it["last"] else ""
    return f"{name:<16} {counts}{last}" + (f": {it['reason']}" if it["reason"] else "")


def _round(merge: dict[str, Any]) -> list[str]:
    """A round, and what it did to each sensor's model."""
    at = time.strftime("%d %b %H:%M:%S", time.localtime(merge["at"]))
    taken = ", ".join(f"{name} {share:.0%}" for name, share in merge["taken"].items()) or "nobody"
    late = f", late {', '.join(merge['late'])}" if merge["late"] else ""
    loss = f"loss {merge['loss']['before']:.4f} -> {merge['loss']['after']:.4f}"
    head = f"{at}  round {merge['round']}: merged {taken}{late}; {loss}"
    return [head, *(f"  {name:<14} {_sensor(each)}" for name, each in merge["sensors"].items())]


def _sensor(each: dict[str, Any]) -> str:
    before, after = each["before"], each["after"]
    most = f", at most {after['promise']:.1%} (95 %)" if "promise" in after else ""
    if not before:
        return f"first model, false alarms {after['false_alarms']:.1%}{most}"
    change = f"false alarms {before['false_alarms']:.1%} -> {after['false_alarms']:.1%}{most}"
    return f"keeps its model: {each['objection']}" if each["objection"] else f"new model, {change}"
