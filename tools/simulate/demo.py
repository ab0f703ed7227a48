"""A factory line on this machine: three gateways and their sensors learn what normal is, then machines start to fail.

Nothing in it is pretended but the machines: gateways are `reedmesh run`, each with a broker of its own, sensors are the
firmware under MicroPython, and what they hear was recorded from a real machine wherever that can be had.

    python -m tools.simulate.demo [--data windows.npz] [--family vibration] [--seconds 60] [--rate 16]

Ends by itself after --seconds, and then with status 0 only if each failing machine raised an alert and no other did,
every gateway's ledger is whole, and every model's passport holds.
"""

import argparse
import asyncio
import contextlib
import logging
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path

from reedmesh.errors import ReedmeshError
from reedmesh.inference import family as families
from tools.checkout import ROOT
from tools.simulate import factory as plant
from tools.simulate import (
    noisy_serial,
    observer,
    recordings,
    screen,
)

CALM = 8.0  # seconds that every machine runs normally, judged, before faults appear
PAGE = 8080
FLIPS, DROPS = 1e-4, 1e-4  # of the bits and of the bytes on the wire of the sensor that has one: a bad cable
LAST = 4.0  # seconds to go on after the last fault was found


def main() -> int:
    """Run the line; returns the exit status."""
    arguments = _arguments()
    logging.disable(logging.WARNING)  # brokers that are not up yet are no news here
    try:
        recipe = families.read_plan(families.find(arguments.family)).recipe
        recording = recordings.find(arguments.data or None, recipe)
        plan = plant.plan(recording, arguments.folder, arguments.family)
        if arguments.page is None:
            arguments.page = PAGE if plant.is_free(PAGE) else plant.free_ports(1)[0]
        return asyncio.run(_run(plan, recording, arguments))
    except ReedmeshError as error:
        print(f"line: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


async def _run(plan: plant.Plan, recording: recordings.Recording, arguments: argparse.Namespace) -> int:
    """Build the factory, let it learn, let machines fail, take it down."""
    picture = observer.Picture(plan, recording.origin, arguments.page)
    with Factory(plan, arguments.rate, arguments.page) as factory:
        tasks = [asyncio.create_task(task) for task in (*factory.feeds(), *observer.watch(plan, picture))]
        story = asyncio.create_task(_story(plan, picture, arguments.seconds))
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, story.cancel)
        try:
            with screen.show(picture):
                await _first(story, asyncio.create_task(factory.broken()))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    screen.summary(picture)
    faults = plant.proofs(plan) if picture.all_taught() else []
    screen.proofs(picture, faults)
    if arguments.picture:
        screen.picture(picture, arguments.picture)
    return 0 if picture.good and not faults else 1


async def _first(story: "asyncio.Task[None]", broken: "asyncio.Task[None]") -> None:
    """Wait for the story's end, or for a process that ended before its time."""
    done, rest = await asyncio.wait([story, broken], return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    for task in done:
        if not task.cancelled():
            task.result()


async def _story(plan: plant.Plan, picture: observer.Picture, seconds: float | None) -> None:
    """What happens to the machines, and when the line stops."""
    end = time.monotonic() + seconds if seconds else float("inf")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, end - time.monotonic()) if seconds else None):
            await picture.until(picture.all_watching)
            turn(plan, picture, "normal", lambda _: True)
            await asyncio.sleep(CALM)
            turn(plan, picture, "fault", lambda machine: machine.faulty)
            await picture.until(picture.all_found)
            await asyncio.sleep(LAST if seconds else float("inf"))


def turn(plan: plant.Plan, picture: observer.Picture, condition: str, chosen: Callable[[plant.Machine], bool]) -> None:
    """Let the machines that are `chosen` run in this condition from now on."""
    for machine in plan.machines:
        if chosen(machine):
            machine.condition = condition
            picture.turned(machine)


class Factory:
    """The processes of the line; leaving the context ends them."""

    def __init__(self, plan: plant.Plan, rate: float, page: int) -> None:
        self._plan = plan
        self._rate = rate
        self._page = page
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._pipes: list[int] = []
        self._wires = contextlib.ExitStack()

    def __enter__(self) -> "Factory":
        """Start gateways, sensors and the web page."""
        shutil.rmtree(self._plan.folder, ignore_errors=True)
        self._plan.folder.mkdir(parents=True)
        for machine in self._plan.machines:
            if machine.wired:
                machine.ends = self._wires.enter_context(noisy_serial.line(FLIPS, DROPS))
        for name in self._plan.ports:
            self._processes[f"gateway {name}"] = plant.start_gateway(self._plan, name)
        for machine in self._plan.machines:
            process, pipe = plant.start_sensor(self._plan, machine)
            self._processes[f"sensor {machine.name}"] = process
            self._pipes.append(pipe)
        if self._page:
            self._processes["web page"] = plant.start_page(self._plan, self._page)
        return self

    def __exit__(self, *_: object) -> None:
        """Ask every process to end, then make it."""
        for process in reversed(self._processes.values()):
            process.terminate()
        for process in self._processes.values():
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
        self._wires.close()

    def feeds(self) -> list[Coroutine[object, object, None]]:
        """A coroutine per machine that lets it run."""
        pairs = zip(self._plan.machines, self._pipes, strict=True)
        return [machine.feed(pipe, self._rate) for machine, pipe in pairs]

    async def broken(self) -> None:
        """Return never; raises ReedmeshError when a process ends by itself, with its last words."""
        while all(process.poll() is None for process in self._processes.values()):
            await asyncio.sleep(0.5)
        name, process = next((n, p) for n, p in self._processes.items() if p.poll() is not None)
        raise ReedmeshError(f"{name} ended with status {process.returncode}: {plant.last_words(self._plan, name)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="recordings in the neutral format (.npz)")
    parser.add_argument("--family", default="vibration", help="by which the machines are judged")
    parser.add_argument("--seconds", type=float, help="end after so long; otherwise at Ctrl-C")
    parser.add_argument("--rate", type=float, default=16.0, help="windows a second and sensor (recorded: 1)")
    parser.add_argument("--page", type=int, help="port of the web page; 0: none; otherwise 8080, or a free one")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "line", help="configs, databases and logs")
    parser.add_argument("--picture", type=Path, help="save the last screen as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
