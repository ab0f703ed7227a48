"""A target of the fuzzer, and the parts that several targets share."""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from reedmesh.errors import ConfigError
from reedmesh.identity.keys import Key
from reedmesh.inference import family
from reedmesh.protocol.wire import WireError

FEATURES, TENSORS = 6, (30, 10)
KEY = Key(bytes(range(32)))
MIB = 1 << 20
WIRE, CONFIG = (WireError,), (ConfigError,)


@dataclass(frozen=True)
class Target:
    """take: under test. refusals: what it may raise. seeds: inputs that mean something, to begin with.

    longest: bytes of an input. room: bytes it may allocate for one. weight: its share of all runs.
    """

    take: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    longest: int = 4096
    room: int = MIB
    weight: int = 10


@cache
def folder() -> Path:
    """One of this process, in memory where that can be had."""
    return Path(tempfile.mkdtemp(prefix="reedmesh-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def input_file(data: bytes) -> Path:
    """The bytes as a file."""
    path = folder() / "input"
    path.write_bytes(data)
    return path


@cache
def real_family() -> family.Family:
    """The vibration family, as it is shipped."""
    return family.load_family(family.find_family("vibration"))


def operators() -> list[bytes]:
    """One of each operator, and a family's own."""
    from tests.support import operator_models  # they write them operator by operator

    return [draw(np.random.default_rng(3)) for draw in operator_models.OPERATORS.values()]
