"""A search as a picture: of each setting, onsets found over false alerts. SVG, made without a library. Pure."""

from collections.abc import Sequence
from html import escape
from math import log1p

from reedmesh.jobs.tuning import Trial, Worth

WIDE, HIGH, EDGE = 720, 420, 60
_FILLS = ("#1f77b4", "#ff7f0e", "#2ca02c", "#d62728", "#9467bd", "#8c564b", "#e377c2", "#7f7f7f", "#bcbd22", "#17becf")


def svg(title: str, found: Sequence[tuple[Trial, list[Worth]]], start: Worth, chosen: Worth) -> str:
    """Every setting as a point: across false alerts in 1000 windows (log), up onsets found; start and choice marked."""
    most = max([0.1, *(worth.false for _, worths in found for worth in worths)])
    marks = [
        f'<circle {_at(*point, most)} r="2.5" fill="{fill}" fill-opacity="0.45"/>' for point, fill in _points(found)
    ]
    marks += _marked(start, most, "#000", "the family as it is")
    marks += _marked(chosen, most, "#c00", "chosen")
    return "\n".join([*_frame(title, most), *marks, "</svg>"]) + "\n"


def _points(found: Sequence[tuple[Trial, list[Worth]]]) -> list[tuple[tuple[float, float], str]]:
    """Places, each once, with the colour of the recipe."""
    kinds = list(dict.fromkeys(str(trial.features.get("bands", "")) for trial, _ in found))
    placed: dict[tuple[float, float], str] = {}
    for trial, worths in found:
        fill = _FILLS[kinds.index(str(trial.features.get("bands", ""))) % len(_FILLS)]
        placed |= {(round(worth.false, 2), round(worth.onset, 3)): fill for worth in worths}
    return list(placed.items())


def _frame(title: str, most: float) -> list[str]:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDE} {HIGH}" font-family="sans-serif" font-size="12">'
    )
    lines = [head, f"<title>{escape(title)}</title>", '<rect width="100%" height="100%" fill="#fff"/>']
    lines.append(f'<text x="{EDGE}" y="24" font-size="15">{escape(title)}</text>')
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        y = _up(share)
        lines.append(f'<path d="M{EDGE} {y:.1f}H{WIDE - 20}" stroke="#ddd"/>')
        lines.append(f'<text x="{EDGE - 8}" y="{y + 4:.1f}" text-anchor="end">{share:.0%}</text>')
    for false in (each for each in (0, 1, 3, 10, 30, 100) if each <= most):
        lines += [f'<text x="{_across(false, most):.1f}" y="{HIGH - 38}" text-anchor="middle">{false}</text>']
    lines.append(
        f'<text x="{WIDE / 2}" y="{HIGH - 14}" text-anchor="middle">false alerts in 1000 normal windows</text>'
    )
    return [*lines, f'<text transform="translate(16 {HIGH / 2}) rotate(-90)" text-anchor="middle">onsets found</text>']


def _marked(worth: Worth, most: float, colour: str, text: str) -> list[str]:
    x, y = _across(worth.false, most), _up(worth.onset)
    ring = f'<circle cx="{x:.1f}" cy="{y:.1f}" r="8" fill="none" stroke="{colour}" stroke-width="2"/>'
    down = 24 if colour == "#000" else -12
    return [ring, f'<text x="{x + 10:.1f}" y="{y + down:.1f}" fill="{colour}">{escape(text)}</text>']


def _at(false: float, onset: float, most: float) -> str:
    return f'cx="{_across(false, most):.1f}" cy="{_up(onset):.1f}"'


def _across(false: float, most: float) -> float:
    return EDGE + 10 + (WIDE - EDGE - 150) * log1p(false) / log1p(most)


def _up(share: float) -> float:
    return HIGH - EDGE - (HIGH - 2 * EDGE - 10) * share
