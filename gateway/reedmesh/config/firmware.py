"""The settings of sensors' firmware: whose packages a gateway takes."""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Firmware:
    """Packages of firmware that sensors are offered."""

    signer: str = (
        ""  # public key of `reedmesh release new-key`, 64 hexadecimal digits; set: no other package is offered
    )


def firmware_faults(firmware: Firmware) -> list[str]:
    """Contradictions in `[firmware]`, one sentence each."""
    known = re.fullmatch("([0-9a-f]{64})?", firmware.signer)
    return [] if known else ["firmware.signer: 64 of 0-9 a-f, as `reedmesh release new-key` prints them"]


def signer_of(firmware: Firmware) -> bytes:
    """The key that must have signed a package; b"": any, or none."""
    return bytes.fromhex(firmware.signer)
