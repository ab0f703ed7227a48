"""Gateways and their neighbours as circles and arrows on a ring. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import cos, hypot, pi, sin

WIDTH, HEIGHT = 640.0, 400.0  # of the drawing's own coordinates
RADIUS = 26.0  # of a gateway
BEND = 0.12  # of an arrow's length, to one side: so that one each way can be told apart
HEAD = 8.0  # of an arrow

Point = tuple[float, float]


@dataclass(frozen=True)
class Node:
    """A gateway in the drawing."""

    name: str
    at: Point


@dataclass(frozen=True)
class Arrow:
    """From a gateway to one that takes its updates; state: merged, refused, late or "" for not yet."""

    source: str
    target: str
    state: str = ""


def ring(names: Sequence[str]) -> list[Node]:
    """Places for gateways: on an ellipse, the first on top; a single one in the middle."""
    if len(names) == 1:
        return [Node(names[0], (WIDTH / 2, HEIGHT / 2))]
    step, wide, high = 2 * pi / max(1, len(names)), WIDTH / 2 - 90, HEIGHT / 2 - 60
    return [
        Node(name, (WIDTH / 2 + wide * sin(step * i), HEIGHT / 2 - high * cos(step * i)))
        for i, name in enumerate(names)
    ]


def label(node: Node) -> float:
    """How far below its middle a gateway's name stands: outside of the ring, where no arrow is."""
    return RADIUS + 18 if node.at[1] >= HEIGHT / 2 - 1 else -RADIUS - 10


def arrows(nodes: Iterable[Node], wanted: Iterable[Arrow], state: str) -> str:
    """The `d` of an SVG path with all arrows of one state between gateways that have a place."""
    places = {node.name: node.at for node in nodes}
    known = [each for each in wanted if each.state == state and each.source in places and each.target in places]
    return "".join(_arrow(places[each.source], places[each.target]) for each in known if each.source != each.target)


def _arrow(start: Point, end: Point) -> str:
    """A bent line from edge to edge of two gateways, with a head."""
    (x0, y0), (x1, y1) = start, end
    length = hypot(x1 - x0, y1 - y0) or 1.0
    u, v = (x1 - x0) / length, (y1 - y0) / length
    middle = (x0 + x1) / 2 - v * BEND * length, (y0 + y1) / 2 + u * BEND * length
    first, last = _towards(start, middle), _towards(end, middle)
    return f"M{_text(first)}Q{_text(middle)} {_text(last)}{_head(middle, last)}"


def _towards(start: Point, goal: Point) -> Point:
    """Where the line from the middle of a gateway leaves it."""
    length = hypot(goal[0] - start[0], goal[1] - start[1]) or 1.0
    share = (RADIUS + 4) / length
    return start[0] + share * (goal[0] - start[0]), start[1] + share * (goal[1] - start[1])


def _head(source: Point, tip: Point) -> str:
    length = hypot(tip[0] - source[0], tip[1] - source[1]) or 1.0
    u, v = HEAD * (tip[0] - source[0]) / length, HEAD * (tip[1] - source[1]) / length
    left, right = (tip[0] - u - v * 0.6, tip[1] - v + u * 0.6), (tip[0] - u + v * 0.6, tip[1] - v - u * 0.6)
    return f"M{_text(left)}L{_text(tip)}L{_text(right)}"


def _text(point: Point) -> str:
    return f"{point[0]:.1f} {point[1]:.1f}"
