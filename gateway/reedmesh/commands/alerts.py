"""`reedmesh alerts | ack | comment | not-a-fault | shelve | unshelve | relearn | rollback`: alerts from a terminal."""

import argparse
import getpass
import json
import time
from pathlib import Path
from typing import Any

from reedmesh.alerts import words
from reedmesh.alerts.alert import ANOMALY
from reedmesh.commands.client import ask
from reedmesh.config import settings

ACTIONS = {  # verb: what it takes, what it is for
    "ack": ("alert", "say that you have taken an alert on"),
    "comment": ("alert", "write something to an alert's journal: --text"),
    "not-a-fault": ("alert", "say that what an alert is about is normal; the sensor learns it at once"),
    "fault": ("alert", "say what an alert's fault was: --cause; its windows are kept as those of a known fault"),
    "undo": ("alert", "take back what you said of an alert within the last ten minutes"),
    "shelve": ("sensor", "be called for a sensor no more until --minutes are over"),
    "unshelve": ("sensor", "be called for a sensor again"),
    "relearn": ("sensor", "have a machine learnt anew that was moved or rebuilt"),
    "rollback": ("sensor", "put the model before the present one back into service"),
}


def add(commands: Any, default: Path) -> None:
    """Add the commands to `commands`; default: the config file's path."""
    listing = commands.add_parser("alerts", help="list the alerts of a running gateway")
    listing.add_argument("--all", action="store_true", help="those that are over, too")
    listing.add_argument("--json", action="store_true", help="for programs, with journals")
    _finish(listing, default, _list)
    test = commands.add_parser("test-alert", help="raise an alert that ends by itself, to see whom it reaches")
    test.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
    _finish(test, default, _test)
    for verb, (what, text) in ACTIONS.items():
        command = commands.add_parser(verb, help=text)
        command.add_argument("what", metavar=what.upper(), help="its id" if what == "alert" else "its name")
        command.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
        command.add_argument("--text", default="", help="why")
        if verb == "fault":
            command.add_argument("--cause", required=True, help="what it was, in your words")
            command.add_argument("--tags", default="", help="such as bearing,imbalance")
        if verb == "shelve":
            command.add_argument("--minutes", type=float, default=60, help="1 to 10080, default 60")
        _finish(command, default, _act, verb=verb)


def _finish(command: argparse.ArgumentParser, default: Path, run: Any, **known: str) -> None:
    command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    command.set_defaults(run=run, **known)


def _test(chosen: argparse.Namespace) -> None:
    ask(settings.load_config(chosen.config), "test-alert", {"by": chosen.by})
    print("sent: it stands for half a minute on page, screen and wherever alerts go; `reedmesh alerts --all` has it")


def _act(chosen: argparse.Namespace) -> None:
    arguments = {ACTIONS[chosen.verb][0]: chosen.what, "by": chosen.by, "text": chosen.text}
    if chosen.verb == "fault":
        arguments |= {"cause": chosen.cause, "tags": chosen.tags}
    if "minutes" in chosen:
        arguments["minutes"] = chosen.minutes
    ask(settings.load_config(chosen.config), chosen.verb, arguments)
    print(f"{chosen.verb} {chosen.what}: done")


def _list(chosen: argparse.Namespace) -> None:
    found = ask(settings.load_config(chosen.config), "alerts", {"limit": 200})["alerts"]
    shown = [each for each in found if chosen.all or each["state"] != "cleared"]
    if chosen.json:
        print(json.dumps(shown, indent=1))
    else:
        print("\n".join(map(line, shown)) or "no alert stands")


def line(alert: dict[str, Any]) -> str:
    """One alert as a line of text."""
    since = time.strftime("%d %b %H:%M:%S", time.localtime(alert["since"]))
    who = f" by {alert['by']}" if alert["by"] else ""
    excess = f"  {words.factor(alert['worst'], alert['limit'])} x threshold" if alert["kind"] == ANOMALY else ""
    verdict = f", {alert['verdict']}" if alert["verdict"] else ""
    shelved = ", shelved" if alert["shelved_until"] else ""
    state = f"{alert['state']}{who}{verdict}{shelved}"
    return f"{since}  {alert['sensor']:<16} {alert['kind']:<8}{excess}  {state}  {alert['id']}"
