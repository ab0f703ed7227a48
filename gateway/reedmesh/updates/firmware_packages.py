"""The firmware a gateway holds for its sensors: packages in `<state>/firmware`, one for each kind of code.

`make update-sensors` makes them and `reedmesh update-sensors` puts them here; a running gateway sees them at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError
from reedmesh.protocol import firmware_package
from reedmesh.protocol.wire import WireError
from reedmesh.updates import firmware_signature

SUFFIX = ".parcel"


@dataclass(frozen=True)
class FirmwarePackage:
    """Firmware as sensors take it. code: such as "xtensawin-6-3". sequence: they take only higher ones than theirs."""

    payload: bytes
    code: str
    sequence: int


def pack(files: Mapping[str, bytes], sequence: int) -> bytes:
    """The package of compiled files by path; raises ConfigError when they are no firmware, or for different processors.

    sequence: 1 .. 2**32 - 1.
    """
    if wrong := [path for path, data in files.items() if not firmware_package.is_path(path) or data[:1] != b"M"]:
        raise ConfigError(f"{', '.join(wrong)}: no compiled file of a sensor's firmware")
    codes = {firmware_package.code_name(data[2], data[1]) for data in files.values() if data[2] >> 2}
    if len(codes) != 1:
        raise ConfigError(f"files for {', '.join(sorted(codes)) or 'no processor'}: one package serves one")
    head = firmware_package.pack_head(firmware_package.PackageHeader(len(files), sequence, codes.pop()))
    return head + b"".join(firmware_package.pack_entry(path, len(data)) + data for path, data in sorted(files.items()))


def unpack(payload: bytes) -> FirmwarePackage:
    """A package that was looked through, entry by entry; raises WireError."""
    head, at = firmware_package.unpack_head(payload), firmware_package.HEAD
    for _ in range(head.files):
        if at >= len(payload):
            raise WireError(f"package: {head.files} files declared, it ends before")
        _, size = firmware_package.unpack_entry(payload[at : at + firmware_package.entry_length(payload[at:])])
        at += firmware_package.entry_length(payload[at:]) + size
    if at != len(payload) or len(payload) > firmware_package.LARGEST:
        raise WireError(f"package: {len(payload)} bytes, its files need {at}; {firmware_package.LARGEST} are the most")
    return FirmwarePackage(payload, head.code, head.sequence)


def read(path: Path, signer: bytes = b"") -> FirmwarePackage:
    """The package in a file, signed with `signer` unless that is b""; raises ConfigError."""
    try:
        with path.open("rb") as file:
            data = file.read(firmware_package.LARGEST + firmware_signature.TRAILER + 1)
        return unpack(firmware_signature.checked(data, signer))
    except (OSError, WireError) as error:
        raise ConfigError(f"{path}: no firmware for sensors: {error}; `make update-sensors` makes it") from error


def put(path: Path, state: Path, signer: bytes = b"") -> FirmwarePackage:
    """Hold the package in `path` ready for the sensors of the gateway with this state directory.

    Its signature goes with it: the gateway checks again what it reads there. Raises ConfigError for what is no package,
    or not signed with `signer`, and DiskError.
    """
    taken = read(path, signer)
    atomic_file.write(state / "firmware" / (taken.code + SUFFIX), path.read_bytes())
    return taken


class PackageStore:
    """The packages in the state directory `state`, read again when one changed. signer: as of `read`."""

    def __init__(self, state: Path, signer: bytes = b"") -> None:
        self._signer = signer
        self._folder = state / "firmware"
        self._seen: dict[Path, int] = {}
        self._packages: dict[Path, FirmwarePackage] = {}

    def look(self) -> bool:
        """Whether anything is new; raises ConfigError for a file that is no package, once."""
        found = {path: path.stat().st_mtime_ns for path in self._folder.glob(f"*{SUFFIX}")}
        if found == self._seen:
            return False
        self._seen = found
        self._packages = {path: read(path, self._signer) for path in found}
        return True

    def of(self, code: object) -> FirmwarePackage | None:
        """The package for a sensor with this code; None if there is none."""
        return next((each for each in self._packages.values() if each.code == code), None)
