"""The line in a terminal: a live table where there is one, plain lines where there is not."""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.simulate.observer import Picture, Sight

console = Console()
LOG_LINES = 14
PLAIN_SVG = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fetches no fonts


@contextmanager
def show(picture: Picture) -> Iterator[None]:
    """Keep the picture on the screen while the context lasts."""
    if console.is_terminal:
        with Live(get_renderable=lambda: _frame(picture), console=console, refresh_per_second=4):
            yield
    else:
        picture.note = _printing(picture)  # type: ignore[method-assign]
        sizes = f"{len(picture.sights)} sensors on {len(picture.plan.ports)} gateways"
        print(f"line: {picture.origin}; {sizes}", flush=True)
        yield


def picture(picture: Picture, place: Path) -> None:
    """Save what the screen showed last, as SVG."""
    recorder = Console(record=True, width=110, file=io.StringIO())
    recorder.print(_frame(picture))
    recorder.save_svg(str(place), title="make demo", code_format=PLAIN_SVG)


def _printing(picture: Picture):  # type: ignore[no-untyped-def]
    note = picture.note

    def print_too(text: str) -> None:
        note(text)
        print(picture.log[-1], flush=True)

    return print_too


def _frame(picture: Picture) -> Group:
    lines = picture.log[-LOG_LINES:] or ["gateways and sensors are starting"]
    where = f"http://127.0.0.1:{picture.page}" if picture.page else "no web page"
    title = f"reedmesh line · {picture.origin} · {where} · Ctrl-C ends it"
    return Group(Panel(_table(picture), title=Text(title)), Panel(Text("\n".join(lines)), title="what happened"))


def _table(picture: Picture) -> Table:
    table = Table(box=None, expand=True)
    for heading in ("gateway", "sensor", "the machine", "state", "score", "threshold", ""):
        table.add_column(heading, ratio=2 if heading == "" else 1)
    for sight in picture.sights.values():
        table.add_row(*_row(sight))
    return table


def _row(sight: Sight) -> list[str | Text | ProgressBar]:
    state, machine = sight.state, sight.machine
    condition = Text("failing", "red") if machine.condition == "fault" else Text("runs well", "green")
    judged = Text("ALERT", "bold white on red") if state.get("alert") else Text(state.get("state", "starting"))
    score, threshold = state.get("score"), state.get("threshold")
    numbers = ["" if value is None else f"{value:.2f}" for value in (score, threshold)]
    name = f"{machine.name}, on a wire" if machine.wired else machine.name
    return [machine.gateway, name, condition, judged, *numbers, _bar(state)]


def _bar(state: dict[str, object]) -> ProgressBar | str:
    if "progress" in state:
        return ProgressBar(total=1.0, completed=float(str(state["progress"])))
    score, threshold = state.get("score"), state.get("threshold")
    if not score or not threshold:
        return ""
    ratio = float(str(score)) / float(str(threshold))
    style = "red" if ratio > 1 else "green"
    return ProgressBar(total=2.0, completed=min(2.0, ratio), complete_style=style, finished_style=style)


def summary(picture: Picture) -> None:
    """What the line did, and whether it was right."""
    table = Table(title=f"{picture.origin}", title_justify="left")
    for heading in ("sensor", "machine", "alert", "windows", "missed", "disagreements"):
        table.add_column(heading)
    for sight in picture.sights.values():
        table.add_row(sight.machine.name, *_outcome(sight))
    console.print(table)
    pairs = len(picture.plan.ports) * (len(picture.plan.ports) - 1)
    console.print(f"updates taken from neighbours: {len(picture.updates)} of {pairs} pairs of gateways")
    counts = [each for seen in picture.merged.values() for each in seen.values()]
    merged, refused = (sum(each[i] for each in counts) for i in (0, 1))
    console.print(f"learnt together: merged {merged} times, {refused} times it would have hurt: `reedmesh learning`")
    console.print("every failing machine raised an alert, no other did" if picture.good else _failure(picture))


def proofs(picture: Picture, faults: list[str]) -> None:
    """Whether ledgers and passports hold, once every machine has its model."""
    if picture.all_taught():
        counts = (
            f"{len(picture.plan.ports)} ledgers are whole, the passports of {len(picture.plan.machines)} models hold"
        )
        console.print("\n".join(faults) or f"{counts}: `reedmesh ledger`, `reedmesh passport`")


def _outcome(sight: Sight) -> list[str]:
    began, alerted = sight.fault_began, sight.alerted
    found = f"after {alerted - began:.1f} s" if alerted and began else "none"
    if sight.false_alerts:
        found += f", {sight.false_alerts} false"
    condition = "failed" if began else "would have failed later" if sight.machine.faulty else "ran well"
    return [condition, found, *(str(sight.state.get(key, "")) for key in ("windows", "missed", "disagreements"))]


def _failure(picture: Picture) -> str:
    if not picture.all_watching():
        return "NOT SHOWN: it ended before every sensor was watching; give it more SECONDS"
    return "WRONG: a failing machine raised no alert, or a healthy one did"
