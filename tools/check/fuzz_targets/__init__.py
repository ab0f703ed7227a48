"""Readers of bytes from the network or from files, as targets of `tools/check/fuzz.py` and `test_fuzz.py`.

A target takes any bytes. It may refuse them with an error that says so; anything else that comes out is a fault, and so
is more memory than it is allowed, or a hang. A file for each place that bytes come from.
"""

from contextlib import suppress

from tools.check.fuzz_targets import archive, firmware, gateway, neighbours, pages, sensors, signed
from tools.check.fuzz_targets.target import Target

TARGETS: dict[str, Target] = {
    name: target
    for source in (sensors, neighbours, signed, archive, gateway, pages, firmware)
    for name, target in source.TARGETS.items()
}


def run(target: Target, data: bytes) -> None:
    """One input; what it refuses it may refuse."""
    with suppress(*target.refusals):
        target.take(data)
