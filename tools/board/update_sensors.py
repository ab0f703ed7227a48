"""`make update-sensors CONFIG=/etc/reedmesh/reedmesh.toml`: the firmware here, over the air to every sensor.

Compiles it for the processors of boards/ and hands it to the gateway of that config, which gives it to one sensor after
the other and stops where it does not prove good. Without CONFIG the packages stay here, for `reedmesh update-sensors`
on the gateway. Their number is the time of the newest file in them, so that nothing that did not change is sent.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from reedmesh.config import settings
from reedmesh.config.firmware import signer_of
from reedmesh.errors import ConfigError
from reedmesh.inference import boards
from reedmesh.provisioning import device_tree, image
from reedmesh.updates import firmware_packages
from tools.checkout import ROOT

OUT = ROOT / "build" / "firmware"


def main() -> int:
    """Make packages, and hand them over; returns the exit status."""
    chosen = _arguments()
    try:
        config = settings.load_config(chosen.config) if chosen.config else None
        for architecture in chosen.architecture or architectures():
            path = save(architecture, chosen.out)
            print(f"{path}: firmware {firmware_packages.read(path).sequence}, {path.stat().st_size} bytes")
            if config:
                firmware_packages.put(path, Path(config.state), signer_of(config.firmware))
    except ConfigError as error:
        print(f"update-sensors: {error}", file=sys.stderr)
        return 2
    print(
        f"given to {chosen.config}; its sensors' states tell how it goes" if chosen.config else _what_next(chosen.out)
    )
    return 0


def architectures() -> list[str]:
    """Those of all boards."""
    return sorted({boards.load(name).architecture for name in boards.names()})


def save(architecture: str, folder: Path) -> Path:
    """Compile and pack the firmware for one architecture into `folder`; returns the file. Raises ConfigError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / (architecture + firmware_packages.SUFFIX)
    path.write_bytes(firmware_packages.pack(compiled(architecture), device_tree.sequence()))
    return path


def compiled(architecture: str) -> dict[str, bytes]:
    """The firmware's files by path, as a sensor of this architecture runs them."""
    with tempfile.TemporaryDirectory() as folder:
        device_tree.compile_into(Path(folder), architecture, leave_out=image.STARTED)
        files = (path for path in Path(folder).rglob("*.mpy"))
        return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def _what_next(folder: Path) -> str:
    return f"now on the gateway: reedmesh update-sensors {folder}/*{firmware_packages.SUFFIX}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", type=Path, help="of the gateway, if it runs on this machine")
    parser.add_argument("--architecture", action="append", help="mpy-cross -march; default: those of all boards")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of the packages, default build/firmware")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
