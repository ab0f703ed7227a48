"""Jobs at idle neighbours: wrong results, what the auction costs, what a job costs the alerts of its lender, accounts.

    python -m tools.bench.pool.jobs [--jobs 1000] [--real 100] [--seconds 15] [--rounds 4]

A thousand jobs of one owner at ten lenders over a broker in memory, where at any time one of the ten is killed or says
nothing and another one lies, in turns; a day passes with every twenty jobs, so that liars come back. Then as many with
two liars that agree on their lie, with the owner's own checks and without. Then fewer over five mosquittos.
What is calculated is a stand-in that takes a hundredth of a second; the overhead is what passes beyond that. Last, the
time from window to alert at a real gateway, with a job at work in a worker and without.
"""

import argparse
import asyncio
import itertools
import logging
import random
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reedmesh.exchange.federation import JOBS, OPEN
from reedmesh.inference.family import find_family, read_plan
from reedmesh.jobs import kinds, process, tuning
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.process import Done, Limits
from reedmesh.jobs.standing import DAY
from reedmesh.links.mqtt_link import Link
from reedmesh.recordings.recording import to_bytes
from tools.bench import latency, report
from tools.simulate import mosquitto, recordings
from tools.simulate.free_ports import free_ports
from tools.simulate.pool import LIES, Halls, halls

OWNER, LENDERS = "hall0", 10
TURN = 20  # jobs after which others are killed or lie
TOOK = 0.01  # seconds that the stand-in for a calculation takes
RECIPE = {"version": 1, "samples": 16, "axes": 1, "bands": 4}
BROKER = ("listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true")


@dataclass
class Counts:
    """Of many jobs. overhead: ms of each beyond its calculation."""

    wrong: int = 0
    own: int = 0  # that the owner did itself
    overhead: list[float] = field(default_factory=list)
    disagreed: Counter[str] = field(default_factory=Counter)
    silent: int = 0


def job(number: int) -> Job:
    """One whose result depends on its number."""
    given = {"features": RECIPE, "windows": 20 + number, "part": "all", "quantile": 0.95, "margin": 2.0}
    return Job("evaluate", given | {"rule": [7, 16, 30]}, seconds=TOOK)


def right(arguments: dict[str, Any]) -> bytes:
    """The result of the stand-in: of the form of the kind's."""
    digits = random.Random(arguments["windows"])
    calm = {key: digits.randrange(10_000) for key in ("false", "over", "windows", "onset", "starts")}
    return kinds.packed({"faults": [], "normal": [{"machine": "pump", **calm}]})


async def stand_in(_: str, arguments: dict[str, Any], __: Path, ___: Limits) -> Done:
    """What `process.run` is in a gateway."""
    await asyncio.sleep(TOOK)
    return Done(right(arguments), round(TOOK * 1000))


async def borrow(it: Halls, number: int, counts: Counts) -> None:
    """One job of the owner's."""
    wanted, began = job(number), time.perf_counter()
    outcome = await it.members[OWNER].pool.borrow(wanted)
    counts.overhead.append(1000 * (time.perf_counter() - began - TOOK))
    counts.wrong += outcome.data != right(wanted.arguments)
    counts.own += outcome.here
    counts.silent += len(outcome.silent)
    counts.disagreed.update({*outcome.disagreed, *outcome.failed})


