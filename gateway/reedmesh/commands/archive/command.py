"""`reedmesh archive put | get | list | audit | backup | paper | restore`: objects that outlive any gateway."""

import argparse
import getpass
import secrets
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.archive.paper import MOST_PLACES
from reedmesh.commands import ownership
from reedmesh.commands.archive import deletion, recovery
from reedmesh.commands.client import ask
from reedmesh.config.settings import Config, load_config
from reedmesh.errors import ConfigError
from reedmesh.protocol.shards import MAX_LENGTH

IN, OUT = "archive.in", "archive.out"  # folders in the state directory that command and gateway share
PATIENCE = 120.0  # seconds: 16 MiB go out to seven holders
HOLDER = ("holder", "offers", "uses", "shards", "audit", "passed", "failed", "")
OBJECT = ("object", "label", "owner", "kind", "bytes", "made", "coded", "may be lost")


def add(commands: Any, default: Path) -> None:
    """The command's arguments."""
    verbs = commands.add_parser("archive", help="objects that outlive any gateway: put, get, list, audit, restore")
    verbs = verbs.add_subparsers(required=True, metavar="VERB")
    put = verbs.add_parser("put", help="put a file: coded over all gateways, sealed for this one")
    put.add_argument("file", type=Path, metavar="FILE")
    put.add_argument("--label", default="", help="a name for people; default the file's")
    put.add_argument("--days", type=int, default=365, help="that it is kept, default 365; 0: without end")
    put.add_argument("--key", action="append", default=[], help="may agree to a deletion before; may be repeated")
    put.add_argument("--quorum", type=int, default=0, help="how many of these keys must agree; default all")
    put.add_argument("--public", action="store_true", help="not sealed: for recordings that are public anyway")
    put.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
    get = verbs.add_parser("get", help="write an object to a file")
    get.add_argument("object", help="its id, the begin of it, or its label")
    get.add_argument("file", type=Path, metavar="FILE")
    shown = verbs.add_parser("list", help="objects, holders, and how many of those may still be lost")
    audit = verbs.add_parser("audit", help="audit all holders now, and the next part of our own shards")
    consent = verbs.add_parser(
        "consent", help="agree, with this gateway's key, that an object is deleted: prints a line"
    )
    consent.add_argument("object", help="its id, the begin of it, or its label")
    forget = verbs.add_parser("forget", help="delete an object everywhere, as those agree whom its owner named")
    forget.add_argument("object", help="its id, the begin of it, or its label")
    forget.add_argument("lines", nargs="+", metavar="LINE", help="what `archive consent` printed on their gateways")
    backup = verbs.add_parser("backup", help="put a sealed backup of this gateway now, as the service does daily")
    paper = verbs.add_parser("paper", help="print a recovery code, and put a backup that it opens")
    paper.add_argument("--places", type=int, default=2, choices=range(1, MOST_PLACES + 1), help="neighbours it names")
    restore = verbs.add_parser("restore", help="make this empty machine the gateway that a recovery code is of")
    restore.add_argument("code", nargs="?", default="", help="rr1-...; without one it is read from the terminal")
    restore.add_argument("--older", type=int, default=0, help="take a backup that is so many older than the newest")
    runs = {
        put: _put,
        get: _get,
        consent: deletion.consent,
        forget: deletion.forget,
        shown: _list,
        audit: _audit,
        backup: _backup,
        paper: _paper,
    }
    for verb, run in (*runs.items(), (restore, recovery.restore)):
        verb.add_argument("--config", type=Path, default=default, help=f"default {default}")
        verb.set_defaults(run=run)
    restore.set_defaults(config=None, target=default)
    restore.add_argument("--to", dest="target", type=Path, help=f"where the configuration goes; default {default}")


