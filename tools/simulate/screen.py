"""The line in a terminal: a live table where there is one, plain lines where there is not."""

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from tools.simulate.observer import Picture, SensorView

console = Console()
ALERTS, LOG = 4, 14  # lines at most: of alerts, which stay, and of what happened last
FRAMES = 7  # lines of borders, of the table's headings, and the last one, which says how to stop
LEAST = 3  # lines of what happened, however small the screen
SIZE = 110, 40  # of the picture
PLAIN_SVG = re.sub(r"@font-face {{.*?}}", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)  # fetches no fonts


@contextmanager
def show(picture: Picture) -> Iterator[None]:
    """Keep the picture on the screen while the context lasts."""
    if console.is_terminal:
        with Live(get_renderable=lambda: frame(picture, console.height), console=console, refresh_per_second=4):
            yield
    else:
        picture.note = _printing(picture.note, picture.log)  # type: ignore[method-assign]
        broker = picture.plan.mosquitto or "embedded"
        print(f"line: {picture.origin}; {len(picture.sensors)} sensors on {len(picture.plan.ports)} gateways")
        print(f"broker of each gateway: {broker}")
        print(how_to_stop(picture).plain, flush=True)
        yield


def save(picture: Picture, place: Path) -> None:
    """Save what the screen showed last, as SVG."""
    width, height = SIZE
    recorder = Console(record=True, width=width, file=io.StringIO())
    recorder.print(frame(picture, height))
    recorder.save_svg(str(place), title="make demo", code_format=PLAIN_SVG)


def _printing(note: Callable[[str], None], log: list[str]) -> Callable[[str], None]:
    def print_too(text: str) -> None:
        note(text)
        print(log[-1], flush=True)

    return print_too


def frame(picture: Picture, height: int) -> Group:
    """The whole screen, in at most `height` - 1 lines: alerts stay, older events give way to newer ones."""
    alerts = picture.alerts[-ALERTS:]
    shown = len(picture.sensors) + bool(picture.plan.station)
    room = height - 1 - shown - FRAMES - (len(alerts) + 2 if alerts else 0)
    lines = picture.log[-max(LEAST, min(LOG, room)) :] or ["gateways and sensors are starting"]
    parts: list[RenderableType] = [Panel(_table(picture), title=Text(f"reedmesh · {picture.origin}"))]
    if picture.plan.station:
        parts.append(_station(picture))
    if alerts:
        parts.append(Panel(_lines(alerts, "bold red"), title="alerts", border_style="red"))
    return Group(*parts, Panel(_lines(lines), title="what happened"), how_to_stop(picture))


def _station(picture: Picture) -> Text:
    """The gripper's line: how many parts of which verdict, the last one, and how fast."""
    it, plan = picture.parts, picture.plan
    assert plan.station
    counted = f"{it.ok} OK, {it.nok} NOK, {it.unsure} unsure" if it.state == "watching" else f"{it.unjudged} parts"
    last = f" · {it.last} {it.verdict} in {it.milliseconds:.2f} ms" if it.verdict else ""
    failing = "failing" if plan.station.failing else "runs well"
    return Text(f"  {plan.station.gateway}/gripper  {failing}  {it.state}  {counted}{last}", no_wrap=True)


def how_to_stop(picture: Picture) -> Text:
    """The last line."""
    merged, refused = picture.merges()
    said = ["Ctrl-C ends it", *([f"http://127.0.0.1:{picture.page}"] if picture.page else [])]
    if picture.taken:
        said.append(f"updates {picture.taken}, merged {merged}, refused {refused}")
    return Text(" · ".join(said), "bold", no_wrap=True, overflow="ellipsis")


def _lines(lines: list[str], style: str = "") -> Text:
    return Text("\n".join(lines), style, no_wrap=True, overflow="ellipsis")


def _table(picture: Picture) -> Table:
    table = Table(box=None, expand=True, pad_edge=False)
    for heading, width in (("sensor", 23), ("machine", 10), ("state", 9), ("score", 6), ("limit", 6)):
        table.add_column(heading, width=width, no_wrap=True)
    table.add_column("", ratio=1, no_wrap=True)
    for sensor in picture.sensors.values():
        table.add_row(*_row(picture, sensor))
    return table


def _row(picture: Picture, sensor: SensorView) -> list[str | Text | ProgressBar]:
    state, machine = sensor.state, sensor.machine
    if sensor not in picture.present():
        return [f"{machine.gateway}/{machine.name}", "", Text("later", "dim"), "", "", ""]
    condition = Text("failing", "red") if machine.condition == "fault" else Text("runs well", "green")
    judged = Text("ALERT", "bold white on red") if state.get("alert") else Text(state.get("state", "starting"))
    score, threshold = state.get("score"), state.get("threshold")
    numbers = ["" if value is None else f"{value:.2f}" for value in (score, threshold)]
    name = f"{machine.gateway}/{machine.name}" + (" ~wire" if machine.wired else "")
    return [name, condition, judged, *numbers, _bar(state)]


def _bar(state: dict[str, object]) -> ProgressBar | str:
    if "progress" in state:
        return ProgressBar(total=1.0, completed=float(str(state["progress"])))
    score, threshold = state.get("score"), state.get("threshold")
    if not score or not threshold:
        return ""
    ratio = float(str(score)) / float(str(threshold))
    style = "red" if ratio > 1 else "green"
    return ProgressBar(total=2.0, completed=min(2.0, ratio), complete_style=style, finished_style=style)
