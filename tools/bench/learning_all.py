"""All that learning together must show, on each of some recordings: three seeds, the mean and the worst.

    python -m tools.bench.learning_all esp32_fan/windows.npz actuators6/windows.npz

Beside what `tools/bench/learning.py` compares: a tenth of each change told; a third of all shards lost; one liar of
eight; a gateway killed in a round; a newcomer with few windows; a machine that was moved; and the cost of a gateway
among 64.
"""

import argparse
import asyncio
import logging
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from reedmesh.alerts.debounce import Watcher
from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.inference.family import Family
from reedmesh.learning.trainer import Trainer
from tools.bench import learning as bench_learn
from tools.bench import report
from tools.bench.detect import in_alert
from tools.bench.learning import Outcome, played, world
from tools.simulate.liars import LIES
from tools.simulate.machines import MachineData, SimulatedLine
from tools.simulate.neighbourhood import Setting, joined, neighbourhood

ROUNDS = 10
SEEDS = (1, 2, 3)
FEW = 40  # windows of a newcomer: less than a minute, on the fan
MOVED = 60  # windows after which somebody says that it is no fault
RELEARNT = 120  # windows that a machine is learnt anew from


def main() -> int:
    """Print everything; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", help="recordings in the neutral format (.npz)")
    logging.disable(logging.WARNING)  # every refusal is logged, and here they are meant
    print(report.machine())
    try:
        for data in parser.parse_args().data:
            for line in _report(data):
                print(line, flush=True)
    except ReedmeshError as error:
        print(f"bench_learn_all: {error}", file=sys.stderr)
        return 2
    return 0


def _report(data: str) -> Iterator[str]:
    family, at = world(data)
    name = Path(data).parent.name or data
    outcomes = [bench_learn.compare(family, at, Setting(seed=seed), ROUNDS) for seed in SEEDS]
    told = bench_learn.summary(family, outcomes)
    bench_learn.keep(name, told)
    yield f"\n{name}, {len(at)} gateways, {ROUNDS} rounds, seeds {SEEDS}\n{bench_learn.table(outcomes)}"
    yield bench_learn.lines(told, outcomes)
    yield from _narrow(family, at, told["bytes"]["float32"])
    yield from _lossy(family, at)
    yield from _lies(world(data, 8))
    yield _killed(family, at)
    yield from _newcomers(family, at)
    yield from _moved(family, at)
    yield from _many(data)
    yield _steps(family)


def _against(label: str, one: list[float], other: list[float], names: tuple[str, str]) -> str:
    """Two ways on the same seeds, and what the second costs."""
    costs = np.array(one) - np.array(other)
    means = f"{names[0]} {np.mean(one):.4f}, {names[1]} {np.mean(other):.4f}"
    return f"{label}: AUC {means}: costs {costs.mean():.4f}, at worst {costs.max():.4f}"


def _areas(family: Family, at: list[MachineData], **settings: object) -> list[float]:
    return [asyncio.run(played(family, at, replace(Setting(seed=seed), **settings), ROUNDS)) for seed in SEEDS]  # type: ignore[arg-type]


def _narrow(family: Family, at: list[MachineData], whole: float) -> Iterator[str]:
    full = _areas(family, at)
    for profile in ("narrow25", "narrow10"):
        yield _against(profile, full, _areas(family, at, profile=profile), ("full", profile))
        sizes = [asyncio.run(_bytes(family, at, Setting(profile=profile, seed=seed))) for seed in SEEDS]
        first, later = np.mean(sizes, axis=0)
        yield f"{profile}: {later:.0f} bytes a delta, 1/{whole / later:.1f} of float32; the first update {first:.0f}"
    report.save("learn_bytes_ratio", whole / later, "times fewer than float32, narrow10")


async def _bytes(family: Family, at: list[MachineData], setting: Setting) -> tuple[float, float]:
    """Bytes of a first update, and of a later one."""
    async with neighbourhood(family, [[place] for place in at], setting) as it:
        sizes = [it.payload_bytes / len(at) async for _ in it.rounds(ROUNDS)]
    return sizes[0], (sizes[-1] - sizes[0]) / (ROUNDS - 1)


def _lossy(family: Family, at: list[MachineData]) -> Iterator[str]:
    for profile in ("full", "narrow10"):
        whole, lossy = (_areas(family, at, profile=profile, loss=loss) for loss in (0.0, 0.3))
        yield _against(f"30 % of shards lost, {profile}", whole, lossy, ("none lost", "lost"))


def _lies(eight: tuple[Family, list[MachineData]]) -> Iterator[str]:
    honest = _areas(*eight)
    worst: dict[str, float] = {}
    for lie in LIES:
        lied = _areas(*eight, liars={0: lie})
        mean = _areas(*eight, liars={0: lie}, robust=False)
        yield _against(f"1 liar of 8, {lie}", honest, lied, ("without", "with")) + f"; a plain mean {np.mean(mean):.4f}"
        cost = float(np.mean(honest) - np.mean(lied))
        if not worst or cost > worst["cost"]:
            worst = {"cost": cost, "mean": float(np.mean(honest) - np.mean(mean))}
    report.save("learn_liar_cost", worst["cost"], "AUC, the worst lie", {"plain mean": worst["mean"]})


def _killed(family: Family, at: list[MachineData]) -> str:
    patience = 2.0

    async def story() -> tuple[float, float]:
        setting = Setting(silent={0: 3}, patience=patience)
        async with neighbourhood(family, [[place] for place in at], setting) as it:
            async for _ in it.rounds(7):
                pass
            return max(it.seconds[2]), max(it.seconds[-1])

    first, later = asyncio.run(story())
    return (
        f"a gateway killed in round 3, deadline {patience:.1f} s: that round took {first:.2f} s, round 7 {later:.2f} s"
    )


def _newcomers(family: Family, at: list[MachineData]) -> Iterator[str]:
    """Each machine in turn comes last, with few windows: alone, and from its neighbours' snapshots."""
    areas: dict[str, list[tuple[float, float]]] = {"alone": [], "joined": []}
    for place in at:
        few = replace(place, learn=place.learn[:FEW])
        others = [other for other in at if other is not place]
        for seed in SEEDS:
            lines = {"alone": asyncio.run(_alone(family, few, seed))}
            lines["joined"] = asyncio.run(joined(family, others, few, ROUNDS, seed))
            for way, site in lines.items():
                outcome = Outcome()
                bench_learn.judge(outcome, way, [site])
                areas[way].append((outcome.area(way), outcome.false(way)))
    for way, found in areas.items():
        each = np.array(found).reshape(len(at), len(SEEDS), 2)
        machines = ", ".join(f"{place.name} {row[:, 0].mean():.4f}" for place, row in zip(at, each, strict=True))
        far = f"false alarms {each[..., 1].mean():.1%}, at most {each[..., 1].max():.1%}"
        yield f"newcomer with {FEW} windows, {way}: AUC {each[..., 0].mean():.4f} ({machines}), {far}"


