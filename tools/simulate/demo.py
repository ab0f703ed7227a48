"""A factory line on this machine: gateways and their sensors learn what normal is, then machines start to fail.

Nothing in it is pretended but the machines: gateways are `reedmesh run`, each with a broker of its own, sensors are the
firmware under MicroPython, and what they hear was recorded from real machines unless it is said to be simulated.

    python -m tools.simulate.demo [--data windows.npz | actuators | fan | simulated] [--seconds 60] [--rate 16]

Ends by itself after --seconds, and then with status 0 only if each failing machine raised an alert and no other did,
every gateway's ledger is whole, and every model's passport holds. The gateway without neighbours is there to compare
with, and decides nothing.
"""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Callable, Collection, Coroutine, Iterable
from pathlib import Path
from typing import Any

from reedmesh.errors import ReedmeshError
from reedmesh.inference import family
from tools.checkout import ROOT
from tools.simulate import factory, layout, observer, recordings, screen, summary
from tools.simulate.free_ports import free_ports
from tools.simulate.layout import Machine, Plan
from tools.simulate.line import Line
from tools.simulate.observer import Picture

CALM = 8.0  # seconds that every machine runs normally, judged, before faults appear
PAGE = 8080
HANDOVER = 20.0  # seconds that what the neighbours know may take to come
LAST = 4.0  # seconds to go on after the last fault was found


def main() -> int:
    """Run the line; returns the exit status."""
    arguments = _arguments()
    logging.disable(logging.WARNING)  # brokers that are not up yet are no news here
    try:
        arguments.family = arguments.family or recordings.suggested(arguments.data)
        recipe = family.read_plan(family.find_family(arguments.family)).recipe
        recording = recordings.named(arguments.data, recipe)
        plan = layout.plan(recording, arguments.folder, arguments.family)
        if arguments.page is None:
            arguments.page = PAGE if factory.is_free(PAGE) else free_ports(1)[0]
        return asyncio.run(_run(plan, recording.origin, arguments))
    except ReedmeshError as error:
        print(f"line: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


async def _run(plan: Plan, origin: str, arguments: argparse.Namespace) -> int:
    """Build the factory, let it learn, let machines fail, take it down."""
    picture = Picture(plan, origin, arguments.page)
    with Line(plan, arguments.rate, arguments.page) as line:
        async with contextlib.AsyncExitStack() as stack:
            player = Player(plan, picture, line, stack)
            story = asyncio.create_task(_story(player, arguments.seconds))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, story.cancel)
            with screen.show(picture):
                await _first(story, asyncio.create_task(line.broken()))
    summary.show(picture)
    faults = factory.proofs(plan) if picture.all_taught() else []
    summary.proofs(picture, faults)
    if arguments.picture:
        screen.save(picture, arguments.picture)
    return 0 if picture.good and not faults else 1


class Player:
    """Lets gateways come and machines run; what it started ends with `stack`."""

    def __init__(self, plan: Plan, picture: Picture, line: Line, stack: contextlib.AsyncExitStack) -> None:
        self.plan = plan
        self.picture = picture
        self._line = line
        self._tasks: list[asyncio.Task[Any]] = []
        stack.push_async_callback(self._end)

    def start_gateways(self, gateways: Collection[str]) -> None:
        """Start gateways, and watch them."""
        self._line.start_gateways(gateways)
        self._do(observer.watch(self.plan, self.picture, gateways))

    def start_sensors(self, gateways: Collection[str]) -> None:
        """Start the sensors of gateways, and feed their machines."""
        self._do(self._line.start_sensors(gateways))

    def _do(self, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        self._tasks += [asyncio.create_task(each) for each in work]

    def turn(self, condition: str, chosen: Callable[[Machine], bool] = lambda _: True) -> None:
        """Let the machines that are `chosen` run in this condition from now on."""
        for machine in self.plan.machines:
            if chosen(machine):
                machine.condition = condition
                self.picture.turned(machine)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _first(story: "asyncio.Task[None]", broken: "asyncio.Task[None]") -> None:
    """Wait for the story's end, or for a process that ended before its time."""
    done, rest = await asyncio.wait([story, broken], return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    for task in done:
        if not task.cancelled():
            task.result()


async def _story(player: Player, seconds: float | None) -> None:
    """What happens to the machines, and when the line stops."""
    end = time.monotonic() + seconds if seconds else float("inf")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(max(0.0, end - time.monotonic()) if seconds else None):
            await until_watching(player)
            player.turn("normal")
            await asyncio.sleep(CALM)
            player.turn("fault", lambda machine: machine.faulty)
            await player.picture.until(player.picture.all_found)
            await asyncio.sleep(LAST if seconds else float("inf"))


async def until_watching(player: Player) -> None:
    """Let the first gateways learn their machines, then have the others join."""
    plan, picture = player.plan, player.picture
    first = [name for name in plan.ports if name not in plan.later]
    player.start_gateways(first)
    player.start_sensors(first)
    await picture.until(picture.all_watching)
    if plan.later:
        await _join(player)
        await picture.until(picture.all_watching)


async def _join(player: Player) -> None:
    """A gateway joins: it asks its neighbours what they know, then a machine with few windows is mounted at it."""
    plan, picture = player.plan, player.picture
    picture.note(f"gateway {plan.late} joins; it will learn from {plan.learn[plan.late]} windows and its neighbours")
    player.start_gateways(plan.later)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(HANDOVER):
            await picture.until(
                lambda: all((plan.late, each) in picture.updates for each in plan.neighbours(plan.late))
            )
    player.start_sensors(plan.later)
    picture.joined = True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="", help="a recording of yours, or actuators, fan, simulated")
    parser.add_argument("--family", default="", help="by which they are judged; otherwise what suits the recording")
    parser.add_argument("--seconds", type=float, help="end after so long; otherwise at Ctrl-C")
    parser.add_argument("--rate", type=float, default=16.0, help="windows a second and sensor (recorded: 1)")
    parser.add_argument("--page", type=int, help="port of the web page; 0: none; otherwise 8080, or a free one")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "line", help="configs, databases and logs")
    parser.add_argument("--picture", type=Path, help="save the last screen as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
