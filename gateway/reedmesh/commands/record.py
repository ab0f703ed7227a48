"""`reedmesh record SENSOR --minutes 10 --label TEXT` and `reedmesh export`: windows under a label, as files."""

import argparse
import getpass
import time
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.commands.client import ask
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError
from reedmesh.recordings import export

FOLDER = "recordings"
LOOK = 2.0  # seconds between two looks whether it is over


def add(commands: Any, default: Path) -> None:
    """Add the commands to `commands`."""
    record = commands.add_parser("record", help="record a sensor's windows under a label; they stay on this gateway")
    record.add_argument("sensor", help="its name")
    record.add_argument("--minutes", type=float, default=10.0, help="default 10, at most 1440")
    record.add_argument("--label", default="normal", help='what it does meanwhile: normal, "bearing worn"')
    record.add_argument("--stop", action="store_true", help="end the recording that runs")
    record.add_argument("--no-wait", dest="wait", action="store_false", help="do not wait until it is over")
    record.add_argument("--by", default=getpass.getuser(), help="who does it; default the user's name")
    record.set_defaults(run=_record)
    out = commands.add_parser("export", help="list recordings, or write one as CSV, WAV or NumPy file")
    out.add_argument("name", nargs="?", help="of a recording, or a file in the neutral format; none: the list")
    out.add_argument("--out", type=Path, help="the file to write: .csv, .npz, or .wav for readings")
    out.add_argument("--label", default="", help="only windows of this label, of a file in the neutral format")
    out.set_defaults(run=_export)
    for command in (record, out):
        command.add_argument("--config", type=Path, default=default, help=f"default {default}")


def _record(chosen: argparse.Namespace) -> None:
    settings = load_config(chosen.config)
    if chosen.stop:
        span = ask(settings, "stop-recording", {"sensor": chosen.sensor, "by": chosen.by})
        print(f"{span['name']}: ends now; `reedmesh export {span['name']} --out FILE.csv` writes it")
        return
    about = {"sensor": chosen.sensor, "minutes": chosen.minutes, "label": chosen.label, "by": chosen.by}
    span = ask(settings, "record", about)
    print(f"{span['name']}: records until {_at(span['until'])}, shown on the sensor's page", flush=True)
    while chosen.wait:
        time.sleep(LOOK)
        found = {each["name"]: each for each in ask(settings, "recordings", {})["recordings"]}
        if (count := found[span["name"]]["windows"]) >= 0:
            print(f"{count} windows; `reedmesh export {span['name']} --out FILE.csv` writes them")
            return


def _export(chosen: argparse.Namespace) -> None:
    if not chosen.name:
        found = ask(load_config(chosen.config), "recordings", {})["recordings"]
        print("\n".join(map(_line, found)) or "no recordings yet: reedmesh record SENSOR --minutes 10 --label TEXT")
        return
    if not chosen.out:
        raise ConfigError("--out says where to: FILE.csv, FILE.npz or FILE.wav")
    path = Path(chosen.name)
    if not path.is_file():
        path = Path(load_config(chosen.config).state) / FOLDER / f"{chosen.name}.npz"
    if not path.is_file():
        raise ConfigError(f"{chosen.name}: no such recording; `reedmesh export` lists them")
    content, told = export.exported(path, chosen.out.suffix, chosen.label)
    atomic_file.write(chosen.out.absolute(), content, 0o644)
    print(f"wrote {chosen.out}: {told}")


def _line(span: dict[str, Any]) -> str:
    count = f"{span['windows']} windows" if span["windows"] >= 0 else f"until {_at(span['until'])}"
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(span["since"]))
    return f"{span['name']:<44} {since}  {count}  {span['label']}"


def _at(seconds: float) -> str:
    return time.strftime("%H:%M", time.localtime(seconds))
