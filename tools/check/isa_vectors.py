"""Random calls of the firmware's kernels with their right results, calculated in Python's integers."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from struct import pack, unpack

from reedmesh.provisioning import device_tree
from tools.check import isa_vectors_kept as kept
from tools.check.isa import Argument, Block, Program
from tools.check.isa_reference import LIMIT, Vector, scaled, words


def data(rng: Random, count: int) -> bytes:
    """Random bytes, the extremes among them."""
    return bytes(rng.choice((0, 1, 127, 128, 255, rng.randrange(256))) for _ in range(count))


def multiply(rng: Random) -> Vector:
    """tflite/dot: rows of products."""
    n, rows, offset = rng.randrange(1, 70), rng.randrange(1, 5), rng.randrange(1000)
    u, w, starts = data(rng, n + 3), data(rng, n * rows), [LIMIT + rng.randrange(-99999, 99999) for _ in range(rows)]
    sums = [starts[row] - offset + sum(u[3 + i] * (w[row * n + i] ^ 128) for i in range(n)) for row in range(rows)]
    out = Block(bytes(4 * rows))
    call: list[Argument] = [Block(u), Block(w), 3, n, out, Block(words(starts)), 0, rows, offset]
    return Vector(("multiply", call), None, ((out, words(sums)),))


def row_sum(rng: Random) -> Vector:
    """tflite/dot."""
    w, n = data(rng, 40), rng.randrange(1, 30)
    return Vector(("row_sum", (Block(w), 7, n)), sum(each ^ 128 for each in w[7 : 7 + n]))


def total(rng: Random) -> Vector:
    """tflite/dot."""
    u, n = data(rng, 60), rng.randrange(1, 50)
    return Vector(("total", (Block(u), 5, n)), sum(u[5 : 5 + n]))


def accumulate(rng: Random) -> Vector:
    """tflite/depthwise_conv_2d: taps of all channels."""
    channels, taps = rng.randrange(1, 20), rng.randrange(1, 10)
    u, w = data(rng, channels * (taps + 3)), data(rng, channels * taps)
    places = [channels * rng.randrange(taps + 2) for _ in range(taps)]
    sums = [LIMIT + rng.randrange(-9999, 9999) for _ in range(channels)]
    head = [channels, taps, 0, 4, *places, *([0] * taps)]
    block = Block(words([*head, *sums]))
    for tap, place in enumerate(places):
        for c in range(channels):
            sums[c] += ((w[tap * channels + c] ^ 128) - 128) * u[place + c]
    return Vector(("accumulate", (Block(u), Block(w), block)), None, ((block, words([*head, *sums])),))


def requantise(rng: Random) -> Vector:
    """tflite/multiplier: MultiplyByQuantizedMultiplier of kernels/internal/common.cc, and the clamp."""
    rows, zero = rng.randrange(1, 6), rng.randrange(256)
    bits, power = rng.randrange(1 << 30, 1 << 31), rng.randrange(-20, 4)
    values = [rng.choice((rng.randrange(-(1 << 20), 1 << 20), rng.randrange(-(1 << 27), 1 << 27))) for _ in range(rows)]
    factor = pack("<4H", bits & 0xFFFF, bits >> 16, max(power, 0), max(-power, 0))
    out, sums = Block(bytes(rows)), Block(words([LIMIT + value for value in values]))
    starts = words([LIMIT + i for i in range(rows)])
    call: list[Argument] = [sums, Block(factor), Block(starts), out, 0, rows, 0, zero, 3, 250]
    expected = bytes(min(max(scaled(value, bits, power) + zero, 3), 250) for value in values)
    return Vector(("requantise", call), None, ((out, expected), (sums, starts)))


def scale(rng: Random) -> Vector:
    """score: features to eighths of a standard deviation."""
    n = rng.randrange(1, 70)
    x, z = data(rng, n), Block(bytes(n))
    means = [rng.randrange(-2048, 2048) for _ in range(n)]
    gains = [rng.choice((1, 16384, rng.randrange(1, 16385))) for _ in range(n)]
    call = Block(x), z, Block(pack(f"<{n}H", *(m + 32768 for m in means))), Block(pack(f"<{n}H", *gains)), n
    said = [
        min(max(((unpack("b", x[i : i + 1])[0] << 4) - means[i]) * gains[i] + 16384 >> 15, -128), 127) for i in range(n)
    ]
    return Vector(("scale", call), None, ((z, pack(f"{n}b", *said)),))


def distance(rng: Random) -> Vector:
    """score: the sum of squared differences of int8."""
    n = rng.randrange(1, 512)
    z, y = data(rng, n), data(rng, n)
    differences = (a - b for a, b in zip(unpack(f"{n}b", z), unpack(f"{n}b", y), strict=True))
    return Vector(("distance", (Block(z), Block(y), n)), sum(each * each for each in differences))


def clipped(rng: Random) -> Vector:
    """reading: readings at an end of the range."""
    limit, n = rng.choice((511, 2047, 4095, 32767)), rng.randrange(1, 90)
    values = [rng.choice((limit, -limit - 1, limit - 1, 1 - limit, 0)) for _ in range(n)]
    count = sum(value >= limit or value <= -limit - 1 for value in values)
    return Vector(("clipped", (Block(pack(f"<{n}h", *values)), n, limit)), count)


def products(rng: Random) -> Vector:
    """ota/gf256_kernels: a table of products in GF(256)."""
    factor, table = rng.randrange(1, 256), Block(bytes(256))
    return Vector(("products", (table, factor)), None, ((table, bytes(_gf(factor, each) for each in range(256))),))


def add_products(rng: Random) -> Vector:
    """ota/gf256_kernels: a shard times a factor, added to another."""
    factor, n = rng.randrange(1, 256), 4 * rng.randrange(1, 20)
    to, other, table = data(rng, n + 4), data(rng, n + 2), bytes(_gf(factor, each) for each in range(256))
    block = Block(to)
    expected = to[:4] + bytes(to[4 + i] ^ table[other[2 + i]] for i in range(n))
    return Vector(("add_products", (block, Block(other), Block(table), 4, 2, n)), None, ((block, expected),))


def _gf(a: int, b: int) -> int:
    out = 0
    while b:
        out ^= a if b & 1 else 0
        a = a << 1 ^ (0x11D if a & 128 else 0)
        b >>= 1
    return out


# By file of the firmware: its kernels in the order of the file, and what draws a call of each that is tested.
KERNELS: dict[str, tuple[tuple[str, ...], tuple[Callable[[Random], Vector], ...]]] = {
    "tflite/dot": (("row_sum", "total", "multiply"), (row_sum, total, multiply)),
    "tflite/depthwise_conv_2d": (("column_sum", "accumulate"), (accumulate,)),
    "tflite/multiplier": (("requantise",), (requantise,)),
    "recurrent/to_int16": (("to_int16",), (kept.to_int16,)),
    "recurrent/svdf": (("forget", "respond"), (kept.forget, kept.respond)),
    "recurrent/cells": (("curve", "update", "emit"), (kept.curve, kept.update, kept.emit)),
    "score": (("scale", "distance"), (scale, distance)),
    "reading": (("clipped",), (clipped,)),
    "ota/gf256_kernels": (("log_product", "products", "add_products", "multiply"), (products, add_products)),
}


def drawn(file: str, seed: int, each: int) -> Iterator[Vector]:
    """`each` calls of every kernel of a file that is tested."""
    rng = Random(f"{file} {seed}")
    for draw in KERNELS[file][1]:
        for _ in range(each):
            yield draw(rng)


def per_product(folder: Path, architecture: str) -> float:
    """Instructions executed for a product of a dense layer of 256 inputs: eight rows more, without what is around."""
    device_tree.compile_into(folder, architecture, ("tflite/dot.py",))
    program = Program(folder / "tflite" / "dot.mpy", KERNELS["tflite/dot"][0], architecture)
    counted = []
    for rows in (8, 16):
        blocks = Block(bytes(256)), Block(bytes(256 * rows)), Block(bytes(4 * rows))
        u, w, sums = blocks
        counted.append(program.run([("multiply", (u, w, 0, 256, sums, sums, 0, rows, 0))], count=True)[1])
    return (counted[1] - counted[0]) / (8 * 256)
