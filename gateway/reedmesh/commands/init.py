"""`reedmesh init`: five questions, whose answers become a config that `check-config` calls good; and the schema."""

import argparse
import json
import re
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.commands import doctor
from reedmesh.config.json_schema import of
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError
from reedmesh.inference.family import find_family
from reedmesh.protocol import wire

TRIES = 3  # answers to a question
YES, NO = ("y", "yes"), ("n", "no", "")


@dataclass(frozen=True)
class Question:
    """key: the option's name. check: raises ConfigError for an answer that will not do."""

    key: str
    text: str
    default: str
    check: Callable[[str], object]


def add(commands: Any, default: Path) -> None:
    """The commands' arguments."""
    make = commands.add_parser("init", help="write a config file from five questions, or from options")
    make.add_argument("config", nargs="?", type=Path, default=default, help=f"default {default}")
    for question in questions():
        make.add_argument(f"--{question.key}", help=f"{question.text} [{question.default or 'none'}]")
    make.add_argument("--force", action="store_true", help="write over a file that is there")
    make.set_defaults(run=_init)
    schema = commands.add_parser("config-schema", help="print the JSON schema of config files, for editors")
    schema.set_defaults(run=lambda _: print(json.dumps(of(Config), indent=1)))


def questions() -> list[Question]:
    """The questions without whose answers a gateway cannot run."""
    name = re.sub("[^a-z0-9_-]", "-", socket.gethostname().lower())[:32] or "gateway"
    return [
        Question("name", "the gateway's name, which becomes part of topics", name, _name),
        Question("state", "the folder of its database and keys", "/var/lib/reedmesh", _folder),
        Question("family", "what its machines are judged by", "vibration", find_family),
        Question("embedded", "run a broker of its own (no: mosquitto on this machine)?", "no", _yes_or_no),
        Question("notify", "whom alerts call, as an Apprise URL", "", _url),
    ]


def _init(chosen: argparse.Namespace) -> None:
    if chosen.config.exists() and not chosen.force:
        raise ConfigError(f"{chosen.config}: is there already; --force writes over it")
    told = {question.key: _answer(question, getattr(chosen, question.key)) for question in questions()}
    atomic_file.write(chosen.config.absolute(), text(told).encode(), 0o640)
    if faults := doctor.faults(chosen.config):
        raise ConfigError("\n".join(("written, and not good yet:", *faults)))
    print(f"wrote {chosen.config}: good. Next: reedmesh run {chosen.config}")


def text(told: dict[str, str]) -> str:
    """The file: what was answered, and the way to the rest."""
    embedded = told["embedded"].lower() in YES
    lines = [
        "# reedmesh.example.toml shows every setting with its default; `reedmesh check-config` says what is wrong.",
        *(f"{key} = {json.dumps(told[key])}" for key in ("name", "state", "family")),
        "\n[broker]",
        f"embedded = {str(embedded).lower()}",
    ]
    return (
        "\n".join([*lines, *([f"\n[notify]\nurls = [{json.dumps(told['notify'])}]"] if told["notify"] else [])]) + "\n"
    )


def _answer(question: Question, given: str | None) -> str:
    """An option's value, else what somebody at a terminal says, else the default; raises ConfigError if it is wrong."""
    if given is not None or not sys.stdin.isatty():
        answer = question.default if given is None else given
        question.check(answer)
        return answer
    for left in reversed(range(TRIES)):
        answer = input(f"{question.text} [{question.default or 'none'}]: ").strip() or question.default
        try:
            question.check(answer)
        except ConfigError as error:
            if not left:
                raise
            print(f"  {error}")
        else:
            return answer
    raise AssertionError("the last wrong answer was raised")


def _name(answer: str) -> None:
    if not wire.is_name(answer):
        raise ConfigError(f"name {answer!r}: 1 to 32 of a-z 0-9 _ -")


def _folder(answer: str) -> None:
    if not Path(answer).is_absolute():
        raise ConfigError(f"state {answer!r}: a folder from the root, such as /var/lib/reedmesh")


def _yes_or_no(answer: str) -> None:
    if answer.lower() not in (*YES, *NO):
        raise ConfigError(f"embedded {answer!r}: yes or no")


def _url(answer: str) -> None:
    if answer and "://" not in answer:
        raise ConfigError(f"notify {answer!r}: a URL such as mailto://user:password@example.org")