def _put(chosen: argparse.Namespace) -> None:
    settings, content = load_config(chosen.config), _content(chosen.file)
    name = secrets.token_hex(8)
    with ownership.as_owner(Path(settings.state)):
        atomic_file.write(Path(settings.state) / IN / name, content)
    about = {"file": name, "label": (chosen.label or chosen.file.name)[:64], "days": chosen.days, "by": chosen.by}
    about |= {"keys": " ".join(chosen.key), "quorum": chosen.quorum or len(chosen.key)}
    told = _ask(settings, "archive-put", about | {"kind": "recording" if chosen.public else "file"})
    print(f"{told['id']}: {told['k']} of {told['n']} shards are enough; may be lost: {_may_lose(told['margin'])}")
    print(f"kept by {', '.join(told['holders'])}")
    for holder, why in told["refusals"].items():
        print(f"not by {holder}: {why}")


def _get(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    told = _ask(settings, "archive-get", {"object": chosen.object})
    path = Path(settings.state) / OUT / Path(told["file"]).name
    with ownership.as_owner(Path(settings.state)):
        content = atomic_file.read(path, MAX_LENGTH)
        atomic_file.remove(path)
    atomic_file.write(chosen.file.absolute(), content)
    print(f"{chosen.file}: {told['label']}, {len(content)} bytes")


def _list(chosen: argparse.Namespace) -> None:
    _show(ask(load_config(chosen.config), "archive", {}))


def _audit(chosen: argparse.Namespace) -> None:
    _show(_ask(load_config(chosen.config), "archive-audit", {}))


def _backup(chosen: argparse.Namespace) -> None:
    print(f"{_backed_up(load_config(chosen.config))}: a backup that the recovery code opens")


def _paper(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    ask(settings, "archive", {})  # a new code ends the one before, so the gateway must be there to use it
    code = recovery.new_code(settings, chosen.places)
    print(f"recovery code of gateway {settings.name}, {time.strftime('%Y-%m-%d')}; print it, and keep no copy here:\n")
    print(f"{code}\n")
    if sys.stdout.isatty():
        import segno

        segno.make(code.upper(), error="l").terminal(compact=True)
    print("codes printed before open older backups only. On an empty machine: reedmesh archive restore")
    print(f"{_backed_up(settings)}: a backup that it opens")


def _backed_up(settings: Config) -> str:
    return str(_ask(settings, "archive-backup", {})["id"])


def _ask(settings: Config, verb: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """What takes its time is asked of a gateway that was seen to answer: one that just starts may miss a request."""
    ask(settings, "archive", {})
    return ask(settings, verb, arguments, PATIENCE)


def _content(path: Path) -> bytes:
    try:
        content = path.read_bytes() if path.stat().st_size <= MAX_LENGTH else b""
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if not content:
        raise ConfigError(f"{path}: 1 byte to 16 MiB can be put")
    return content


def _show(told: dict[str, Any]) -> None:
    used = f"{told['used'] / 1e6:.1f} of {told['capacity'] / 1e6:.0f} MB kept here"
    print(f"{told['count']} objects, {used}, {told['damaged']} damaged, {told['repaired']} shards made again")
    _table(HOLDER, map(_holder, told["holders"].items()))
    _table(OBJECT, map(_object, told["objects"]))


def _holder(item: tuple[str, dict[str, Any]]) -> tuple[str, ...]:
    name, it = item
    audited = "never" if it["audited"] is None else f"{it['audited'] // 60} min ago"
    sizes = f"{it['offers'] / 1e6:.0f} MB", f"{it['used'] / 1e6:.1f} MB"
    state = "lost" if it["lost"] else "" if it["offers"] else "takes no part"
    return name, *sizes, str(it["shards"]), audited, str(it["passed"]), str(it["failed"]), state


def _object(it: dict[str, Any]) -> tuple[str, ...]:
    made = time.strftime("%Y-%m-%d %H:%M", time.localtime(it["made"]))
    coded = f"{it['k']} of {it['n']}" + (f", {it['missing']} missing" if it["missing"] else "")
    return it["id"][:12], it["label"], it["owner"], it["kind"], str(it["bytes"]), made, coded, _may_lose(it["margin"])


def _may_lose(margin: int) -> str:
    if margin < 0:
        return "cannot be read now"
    return f"any {margin} holder{'s' if margin > 1 else ''}" if margin else "none"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    for line in lines if len(lines) > 1 else ():
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
