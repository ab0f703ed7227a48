"""A gateway under the load of 200 sensors: how fast alerts come, CPU, disk writes, and whether memory grows.

A real gateway (`reedmesh run`) on a real mosquitto; each sensor publishes a window a second, every 101st of them a
fault that raises an alert and is over with the next one. What the process uses is what /proc says of it.

    python -m tools.bench.load [--seconds 600]

200 sensors for that long, 1000 for a fifth of it, then 50 without faults for half of it: what these write in a day.
The store is full of windows from the start, so that each new one pushes an old one out.
"""

import argparse
import asyncio
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reedmesh.config.settings import Store
from tools.bench import report
from tools.bench.latency import Bench, gateway
from tools.simulate import mosquitto

FAULT_EVERY = 101  # windows; a prime, so that it is not always the same sensors
NEVER = 10**9
DAY = 86400.0
TICK = os.sysconf("SC_CLK_TCK")  # of CPU time, in a second
PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Use:
    """The resources that a process has used."""

    cpu: float  # seconds
    rss: int  # bytes
    written: int  # bytes, to disks

    @classmethod
    def of(cls, pid: int) -> "Use":
        """The counters of a process until now."""
        proc = Path("/proc") / str(pid)
        times = (proc / "stat").read_text().rsplit(") ", 1)[1].split()
        written = dict(line.split(": ") for line in (proc / "io").read_text().splitlines())["write_bytes"]
        rss = int((proc / "statm").read_text().split()[1]) * PAGE
        return cls((int(times[11]) + int(times[12])) / TICK, rss, int(written))


@dataclass(frozen=True)
class Load:
    """The result of one run. took: milliseconds of each alert. uses: second by second."""

    sensors: int
    took: list[float]
    missed: int
    uses: list[Use]

    @property
    def seconds(self) -> int:
        """It was looked at for so long."""
        return len(self.uses) - 1

    @property
    def cpu(self) -> float:
        """Percent of one core."""
        return 100 * (self.uses[-1].cpu - self.uses[0].cpu) / self.seconds

    @property
    def growth(self) -> float:
        """MB from the middle of the time to its end: before that caches fill, such as 256 windows of each sensor."""
        part = max(1, len(self.uses) // 10)
        rss = [use.rss for use in self.uses]
        return float(np.median(rss[-part:]) - np.median(rss[5 * part : 6 * part])) / 1e6

    @property
    def daily(self) -> float:
        """MB to disk in a day."""
        return (self.uses[-1].written - self.uses[0].written) / self.seconds * DAY / 1e6

    def row(self) -> str:
        """The figures as a row of the table."""
        p50, p99 = np.percentile(self.took, [50, 99]) if self.took else (0.0, 0.0)
        rss = self.uses[-1].rss / 1e6
        return (
            f"{self.sensors:>7} {self.seconds:>5} {len(self.took):>7} {p50:>7.2f} {p99:>7.2f} {self.missed:>7}"
            f" {self.cpu:>6.1f} {rss:>7.1f} {self.growth:>9.2f} {self.daily:>9.0f}"
        )


async def load(sensors: int, seconds: float, fault_every: int) -> Load:
    """`sensors` for `seconds`, a window a second each."""
    async with gateway("mosquitto", sensors, Store().windows) as bench:
        bench.fault_every = fault_every
        await bench.run(sensors, 5.0)  # warm
        bench.took_ms.clear()
        watching = asyncio.create_task(watch(bench))
        await bench.run(sensors, seconds)
        watching.cancel()
        uses = [use for use in await asyncio.gather(watching, return_exceptions=True) if isinstance(use, list)]
        return Load(sensors, bench.took_ms, await bench.settled(), uses[0])


async def watch(bench: Bench) -> list[Use]:
    """Look every second until cancelled."""
    found = [Use.of(bench.pid)]
    try:
        while True:
            await asyncio.sleep(1)
            found.append(Use.of(bench.pid))
    except asyncio.CancelledError:
        return found


async def main() -> None:
    """Print the table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600.0, help="of the first run")
    seconds = parser.parse_args().seconds
    logging.disable()
    if not mosquitto.program():
        raise SystemExit("no mosquitto found: apt install mosquitto")
    print(f"one window a second from each sensor, {report.machine()}")
    print("sensors     s  alerts  p50 ms  p99 ms  missed  CPU %  RSS MB  growth MB  MB a day")
    found = {}
    for sensors, part, faults in ((200, 1.0, FAULT_EVERY), (1000, 0.2, FAULT_EVERY), (50, 0.5, NEVER)):
        found[sensors] = await load(sensors, max(20.0, part * seconds), faults)
        print(found[sensors].row(), flush=True)
    for sensors, suffix in ((200, ""), (1000, "_1000")):
        ran = found[sensors]
        report.save(f"load{suffix}_p99_ms", float(np.percentile(ran.took, 99)), f"ms, {sensors} sensors")
        report.save(f"load{suffix}_cpu", ran.cpu, f"% of a core, {sensors} sensors")
        report.save(f"load{suffix}_rss_growth_mb", ran.growth, f"MB in {ran.seconds} s, {sensors} sensors")
    report.save("disk_bytes_day", found[50].daily * 1e6, "bytes a day, 50 sensors, no alerts")


if __name__ == "__main__":
    asyncio.run(main())
