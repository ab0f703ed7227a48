"""A factory line on this machine: gateways and their sensors learn normal operation, then machines start to fail.

Only the machines are simulated. Gateways are `reedmesh run`, each with a broker of its own (mosquitto where it is
installed), and sensors are the firmware under MicroPython. They replay recordings of real machines; a simulated signal
is called so.

    python -m tools.simulate.demo [--data windows.npz | actuators | fan | simulated] [--seconds 60] [--rate 16]

It ends after --seconds, with status 0 only if each failing machine raised an alert and no other did, every gateway's
ledger is whole, and every model's passport holds. The gateway without neighbours is there for comparison only.
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

from reedmesh.errors import ConfigError, ReedmeshError
from reedmesh.inference import family
from tools.checkout import ROOT
from tools.simulate import factory, layout, mosquitto, observer, recordings, screen, summary
from tools.simulate.free_ports import free_ports
from tools.simulate.layout import Machine, Plan
from tools.simulate.line import Line
from tools.simulate.observer import Picture

CALM = 2.0, 8.0  # seconds that every machine runs normally, judged, before faults appear: at least, at most
PAGE = 8080
HANDOVER = 20.0  # seconds that the updates of the neighbours may take to come, at most
LAST = 4.0  # seconds to go on after the last fault was found
FINDING = 10.0  # seconds that are kept for finding the faults


def main() -> int:
    """Run the line; returns the exit status."""
    arguments = _arguments()
    logging.disable(logging.WARNING)  # a broker that does not run yet is expected here
    try:
        arguments.family = arguments.family or recordings.suggested(arguments.data)
        recipe = family.read_plan(family.find_family(arguments.family)).recipe
        recording = recordings.named(arguments.data, recipe)
        found = mosquitto.program() if arguments.broker != "embedded" else None
        if arguments.broker == "mosquitto" and not found:
            raise ConfigError("no mosquitto found: apt install mosquitto, or --broker embedded")
        plan = layout.plan(recording, arguments.folder, arguments.family, found)
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
            scenario = asyncio.create_task(_scenario(player, arguments.seconds))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, scenario.cancel)
            with screen.show(picture):
                await _first(scenario, asyncio.create_task(line.broken()), player.failed)
    summary.show(picture)
    faults = factory.proofs(plan) if picture.all_taught() else []
    summary.proofs(picture, faults)
    if arguments.picture:
        screen.save(picture, arguments.picture)
    return 0 if picture.good and not faults else 1


class Player:
    """Lets gateways come and machines run; what it started ends with `stack`. failed: raises what it raised."""

    def __init__(self, plan: Plan, picture: Picture, line: Line, stack: contextlib.AsyncExitStack) -> None:
        self.plan = plan
        self.picture = picture
        self._line = line
        self._tasks: list[asyncio.Task[Any]] = []
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        stack.push_async_callback(self._end)

    def start_gateways(self, gateways: Collection[str]) -> None:
        """Start gateways, and watch them."""
        self._line.start_gateways(gateways)
        self._do(observer.watch(self.plan, self.picture, gateways))

    def start_sensors(self, gateways: Collection[str]) -> None:
        """Start the sensors of gateways, and feed their machines."""
        self._do(self._line.start_sensors(gateways))

    def _do(self, work: Iterable[Coroutine[Any, Any, None]]) -> None:
        for each in work:
            self._tasks.append(asyncio.create_task(each))
            self._tasks[-1].add_done_callback(self._note_failure)

    def _note_failure(self, task: "asyncio.Task[Any]") -> None:
        fault = None if task.cancelled() else task.exception()
        if fault and not self.failed.done():
            self.failed.set_exception(fault)

    def turn(self, condition: str, chosen: Callable[[Machine], bool] = lambda _: True) -> None:
        """Let the machines that are `chosen` run in this condition from now on."""
        if condition == "fault" and self.plan.station:
            self.plan.station.failing = True
            self.picture.note("gripper: collisions and obstructions begin, one operation in three")
        for machine in self.plan.machines:
            if chosen(machine):
                machine.condition = condition
                self.picture.turned(machine)

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def _first(scenario: "asyncio.Task[None]", *broken: "asyncio.Future[None]") -> None:
    """Wait for the end of the scenario, or for a process or a task that ended before its time."""
    done, rest = await asyncio.wait([scenario, *broken], return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    for task in done:
        if not task.cancelled():
            task.result()


async def _scenario(player: Player, seconds: float | None) -> None:
    """Let the machines learn, run normally and fail, then stop the line; on a slow computer the calm is shorter."""
    end = time.monotonic() + seconds if seconds else float("inf")
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await until_watching(player, end)
            player.turn("normal")
            await asyncio.sleep(min(CALM[1], max(CALM[0], end - time.monotonic() - FINDING - LAST)))
            player.turn("fault", lambda machine: machine.faulty)
            await player.picture.until(player.picture.all_found)
            await asyncio.sleep(LAST if seconds else float("inf"))


async def until_watching(player: Player, end: float = float("inf")) -> None:
    """Let the first gateways learn their machines, then have the others join; end: of the line, of time.monotonic."""
    plan, picture = player.plan, player.picture
    first = [name for name in plan.ports if name not in plan.later]
    player.start_gateways(first)
    player.start_sensors(first)
    await picture.until(picture.all_watching)
    if plan.later:
        await _join(player, min(HANDOVER, (end - time.monotonic()) / 3))
        await picture.until(picture.all_watching)


async def _join(player: Player, handover: float) -> None:
    """A gateway joins: it asks its neighbours for their updates, then a machine with few windows is mounted at it.

    handover: seconds that the updates may take to come.
    """
    plan, picture = player.plan, player.picture
    picture.note(f"gateway {plan.late} joins; it will learn from {plan.learn[plan.late]} windows and its neighbours")
    player.start_gateways(plan.later)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(handover):
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
    parser.add_argument("--broker", choices=("mosquitto", "embedded"), help="otherwise mosquitto where it is installed")
    parser.add_argument("--page", type=int, help="port of the web page; 0: none; otherwise 8080, or a free one")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "line", help="configs, databases and logs")
    parser.add_argument("--picture", type=Path, help="save the last screen as SVG")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
