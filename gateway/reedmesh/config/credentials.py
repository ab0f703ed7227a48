"""Secrets that do not stand in the settings: files that systemd hands to the service, or that lie beside the settings.

The unit has `LoadCredential=reedmesh:/etc/reedmesh/credentials`, so that /etc/reedmesh/credentials/neighbour.hall2,
readable by root alone, is what $CREDENTIALS_DIRECTORY/reedmesh_neighbour.hall2 shows the gateway.
"""

import os
from pathlib import Path

from reedmesh.errors import ConfigError

FOLDER, PREFIX = "credentials", "reedmesh_"
LONGEST = 4096  # bytes


def find(name: str, settings: Path) -> str:
    """The secret `name` of the gateway with that settings file, "" if there is none; raises ConfigError."""
    handed = os.environ.get("CREDENTIALS_DIRECTORY", "")
    places = [Path(handed) / f"{PREFIX}{name}"] if handed else []
    for path in (*places, settings.parent / FOLDER / name):
        try:
            with path.open() as file:
                return file.read(LONGEST).strip()
        except (FileNotFoundError, PermissionError):  # root's folder is closed to the gateway, which was handed them
            continue
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from error
    return ""
