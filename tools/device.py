"""The file system of a device as a folder: `firmware/files.toml` says what goes where."""

import shutil
import tomllib
from pathlib import Path

from reedmesh.errors import ConfigError

ROOT = Path(__file__).resolve().parent.parent
LIST = ROOT / "firmware" / "files.toml"


def assemble(folder: Path) -> None:
    """Make `folder` what a device would hold; raises ConfigError naming a file of the list that is not there."""
    for there, here in tomllib.loads(LIST.read_text())["files"].items():
        target = folder / there
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            shutil.copyfile(ROOT / here, target)
        except FileNotFoundError as error:
            raise ConfigError(f'{LIST.name}: "{there}" = "{here}": there is no such file') from error
