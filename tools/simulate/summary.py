"""The summary after the end of the line: what happened, whether it was right, and commands that show more."""

import os
import sys
from pathlib import Path

from rich.table import Table

from tools.simulate.observer import Picture, SensorView
from tools.simulate.screen import console


def show(picture: Picture) -> None:
    """A row for each sensor, what neighbours were worth, and the verdict."""
    table = Table(title=picture.origin, title_justify="left")
    for heading in ("sensor", "machine", "alert", "windows", "missed", "disagreed"):
        table.add_column(heading, no_wrap=True)
    for sensor in picture.sensors.values():
        table.add_row(f"{sensor.machine.gateway}/{sensor.machine.name}", *_outcome(sensor))
    console.print(table)
    if picture.plan.station:
        it = picture.parts
        said = f"gripper: {it.ok} OK, {it.nok} NOK, {it.unsure} unsure; last verdict after {it.milliseconds:.2f} ms"
        console.print(f"{said}; of those looked at {it.rejected} failures were rejected, {it.wrong} parts judged wrong")
    merged, refused = picture.merges()
    said = f"updates of neighbours: {picture.taken} taken, {_times(merged)} merged, {_times(refused)} refused"
    console.print(said, soft_wrap=True)
    _compare(picture)
    console.print("every failing machine raised an alert, no other did" if picture.good else _failure(picture))


def _compare(picture: Picture) -> None:
    """The same machine from the same windows, with neighbours and without."""
    plan, by_gateway = picture.plan, {sensor.machine.gateway: sensor for sensor in picture.sensors.values()}
    if not plan.late or not picture.joined:
        return
    windows, name = plan.learn[plan.late], by_gateway[plan.late].machine.name
    table = Table(title=f"{name}, learnt from {windows} windows", title_justify="left")
    for heading in ("", "false alerts", "fault found"):
        table.add_column(heading, no_wrap=True)
    for said, gateway in (("with neighbours", plan.late), ("without", plan.alone)):
        sensor = by_gateway[gateway]
        table.add_row(said, str(sensor.false_alerts), _found(sensor))
    console.print(table)


def proofs(picture: Picture, faults: list[str]) -> None:
    """Whether ledgers and passports hold, once every machine has its model; and how to look at them."""
    if not picture.all_taught():
        return
    counts = f"{len(picture.plan.ports)} ledgers are whole, the passports of {len(picture.plan.machines)} models hold"
    console.print("\n".join(faults) or f"{counts}; what a model was made of, and who contributed:", soft_wrap=True)
    for hint in hints(picture):
        console.print(f"  {hint}", soft_wrap=True, highlight=False)


def hints(picture: Picture) -> list[str]:
    """Commands to paste into the shell that the line was started from."""
    program, plan = Path(sys.executable).with_name("reedmesh"), picture.plan
    last = plan.machines[-1] if not plan.late else next(m for m in plan.machines if m.gateway == plan.late)
    config = _near(plan.folder / last.gateway / "reedmesh.toml")
    return [f"{_near(program)} passport {last.name} {config}", f"{_near(program)} ledger show {config}"]


def _near(path: Path) -> str:
    """The path as one types it here: not longer than from the root."""
    near = os.path.relpath(path)
    return near if len(near) < len(str(path)) else str(path)


def _outcome(sensor: SensorView) -> list[str]:
    found = _found(sensor) if sensor.fault_began else "none"
    if sensor.false_alerts:
        found = f"{sensor.false_alerts} false" + (f", {found}" if sensor.found_after else "")
    machine = sensor.machine
    condition = "failed" if sensor.fault_began else "would have failed later" if machine.faulty else "ran well"
    return [condition, found, *(str(sensor.state.get(key, "")) for key in ("windows", "missed", "disagreements"))]


def _found(sensor: SensorView) -> str:
    if sensor.found_after is not None:
        return f"after {sensor.found_after:.1f} s"
    return "hidden by the false alert" if sensor.false_alerts else "no"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _failure(picture: Picture) -> str:
    begun = all(sensor.fault_began for sensor in picture.counted() if sensor.machine.faulty)
    if not picture.joined or not begun:
        return "NOT SHOWN: it ended before every sensor was watching and a machine failed; give it more SECONDS"
    return "WRONG: a failing machine raised no alert, or a healthy one did"
