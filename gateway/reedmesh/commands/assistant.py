"""`reedmesh ask | why | report | feedback`: questions in plain language to a running gateway, and feedback."""

import argparse
import getpass
import json
import os
from pathlib import Path
from typing import Any

from reedmesh.assistant.understand import LONGEST
from reedmesh.assistant.words import CODES
from reedmesh.commands.client import PATIENCE, ask
from reedmesh.config.settings import Config, load_config
from reedmesh.dashboard.ui.urls import to_alert, to_sensor
from reedmesh.errors import RefusedError

PAGES = {"overview": "/", "handover": "/handover", "learning": "/learning", "settings": "/settings"}


def add(commands: Any, default: Path) -> None:
    """Add the commands to `commands`; default: the config file's path."""
    asking = commands.add_parser("ask", help='ask the line, such as `reedmesh ask "why does press 2 alarm?"`')
    asking.add_argument("text", help=f"the question, at most {LONGEST} characters")
    _finish(asking, default, _ask)
    why = commands.add_parser("why", help="what an alert is about, what stood out, and where to look")
    why.add_argument("alert", help="its id, as `reedmesh alerts` prints it")
    _finish(why, default, _why)
    report = commands.add_parser("report", help="what happened in a shift or another time")
    report.add_argument("--shift", default="", help="8h, 2d, last-shift, yesterday ...; default: the running shift")
    _finish(report, default, _report)
    judge = commands.add_parser("feedback", help="say whether an answer about an alert helped or was wrong")
    judge.add_argument("alert", help="its id")
    judge.add_argument("answer", choices=("helped", "wrong"))
    judge.add_argument("--by", default=getpass.getuser(), help="who says so; default the user's name")
    judge.add_argument("--text", default="", help="what was wrong")
    judge.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    judge.set_defaults(run=_feedback)


def _finish(command: argparse.ArgumentParser, default: Path, run: Any) -> None:
    command.add_argument("--language", choices=CODES, default=spoken(), help="default: the terminal's, or the config's")
    command.add_argument("--json", action="store_true", help="for programs: the facts with their values")
    command.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    command.set_defaults(run=run)


def _ask(chosen: argparse.Namespace) -> None:
    if len(chosen.text) > LONGEST:
        raise RefusedError(f"a question of {len(chosen.text)} characters, at most {LONGEST} are read")
    _tell(chosen, "ask", {"text": " ".join(chosen.text.split())})


def _why(chosen: argparse.Namespace) -> None:
    _tell(chosen, "why", {"alert": chosen.alert})


def _report(chosen: argparse.Namespace) -> None:
    _tell(chosen, "report", {"period": chosen.shift})


def _tell(chosen: argparse.Namespace, verb: str, arguments: dict[str, Any]) -> None:
    config = load_config(chosen.config)
    language = {"language": chosen.language} if chosen.language else {}
    told = ask(config, verb, arguments | language, _patience(config))
    print(json.dumps(told, indent=1, ensure_ascii=False) if chosen.json else "\n".join(lines(told, config.name)))


def _feedback(chosen: argparse.Namespace) -> None:
    given = {"alert": chosen.alert, "answer": chosen.answer, "by": chosen.by, "text": chosen.text}
    ask(load_config(chosen.config), "feedback", given)
    print(f"feedback {chosen.alert}: {chosen.answer}, kept with the alert")


def _patience(config: Config) -> float:
    """Seconds to wait: longer where a model may have to be asked."""
    wanted = config.assistant
    return PATIENCE + (wanted.seconds if wanted.url or wanted.model else 0.0)


def lines(told: dict[str, Any], gateway: str) -> list[str]:
    """An answer as lines of text, and the pages of the dashboard that show the evidence."""
    pages = dict.fromkeys(filter(None, (_page(each, gateway) for each in told["facts"])))
    found = [each["text"] for each in told["facts"]]
    found += [f"  -> {page}" for page in pages]
    found += [f"(a model chose what to answer: {told['by']})"] if told["by"] != "template" else []
    return found + ([f"({told['trouble']})"] if told.get("trouble") else [])


def _page(fact: dict[str, Any], gateway: str) -> str:
    if fact.get("alert"):
        return to_alert(gateway, fact["alert"])
    return to_sensor(gateway, fact["sensor"]) if fact.get("sensor") else PAGES.get(fact.get("page", ""), "")


def spoken() -> str:
    """The language of the terminal (POSIX: LC_ALL, LC_MESSAGES, LANG), if the assistant speaks it; else ""."""
    told = next((os.environ[each] for each in ("LC_ALL", "LC_MESSAGES", "LANG") if os.environ.get(each)), "")
    return told[:2].lower() if told[:2].lower() in CODES else ""
