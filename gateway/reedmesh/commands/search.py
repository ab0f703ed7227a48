"""`reedmesh search FAMILY DATA`: tune features and thresholds of a family on a recording, here and at neighbours."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.commands.lenders import Lenders
from reedmesh.config.settings import load_config
from reedmesh.errors import ConfigError
from reedmesh.inference.family import SUMS, Plan, find_family, read_plan
from reedmesh.jobs import picture, process, trial, tuned_family, tuning
from reedmesh.jobs.borrowing import Job
from reedmesh.jobs.data import JobData
from reedmesh.jobs.driver import Driver
from reedmesh.jobs.process import Limits
from reedmesh.jobs.tuning import Chosen, Trial, Worth
from reedmesh.protocol.recipe import MAX_SAMPLES
from reedmesh.recordings import files, proposal
from reedmesh.recordings.recording import NORMAL, TRAIN, Recording, is_neutral, to_bytes

MOST_DATA = 1 << 30  # bytes of recordings that are kept while it lasts
HEAD = "Tuned by `reedmesh search`"
LIMITS = Limits(megabytes=2048, seconds=3600, spare=False)


def add(commands: Any, default: Path) -> None:
    """The command's arguments; default: the config file's path."""
    text = "tune features and thresholds of a family on a recording with normal windows and faults"
    search = commands.add_parser("search", help=text)
    search.add_argument("family", metavar="FAMILY", help="a family that ships, or the path of a folder")
    search.add_argument("data", type=Path, nargs="+", metavar="DATA", help="recordings: what `reedmesh import` reads")
    search.add_argument("--check", type=Path, metavar="FILE", help="another recording, to judge the outcome by")
    search.add_argument(
        "--leave", default="", metavar="MACHINE", help="of the first recording, to judge the outcome by"
    )
    search.add_argument("--out", type=Path, help="folder of the tuned family, default ./FAMILY-tuned")
    search.add_argument("--plot", type=Path, metavar="FILE.svg", help="a picture of all that was tried")
    search.add_argument("--columns", default="", help="of a CSV file, which are axes: ax,ay,az")
    search.add_argument("--processes", type=int, default=0, help="on this machine; default: all processors but one")
    search.add_argument(
        "--lenders",
        nargs="?",
        type=Path,
        const=default,
        metavar="CONFIG",
        help=f"have idle neighbours of a running gateway help: they get the recording; default {default}",
    )
    search.set_defaults(run=_search)


def _search(chosen: argparse.Namespace) -> None:
    source = find_family(chosen.family)
    plan = read_plan(source)
    if plan.training.kind != SUMS:
        raise ConfigError(f'{plan.name}: learns by "{plan.training.kind}"; families that learn by sums are searched')
    out = chosen.out or Path(f"{plan.name}-tuned")
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(Search(chosen, plan, JobData(Path(folder), MOST_DATA)).run())
    if chosen.plot:
        atomic_file.write(chosen.plot.absolute(), found.drawn.encode(), 0o644)
        print(f"wrote {chosen.plot}")
    if not found.is_better:
        print("nothing was written: on windows that it was not chosen by, it does no better than the family as it is")
        return
    file = tuned_family.write(source, out, plan, found.chosen, found.head([path.name for path in chosen.data]))
    print(f'wrote {file}: in a gateway\'s settings, family = "{out.resolve()}"; it learns with no other family')


class Found:
    """The outcome. start, tuned: on the part that was tuned on; checks: by name, the same two on other windows."""

    def __init__(self, plan: Plan, chosen: Chosen, start: Worth, tuned: Worth, checks: dict[str, tuple[Worth, Worth]]):
        self.plan, self.chosen, self.start, self.tuned, self.checks = plan, chosen, start, tuned, checks
        self.drawn = ""

    @property
    def is_better(self) -> bool:
        """Whether it gains on windows that it was not chosen by, and loses on none of them."""
        gains = [after.total - before.total for before, after in self.checks.values()]
        return max(gains) > 0 and min(gains) >= 0

    def head(self, data: Sequence[str]) -> str:
        """What model.toml says of it first."""
        lines = [f"{HEAD} on {', '.join(data)}, {time.strftime('%Y-%m-%d')}: {self.chosen.words()}."]
        for name, (before, after) in self.checks.items():
            lines += [
                f"On {name}, which it was not chosen by: {after.words()};",
                f"as the family was: {before.words()}.",
            ]
        return "\n".join(lines)


@dataclass(frozen=True)
class Source:
    """A recording as jobs read it: SHA-256 of its file, and readings of a window."""

    name: str
    digest: str
    samples: int


class Search:
    """One search: data, jobs, choice, and checks."""

    def __init__(self, given: argparse.Namespace, plan: Plan, data: JobData) -> None:
        self._given, self._plan, self._data = given, plan, data
        self._processes = given.processes or max(1, len(os.sched_getaffinity(0)) - 1)
        self._lenders = Lenders(load_config(given.lenders)) if given.lenders else None
        self._others: list[Source] = []  # that nothing is chosen by
        self._began = time.monotonic()

    async def run(self) -> Found:
        """Search, choose, and check."""
        recordings = [self._read(path) for path in self._given.data]
        if self._given.leave:
            recordings[0], left = trial.apart(recordings[0], self._given.leave)
            self._others.append(self._keep(Path(self._given.leave), left))
        sources = [self._keep(*pair) for pair in zip(self._given.data, recordings, strict=True)]
        start = tuning.own(self._plan, sources[0].samples)
        tried, trials = tuning.grid(start), tuning.trials(start, max(map(_learnable, recordings)))
        count = len(trials) * len(tried["quantiles"]) * len(tried["margins"]) * len(tried["rules"])
        print(f"{count} settings in {len(trials) * len(sources)} jobs, beginning from {start.words()}")
        found = await self._done(sources, trials, tried)
        chosen, tuned = tuning.best(start, tried, found)
        before = tuning.together([await self._worth(start, "tune", each) for each in sources])
        checks = await self._checks(start, chosen, sources)
        outcome = Found(self._plan, chosen, before, tuned, checks)
        names = ", ".join(each.name for each in sources)
        outcome.drawn = picture.svg(f"{self._plan.name} on {names}", found, before, tuned)
        _tell(outcome)
        return outcome

    async def _done(
        self, sources: Sequence[Source], trials: Sequence[Trial], tried: dict[str, Any]
    ) -> list[tuple[Trial, list[Worth]]]:
        """What each setting comes to, on all recordings together."""
        jobs = [
            Job("search", tuning.searching(trial, tried, "tune", each.samples), each.digest)
            for trial in trials
            for each in sources
        ]
        results = [tuning.worths(each) for each in await self._work_off(await self._estimated(jobs, sources))]
        rows = [results[at : at + len(sources)] for at in range(0, len(results), len(sources))]
        return [
            (trial, [tuning.together(each) for each in zip(*row, strict=True)])
            for trial, row in zip(trials, rows, strict=True)
        ]

    async def _checks(self, start: Chosen, chosen: Chosen, sources: Sequence[Source]) -> dict[str, tuple[Worth, Worth]]:
        """Both settings on the later halves of what was recorded, and on machines that nothing was chosen by."""
        both, checks = (start, chosen), dict[str, tuple[Worth, Worth]]()
        later = [tuning.together([await self._worth(each, "check", one) for one in sources]) for each in both]
        checks["the later half"] = later[0], later[1]
        if self._given.check:
            self._others.append(self._keep(self._given.check, self._read(self._given.check)))
        for other in self._others:
            checks[other.name] = await self._worth(start, "all", other), await self._worth(chosen, "all", other)
        return checks

    async def _worth(self, chosen: Chosen, part: str, source: Source) -> Worth:
        wanted = tuning.searching(chosen.trial, tuning.alone(chosen.setting), part, source.samples)
        driver = Driver([Job("search", wanted, source.digest)], self._here)
        return tuning.worths((await driver.run())[0])[0]

    async def _estimated(self, jobs: Sequence[Job], sources: Sequence[Source]) -> list[Job]:
        """With the seconds of processor that they take, by one of them; only lenders need to know."""
        if not self._lenders:
            return list(jobs)
        for each in sources:
            self._lenders.bring(self._data.path(each.digest).read_bytes())
        done = await process.run("search", jobs[0].arguments, self._data.path(jobs[0].data), LIMITS)
        return [replace(each, seconds=max(0.1, done.ms / 1000)) for each in jobs]

    async def _work_off(self, jobs: Sequence[Job]) -> list[dict[str, Any]]:
        lenders = self._lenders
        driver = Driver(jobs, self._here, lenders.do if lenders else None, self._show)
        results = await driver.run(self._processes, await lenders.at_once() if lenders else 0)
        if sys.stdout.isatty():
            print()
        if driver.failed:
            print(f"lenders were asked no more: {driver.failed}")
        if lenders:
            print(f"{driver.at_lenders} of {len(jobs)} jobs by lenders: {lenders.words()}")
        return results

    async def _here(self, job: Job) -> bytes:
        done = await process.run(job.kind, job.arguments, self._data.path(job.data), LIMITS)
        if done.failed:
            raise ConfigError(f"a job failed: {done.failed}")
        return done.data

    def _show(self, at: Driver) -> None:
        left = (time.monotonic() - self._began) / at.done * (len(at.jobs) - at.done)
        line = f"{at.done} of {len(at.jobs)} jobs, {at.at_lenders} by lenders, {left:.0f} s left"
        if sys.stdout.isatty():
            print(f"\r{line:<70}", end="", flush=True)
        elif at.done == len(at.jobs) or at.done % 10 == 0:
            print(line, flush=True)

    def _keep(self, path: Path, recording: Recording) -> Source:
        name = path.parent.name if path.stem == "windows" else path.stem
        return Source(name, self._data.keep(to_bytes(recording)), _samples(recording))

    def _read(self, path: Path) -> Recording:
        """A recording in the neutral format, or what `reedmesh import` makes of a file."""
        if is_neutral(path):
            return trial.read(path)
        signals = files.read(path, [each.strip() for each in self._given.columns.split(",") if each.strip()])
        family = self._plan.name if "/" not in self._given.family else self._given.family
        return proposal.cut(signals, proposal.propose(signals, family=family), str(path))


def _samples(recording: Recording) -> int:
    """Readings of a window as a sensor takes it: longer ones are averaged."""
    samples = int(recording.x.shape[1])
    return samples // -(-samples // MAX_SAMPLES)


def _learnable(recording: Recording) -> int:
    """Normal windows to learn from, of the machine that has most."""
    return max(len(recording.windows(each, TRAIN, NORMAL)) for each in range(len(recording.names)))


def _tell(found: Found) -> None:
    print(f"chosen: {found.chosen.words()}")
    rows = {"what it was chosen by": (found.start, found.tuned), **found.checks}
    for name, (before, after) in rows.items():
        print(f"{name}:\n  as it was  {before.words()}\n  chosen     {after.words()}")
