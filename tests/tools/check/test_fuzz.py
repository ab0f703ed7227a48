"""A slice of `make fuzz`, the same every time: what reads bytes refuses what it cannot use, and allocates little.

What fuzzing found stands in FOUND, for good.
"""

import tracemalloc
from collections.abc import Iterator
from functools import cache
from random import Random

import pytest

from tests.firmware.tflite.test_refusals import drawn
from tools.check import fuzz_targets
from tools.check.fuzz_targets import TARGETS, Target

INPUTS = 60  # of each target, times its weight up to 10
ODD = [0, 1, 2, 4, 16, 127, 128, 254, 255]

# What once ended a target by something else than a refusal: target, input.
FOUND = [
    ("package", b"\x01\0\x02\0\x07\0\0\0xtensawin-7-3".ljust(32, b"\0") + b"\1\0\2\x08"),  # an entry cut in its head
    ("model", drawn("DEPTHWISE_CONV_2D", ("graph.tensors[1].shape", [4]))),  # weights of one dimension
    (
        "model on a sensor",
        drawn("CONCATENATION", ("graph.tensors[graph.outputs[0]].shape", [])),
    ),  # joined along no axis
    ("password hash", b"scrypt$15$8$1$" + b"A" * 21 + b"=$" + b"A" * 43 + b"="),  # no base64
]


def mutated(seeds: list[bytes], longest: int, random: Random) -> bytes:
    """A seed with a few wounds, or spliced with another."""
    data = bytearray(random.choice(seeds))
    for _ in range(random.randint(1, 5)):
        at, size = random.randrange(len(data) + 1), random.choice((1, 1, 2, 4, 30))
        kind = random.randrange(7)
        if kind == 0:
            data[at : at + size] = b""
        elif kind == 1:
            data[at:at] = random.randbytes(size)
        elif kind == 2:
            data[at : at + size] = bytes([random.choice(ODD)]) * size
        elif kind == 3:
            del data[at:]
        elif kind == 4:
            data[at:] = random.choice(seeds)[at:]
        elif kind == 5:
            data[at:at] = data[at : at + size] * random.choice((1, 2, 50))
        elif at < len(data):
            data[at] ^= 1 << random.randrange(8)
    return bytes(data[:longest])


def inputs(name: str, target: Target) -> Iterator[bytes]:
    """The same every time."""
    random, seeds = Random(name), target.seeds()
    yield from seeds
    for _ in range(INPUTS * min(target.weight, 10)):
        yield mutated(seeds, target.longest, random)


def peak(target: Target, data: bytes) -> int:
    """Bytes allocated at the most while `data` is taken."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    fuzz_targets.run(target, data)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.usefixtures("traced")
def test_whatever_comes_is_taken_or_refused_within_bounds(name: str) -> None:
    target = TARGETS[name]
    for seed in target.seeds():
        fuzz_targets.run(target, seed)  # what is loaded late, once
    for data in inputs(name, target):
        try:
            assert peak(target, data) <= target.room, data.hex()
        except Exception as fault:
            raise AssertionError(f"{name}: {data.hex()}") from fault


@pytest.mark.parametrize("name", TARGETS)
def test_something_of_every_target_is_taken(name: str) -> None:
    assert any(_is_taken(TARGETS[name], seed) for seed in TARGETS[name].seeds())


def _is_taken(target: Target, data: bytes) -> bool:
    try:
        target.take(data)
    except target.refusals:
        return False
    return True


@pytest.mark.parametrize(("name", "data"), FOUND)
def test_what_was_found_once_does_no_harm(name: str, data: bytes) -> None:
    fuzz_targets.run(TARGETS[name], data)


@cache
def _leaky() -> Target:
    return Target(lambda data: bytes(1000 * data[0]), (IndexError,), lambda: [b"\0"])


@pytest.mark.usefixtures("traced")
def test_a_parser_that_believes_a_length_or_lets_an_error_through_would_be_seen() -> None:
    assert max(peak(_leaky(), each) for each in inputs("leaky", _leaky())) > 100_000
    careless = Target(lambda data: b"abc"[data[0]], (), lambda: [b"\0"])
    with pytest.raises(IndexError):
        for each in inputs("careless", careless):
            fuzz_targets.run(careless, each)
