"""How fast a payload of 1 MB is coded, and decoded with as many data shards lost as there is parity: MB/s.

Ours with numpy and, where it is found, with ISA-L; `reedsolo`, whose bytes ours are; `zfec` and `pyeclib` where they
are installed (their bytes are others); and a copy of memory as the roof: coding reads k shards and writes n - k, a copy
would read and write k. Each figure is the best of several runs on one
thread; matrices and their tables are kept between runs, as for the blocks of a payload, and as pyeclib keeps its own.

    python -m tools.bench.coding
"""

import importlib.util
import time
from collections.abc import Callable, Iterator

import numpy as np
import reedsolo

from reedmesh.coding import (
    decode,
    encode,
    kernel,
    numpy_kernel,
)
from tools.bench import report

CODES = ((10, 14), (32, 48), (100, 150), (170, 255))
NAMED = (32, 48)  # whose figures are kept
PAYLOAD = 1_000_000  # bytes
SECONDS = 0.3  # for each figure, and three runs at least
Speeds = dict[str, dict[tuple[int, int], tuple[float, float]]]  # by codec and code: encode and decode, MB/s


def best(action: Callable[[], object]) -> float:
    """Seconds of the fastest run."""
    times: list[float] = []
    while len(times) < 3 or sum(times) < SECONDS:
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def speed(size: int, coding: Callable[[], object], decoding: Callable[[], object]) -> tuple[float, float]:
    """MB/s of both."""
    return size / best(coding) / 1e6, size / best(decoding) / 1e6


def ours(multiply: kernel.Multiply, k: int, n: int, data: bytes) -> tuple[float, float]:
    """With one of the kernels."""
    kernel.multiply = multiply
    length = len(data) // k
    kept = dict(zip(range(n - k, n), encode(data, k, length, range(n - k, n)), strict=True))
    assert decode(kept, k) == data
    return speed(len(data), lambda: encode(data, k, length, range(k, n)), lambda: decode(kept, k))


def with_reedsolo(k: int, n: int, data: bytes) -> tuple[float, float]:
    """A few columns of it: it codes each alone, so its speed does not depend on how many."""
    codec = reedsolo.RSCodec(n - k, nsize=n)
    some = data[: 8 * k]
    lost = [column * n + i for column in range(8) for i in range(n - k)]
    received = codec.encode(some)
    for place in lost:
        received[place] = 0
    columns = [received[at : at + n] for at in range(0, len(received), n)]
    decoded = lambda: [codec.decode(column, erase_pos=list(range(n - k)))[0] for column in columns]  # noqa: E731
    assert b"".join(decoded()) == some
    return speed(len(some), lambda: codec.encode(some), decoded)


def with_zfec(k: int, n: int, data: bytes) -> tuple[float, float]:
    """Its decoder puts the list it is given in another order, so it gets a new one each time."""
    import zfec

    length = len(data) // k
    rows = [data[i * length : (i + 1) * length] for i in range(k)]
    parity, places = list(range(k, n)), list(range(n - k, n))
    coder, decoder = zfec.Encoder(k, n), zfec.Decoder(k, n)
    kept = coder.encode(rows, places)
    assert b"".join(decoder.decode(list(kept), list(places))) == data
    return speed(len(data), lambda: coder.encode(rows, parity), lambda: decoder.decode(list(kept), list(places)))


def with_pyeclib(k: int, n: int, data: bytes) -> tuple[float, float]:
    """Its ISA-L Cauchy code, whose fragments carry headers of 80 bytes."""
    from pyeclib.ec_iface import ECDriver

    driver = ECDriver(k=k, m=n - k, ec_type="isa_l_rs_cauchy")
    kept = driver.encode(data)[n - k :]
    assert driver.decode(kept) == data
    return speed(len(data), lambda: driver.encode(data), lambda: driver.decode(kept))


def measured() -> Iterator[tuple[str, Callable[[int, int, bytes], tuple[float, float]]]]:
    """The libraries that are installed here and can be measured."""
    chosen = kernel.multiply
    yield "ours, numpy", lambda *code: ours(numpy_kernel.multiply, *code)
    if kernel.NAME == "ISA-L":
        yield "ours, ISA-L", lambda *code: ours(chosen, *code)
    yield "reedsolo", with_reedsolo
    for name, codec in (("zfec", with_zfec), ("pyeclib", with_pyeclib)):
        if importlib.util.find_spec(name):
            yield name, codec


def copies() -> dict[str, float]:
    """MB/s of copying 1 MB, which stays in the cache, and 128 MB, which does not."""
    speeds = {}
    for name, size in (("cache", PAYLOAD), ("memory", 128_000_000)):
        source, target = np.ones(size, np.uint8), np.ones(size, np.uint8)
        speeds[name] = size / best(lambda: np.copyto(target, source)) / 1e6  # noqa: B023 - called at once
    return speeds


def show(speeds: Speeds, roof: dict[str, float]) -> None:
    """A table: encode / decode."""
    print(f"{PAYLOAD / 1e6:.0f} MB, encode / decode with n - k data shards lost, MB/s, best of several")
    print(f"{'':14}" + "".join(f"{f'{k}/{n}':>18}" for k, n in CODES))
    for name, codes in speeds.items():
        print(f"{name:14}" + "".join(f"{f'{encoded:.4g} / {decoded:.4g}':>18}" for encoded, decoded in codes.values()))
    print(f"a copy: {roof['cache']:.0f} MB/s in the cache, {roof['memory']:.0f} in memory; {report.machine()}")
    if "ours, ISA-L" not in speeds:
        print("no ISA-L here: apt install libisal2, or pip install pyeclib")


def keep(speeds: Speeds, roof: dict[str, float]) -> None:
    """The figures of one code, each with those of the others."""
    for name, kernel_name in (("ours, numpy", "numpy"), ("ours, ISA-L", "isal")):
        for i, what in enumerate(("encode", "decode")):
            if name in speeds:
                others = {other: codes[NAMED][i] for other, codes in speeds.items() if other != name}
                against = {key: round(value, 3) for key, value in others.items()} | {"memcpy": round(roof["memory"])}
                report.save(
                    f"coding_{what}_{kernel_name}_{NAMED[0]}_{NAMED[1]}", speeds[name][NAMED][i], "MB/s", against
                )


def keep_worst(speeds: Speeds) -> None:
    """The worst of our speeds with ISA-L over pyeclib's, which carries the same library, over all codes."""
    if "ours, ISA-L" in speeds and "pyeclib" in speeds:
        pairs = [zip(speeds["ours, ISA-L"][code], speeds["pyeclib"][code], strict=True) for code in CODES]
        worst = min(ours / theirs for pair in pairs for ours, theirs in pair)
        print(f"ours with ISA-L over pyeclib, at worst: {worst:.2f}")
        report.save("coding_over_pyeclib", worst, "x", {"pyeclib": 1.0})


def main() -> None:
    """Measure, show and keep."""
    roof, speeds = copies(), Speeds()
    for name, codec in measured():
        speeds[name] = {}
        for k, n in CODES:
            data = np.random.default_rng(k).bytes(PAYLOAD // (4 * k) * 4 * k)
            speeds[name][k, n] = codec(k, n, data)
    show(speeds, roof)
    keep(speeds, roof)
    keep_worst(speeds)


if __name__ == "__main__":
    main()
