"""Reference pages from the code: commands from the parser, settings from the schema, requests from docstrings."""

import argparse
import inspect
import json
import re
from collections.abc import Iterator
from typing import Any

from reedmesh.commands.parser import build, commands_of
from reedmesh.config.json_schema import of
from reedmesh.config.settings import Config
from reedmesh.service.recorder import Recorder
from reedmesh.service.requests import server
from reedmesh.service.requests.joining import Joining
from reedmesh.service.requests.pool_requests import PoolRequests
from reedmesh.service.requests.questions import Questions
from reedmesh.service.requests.verbs import VERBS
from reedmesh.service.state_publisher import StatePublisher
from tools.checkout import ROOT

ADDED = {  # verbs that parts of the gateway answer, beside those of VERBS
    "ask": Questions.ask, "why": Questions.why, "report": Questions.report,
    "join": Joining.join, "invitation": Joining.pending, "test-alert": StatePublisher.test_alert,
    "record": Recorder.record, "stop-recording": Recorder.stop, "recordings": Recorder.listed,
    "jobs": PoolRequests.jobs, "borrow": PoolRequests.borrow, "borrowed": PoolRequests.borrowed,
}  # fmt: skip
FACTS = {
    "config": "{}: the settings, without secrets.",
    "status": "{}: how gateway, sensors and alerts are.",
    "learning": "{}: how learning with the neighbours goes.",
}


def pages() -> dict[str, str]:
    """Name of each page -> its Markdown."""
    return {"commands.md": commands(), "settings.md": settings(), "requests.md": requests()}


def commands() -> str:
    """All commands with their options."""
    lines = ["# Commands", "", "Made from the parser. `reedmesh COMMAND --help` prints the same.", ""]
    return "\n".join([*lines, *_commands(build(), 2)]) + "\n"


def _commands(parser: argparse.ArgumentParser, level: int) -> Iterator[str]:
    for name, command in commands_of(parser).items():
        yield f"{'#' * level} {command.prog}\n"
        yield f"{_plain(_summary(parser, name))}\n"
        rows = [_row(each) for each in command._actions if not isinstance(each, _HIDDEN)]
        if rows:
            yield "\n".join(["| argument | meaning |", "|---|---|", *rows]) + "\n"
        yield from _commands(command, level + 1)


_HIDDEN = (argparse._HelpAction, argparse._SubParsersAction)


def _row(action: argparse.Action) -> str:
    names = ", ".join(f"`{name}`" for name in action.option_strings) or f"`{action.metavar or action.dest}`"
    return f"| {names} | {_plain(action.help or '')} |"


def _summary(parser: argparse.ArgumentParser, name: str) -> str:
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    return next((each.help or "" for each in groups[0]._choices_actions if each.dest == name), "")


def settings() -> str:
    """All settings: the example file, and a table from the schema."""
    example = (ROOT / "gateway" / "reedmesh.example.toml").read_text()
    schema = of(Config)
    rows = [f"| `{key}` | {kind} | {default} |" for key, kind, default in _keys(schema, schema, "")]
    text = "Made from the code. `reedmesh check-config` finds faults, `reedmesh config-schema` prints the JSON schema."
    table = ["| key | kind | default |", "|---|---|---|", *rows]
    return "\n".join(["# Settings", "", text, "", "```toml", example.rstrip(), "```", "", *table]) + "\n"


def _keys(table: dict[str, Any], root: dict[str, Any], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in table.get("properties", {}).items():
        inner = field.get("items", field)
        if "$ref" in inner:
            inner = root["$defs"][inner["$ref"].rsplit("/", 1)[1]]
        if inner.get("properties"):
            mark = "[]" if field.get("type") == "array" else ""
            yield from _keys(inner, root, f"{prefix}{name}{mark}.")
            continue
        kind = field.get("type", "one of several kinds")
        bounds = [f"{word} {field[key]}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in field]
        default = f"`{json.dumps(field['default'])}`" if "default" in field else ""
        yield f"{prefix}{name}", " ".join([kind if isinstance(kind, str) else " or ".join(kind), *bounds]), default


def requests() -> str:
    """All requests that a gateway answers."""
    assert server.MODULES  # importing them fills VERBS
    told = {name: _first(function) for name, function in {**VERBS, **ADDED}.items()} | FACTS
    rows = []
    for name, text in sorted(told.items()):
        arguments, _, meaning = text.partition("}: ")
        rows.append(f"| `{name}` | `{arguments}}}` | {_plain(meaning)} |")
    lines = [
        "# Requests", "",
        "A request is JSON on `reedmesh/<gateway>/request/<verb>`, the answer on `reedmesh/<gateway>/response/<verb>`.",
        "",
        "```json", '{"alert": "press3-18f2", "by": "Ana", "transaction": "7"}',
        '{"status": "ok", "data": {}, "transaction": "7"}',
        '{"status": "error", "error": "...", "transaction": "7"}', "```", "",
        "Made from the code. An argument with `?` may be left out; `by` is who does it.", "",
        "| verb | arguments | what it does |", "|---|---|---|", *rows,
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def _first(function: Any) -> str:
    """The first paragraph of its docstring, from its arguments in braces on."""
    text = " ".join((inspect.getdoc(function) or "").split("\n\n")[0].split())
    return text if re.match(r"\{.*?\}: ", text) else f"{{}}: {text}"


def _plain(text: str) -> str:
    return text.replace("|", "\\|").replace("%%", "%").replace("<", "&lt;").replace("\n", " ")
