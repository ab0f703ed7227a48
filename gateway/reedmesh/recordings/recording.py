"""A recording in the neutral format: windows of machines, with labels; see models/README.md."""

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from reedmesh.errors import ConfigError

ARRAYS = ("x", "gateway", "split", "label", "rate_hz", "lsb_per_g", "names")
NORMAL, TRAIN, TEST = "normal", "train", "test"
EVERYBODY = -1  # as a gateway: the window is shown to each


@dataclass(frozen=True)
class Recording:
    """Windows of real or simulated machines.

    x: int16 [n, samples, axes], counts. gateway: int [n], which gateway took the window. split: "train" (always normal)
    or "test", [n]. label: "normal", "normal-..." (normal, but unlike training) or a fault's name, [n]. rate_hz: 0 if
    unknown. lsb_per_g: counts for a unit, 0 if unknown. names: of the gateways. origin: whose it is, for people.
    """

    x: NDArray[np.int16]
    gateway: NDArray[np.int64]
    split: NDArray[np.str_]
    label: NDArray[np.str_]
    rate_hz: float
    lsb_per_g: float
    names: tuple[str, ...]
    origin: str
    simulated: bool = False

    def windows(self, gateway: int, split: str, label: str) -> NDArray[np.int16]:
        """The windows of one gateway's machine in one condition; those marked -1 belong to every gateway."""
        mine = (self.gateway == gateway) | (self.gateway == EVERYBODY)
        found: NDArray[np.int16] = self.x[mine & (self.split == split) & (self.label == label)]
        return found

    def faults(self, gateway: int) -> list[str]:
        """Names of the faults that were recorded for a gateway."""
        mine = (self.gateway == gateway) | (self.gateway == EVERYBODY)
        return sorted({str(label) for label in self.label[mine] if not label.startswith(NORMAL)})


def is_neutral(path: Path) -> bool:
    """Whether a file is an .npz with the arrays of the neutral format."""
    try:
        with zipfile.ZipFile(path) as files:
            return {f"{name}.npy" for name in ARRAYS} <= set(files.namelist())
    except (OSError, zipfile.BadZipFile):
        return False


def load(path: Path) -> Recording:
    """Read the neutral format; raises ConfigError naming the file and what is wrong with it."""
    try:
        with np.load(path) as arrays:
            found = {name: arrays[name] for name in ARRAYS}
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
        raise ConfigError(f"{path}: cannot be read: {error}") from error
    except KeyError as error:
        raise ConfigError(f"{path}: {error}; models/README.md describes the format") from error
    x = found["x"]
    if x.dtype != np.int16 or x.ndim != 3 or any(len(found[name]) != len(x) for name in ("gateway", "split", "label")):
        raise ConfigError(f"{path}: x is {x.dtype} {x.shape}; expected int16 [n, samples, axes], one label each")
    names = tuple(machine_name(str(name)) for name in found["names"])
    rate, scale = float(found["rate_hz"]), float(found["lsb_per_g"])
    labels = np.char.lower(found["split"].astype(str)), np.char.lower(found["label"].astype(str))
    return Recording(x, found["gateway"].astype(np.int64), *labels, rate, scale, names, f"recording {path.name}")


def to_bytes(recording: Recording) -> bytes:
    """The recording as a file of the neutral format."""
    content = io.BytesIO()
    np.savez_compressed(
        content,
        x=recording.x,
        split=recording.split,
        label=recording.label,
        gateway=recording.gateway.astype(np.int8),
        rate_hz=np.float32(recording.rate_hz),
        lsb_per_g=np.float32(recording.lsb_per_g),
        names=np.array(recording.names),
    )
    return content.getvalue()


def machine_name(text: str) -> str:
    """A gateway's or sensor's name from a machine's: what topics allow."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:24] or "machine"