async def _alone(family: Family, place: MachineData, seed: int) -> SimulatedLine:
    async with neighbourhood(family, [[place]], Setting(seed=seed)) as it:
        await it.play()
        return it.lines[0]


def _moved(family: Family, at: list[MachineData]) -> Iterator[str]:
    """A machine whose sensor was moved: whenever an alert has stood for a while, somebody says that it is no fault."""
    for place in at:
        if "normal-moved" in place.tests:
            yield from asyncio.run(_supervised(family, place, MOVED, anew=False))
            yield from asyncio.run(_supervised(family, place, RELEARNT, anew=True))


async def _supervised(family: Family, place: MachineData, windows: int, anew: bool) -> list[str]:
    """What came of each saying. windows: that are heard before; anew: the machine is learnt from them alone."""
    moved, called, at, lines = place.tests["normal-moved"], [], 0, []
    async with neighbourhood(family, [[place]], Setting()) as it:
        site = it.lines[0]
        await it.play()
        while (raised := _raised(site, place.name, at)) is not None and raised + windows < len(moved):
            at = raised + windows
            called.append(moved[raised:at])
            site.called_normal[place.name] = called[-1:] if anew else [place.learn, *called]
            await it.play()
            lines.append(_after(site, place.name, at, "relearn" if anew else "not a fault"))
    return lines


def _after(site: SimulatedLine, name: str, at: int, way: str) -> str:
    """Until the next alert, and of the fault."""
    scores, threshold = site.scores(name)
    until = _raised(site, name, at) or len(scores["normal-moved"])
    over = float((scores["normal-moved"][at:until] > threshold).mean()) if until > at else 0.0
    quiet = f"the next {until - at} of {len(scores['normal-moved'])} moved windows without an alert, {over:.1%} over"
    fault = scores["imbalance"]
    found = f"imbalance {(fault > threshold).mean():.1%} over, {in_alert(fault, threshold):.1%} of the time in alert"
    return f"{name} moved, {way} at window {at}: {quiet}; {found}"


def _raised(site: SimulatedLine, name: str, at: int) -> int | None:
    """The window, from `at` on, with which an alert is raised; None if none is."""
    scores, threshold = site.scores(name)
    watcher = Watcher(name, AlertRule())
    for i, score in enumerate(scores["normal-moved"][at:].tolist(), at):
        watcher.judge(score, threshold, float(i))
        if watcher.alert:
            return i
    return None


def _many(data: str) -> Iterator[str]:
    """Gateways in a ring of four neighbours: processor time and bytes of each."""
    found = {}
    for count in (8, 16, 32, 64):
        try:
            family, at = world(data, count)
        except ConfigError as error:
            yield f"{count} gateways: {error}"
            break
        began = resource.getrusage(resource.RUSAGE_SELF).ru_utime
        told = asyncio.run(_sizes(family, at))
        spent = resource.getrusage(resource.RUSAGE_SELF).ru_utime - began
        found[count] = 1000 * spent / count / 3, *told
        costs = f"{found[count][0]:.1f} ms of processor, {told[0]:.0f} bytes told, {told[1]:.0f} on air"
        yield f"{count} gateways, k4, of each in a round: {costs}"
    else:
        report.save("learn_gateway_ms_64", found[64][0], "ms a gateway and round", {"of 8": found[8][0]})


async def _sizes(family: Family, at: list[MachineData]) -> tuple[float, float]:
    async with neighbourhood(family, [[place] for place in at], Setting("k4")) as it:
        async for _ in it.rounds(3):
            pass
        return it.payload_bytes / len(at) / 3, it.air_bytes / len(at) / 3


def _steps(family: Family) -> str:
    trainer, count = Trainer(family.train_tflite), 2000
    batch = np.zeros((trainer.batch, trainer.length), np.float32)
    began = time.perf_counter()
    for _ in range(count):
        trainer.step(batch, family.training.rate)
    took = (time.perf_counter() - began) / count * 1e6
    report.save("learn_step_us", took, "us a step of training")
    return f"a step of training on {trainer.batch} windows: {took:.0f} us"


if __name__ == "__main__":
    sys.exit(main())