async def many(folder: Path, count: int, alike: bool = False, checked: int = 20) -> tuple[Counts, int]:
    """That many jobs while some are killed or lie; and the balance of all accounts in the end."""
    now, counts, dice = [1.8e9], Counts(), random.Random(7)
    lies = itertools.cycle(LIES)
    async with halls(folder, LENDERS + 1, stand_in, checked=checked, patience=0.5, clock=lambda: now[0]) as it:
        for number in range(count):
            if number % TURN == 0:
                await _turn(it, dice, "another" if alike else next(lies), alike, number // TURN)
            await borrow(it, number, counts)
            now[0] += DAY / TURN
        for member in it.members.values():
            member.lie, member.silent = "", False
        return counts, await _settled(it)


async def _turn(it: Halls, dice: random.Random, lie: str, alike: bool, number: int) -> None:
    """Two other lenders are faulty from now on; those before are mended, or begin anew."""
    for name, member in list(it.members.items()):
        member.lie, member.silent, member.alike = "", False, alike
        if not member.tasks:
            await it.restart(name)
    one, other = dice.sample([name for name in it.names if name != OWNER], 2)
    it.members[one].lie = lie
    if alike:
        it.members[other].lie = lie
    elif number % 2:
        await it.members[other].stop()
    else:
        it.members[other].silent = True


async def _settled(it: Halls) -> int:
    """The balance once receipts that were lost were said again."""
    for name, member in list(it.members.items()):
        if not member.tasks or name != OWNER:
            await it.restart(name)
    await it.restart(OWNER)
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            while it.balance():
                await asyncio.sleep(0.05)
    return it.balance()


@asynccontextmanager
async def real(folder: Path, count: int) -> AsyncIterator[Halls]:
    """Pools in this process, each with a mosquitto of its own."""
    program = mosquitto.program()
    assert program, "no mosquitto found: apt install mosquitto"
    it = Halls(folder, count, stand_in, checked=0)
    ports = dict(zip(it.names, free_ports(count), strict=True))
    brokers = []
    for name, port in ports.items():
        config = folder / f"{name}.conf"
        config.write_text("\n".join(BROKER).format(port=port) + "\n")
        brokers.append(await asyncio.create_subprocess_exec(str(program), "-c", str(config), stderr=-3))
    try:
        links = [link for name in it.names for link in _links(it, name, ports)]
        while not all(link.connected for link in links):
            await asyncio.sleep(0.1)
        yield it
    finally:
        for member in it.members.values():
            await member.stop()
            member.disk.close()
        for broker in brokers:
            broker.kill()
            await broker.wait()


def _links(it: Halls, name: str, ports: dict[str, int]) -> list[Link]:
    """The links of one of them: to its own broker, and to each neighbour's."""
    member = it.members[name]
    own = Link("127.0.0.1", ports[name], name)
    others = [
        Link("127.0.0.1", ports[each], f"{name}-at-{each}", subscriptions=OPEN.topics(each, JOBS, name))
        for each in it.names
        if each != name
    ]
    member.tasks += [asyncio.create_task(it.listen(name, link)) for link in [own, *others]]
    member.tasks.append(asyncio.create_task(member.pool.run(own)))
    return [own, *others]


async def over_mosquitto(folder: Path, count: int) -> Counts:
    """Jobs of honest gateways over real brokers."""
    counts = Counts()
    async with real(folder, 5) as it:
        for number in range(count):
            await borrow(it, number, counts)
    return counts


async def beside_alerts(rounds: int, seconds: float) -> tuple[float, float]:
    """P99 of the time from window to alert, ms, the medians of rounds: without a job, and with one at work."""
    found: dict[bool, list[float]] = {False: [], True: []}
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "recording"
        data.write_bytes(to_bytes(recordings.simulate()))
        async with latency.gateway("mosquitto", 50) as bench:
            await bench.run(50, 2.0)
            for busy in [False, True] * rounds:
                worker = asyncio.create_task(_work(data)) if busy else None
                bench.took_ms.clear()
                await bench.run(50, seconds)
                found[busy].append(float(np.percentile(bench.took_ms, 99)))
                if worker:
                    worker.cancel()
                    await asyncio.wait([worker])
    return float(np.median(found[False])), float(np.median(found[True]))


async def _work(data: Path) -> None:
    """One job after the other, as large as those of `reedmesh search`."""
    recipe = {"version": 1, "samples": 200, "axes": 3, "bands": 20}
    start = tuning.own(read_plan(find_family("vibration")), 200)
    arguments = {"features": recipe, "windows": 240, "part": "all", **tuning.grid(start)}
    while True:
        done = await process.run("search", arguments, data, Limits())
        assert not done.failed, done.failed


def _row(name: str, it: Counts, balance: object = "") -> None:
    p50, p99 = np.percentile(it.overhead, [50, 99])
    told = f"{len(it.overhead):>6} {it.wrong:>6} {it.own:>9} {sum(it.disagreed.values()):>7} {it.silent:>7}"
    print(f"{name:<36} {told} {p50:>8.1f} {p99:>8.0f} {balance!s:>8}", flush=True)


async def main() -> None:
    """Print the tables and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000, help="0: alerts only")
    parser.add_argument("--real", type=int, default=100, help="jobs over real brokers")
    parser.add_argument("--seconds", type=float, default=15.0, help="of each round of alerts")
    parser.add_argument("--rounds", type=int, default=4, help="with a job and without")
    chosen = parser.parse_args()
    logging.disable()
    print(f"jobs at {LENDERS} neighbours; {report.machine()}")
    if chosen.jobs:
        await at_lenders(chosen.jobs, chosen.real)
    alone, busy = await beside_alerts(chosen.rounds, chosen.seconds)
    print(
        f"window to alert p99, 50 windows/s: {alone:.1f} ms, {busy:.1f} ms with a job at work: {busy / alone:.2f} times"
    )
    report.save("jobs_alert_p99_ratio", busy / alone, "times the p99 of an idle gateway", {"idle": alone, "job": busy})


async def at_lenders(jobs: int, over: int) -> None:
    """Print the table of jobs, and keep its figures; over: of them over real brokers."""
    heads = f"{'jobs':>6} {'wrong':>6} {'here too':>9} {'accused':>7} {'silent':>7}"
    print(f"{'':<36} {heads} {'p50 ms':>8} {'p99 ms':>8} {'balance':>8}")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        found, balance = await many(place / "a", jobs)
        _row("one killed or silent, one lies", found, balance)
        alike, other = await many(place / "b", jobs, alike=True)
        _row("two lie alike, 1 in 20 checked here", alike, other)
        unchecked, last = await many(place / "c", jobs, alike=True, checked=0)
        _row("two lie alike, none checked", unchecked, last)
        (place / "d").mkdir()
        wired = await over_mosquitto(place / "d", over)
        _row("honest, five mosquittos", wired)
    against = {"two that lie alike": float(alike.wrong), "the same unchecked": float(unchecked.wrong)}
    report.save("jobs_wrong", found.wrong, f"of {jobs} jobs, 20 % of lenders killed or lying", against)
    p50 = float(np.percentile(wired.overhead, 50))
    report.save("jobs_overhead_ms", p50, "ms, p50, over mosquitto", {"in memory": float(np.median(found.overhead))})
    report.save("jobs_balance_ms", balance + other + last, "ms lent less ms borrowed, over all gateways")


if __name__ == "__main__":
    asyncio.run(main())
