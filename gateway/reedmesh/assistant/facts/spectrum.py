"""Which features an alert stood out in, as facts: bands by frequency and axis, everything else by name. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reedmesh.assistant.fact import COUNT, HERTZ, SHARE, Fact, Quantity, Value, Word, name
from reedmesh.inference.bearings import SLIP, Mark, nearest

Row = dict[str, Any]
AXES = "XYZ"
STANDS_OUT = 3.0  # times an even share, from which a feature stands out; as the dashboard draws it
MOST_NAMED = 3
LOW, MIDDLE, HIGH = "low", "middle", "high"  # thirds of the spectrum, on a logarithmic scale


@dataclass(frozen=True)
class Standout:
    """A feature that much of the score comes from.

    mark: a multiple of the shaft speed ("1x") or a bearing frequency ("BPFO") in the band, where these are known.
    part: LOW, MIDDLE or HIGH for a band, "" for other features. low, high: Hz, 0 for other features. number: of a band
    whose frequencies are not known, else 0.
    """

    feature: str
    axis: str
    share: float
    low: float = 0.0
    high: float = 0.0
    mark: str = ""
    part: str = ""
    number: int = 0


def standouts(rows: Sequence[Row], marks: Sequence[Row] = ()) -> list[Standout]:
    """The few features most of the score comes from, the first foremost; none when all share alike.

    rows: a gateway's `contributions`. marks: names and Hz of shaft orders and bearing frequencies, where known.
    """
    known = [Mark(name(each["name"]), each["hz"], 0.0 if _is_order(each) else SLIP * each["hz"]) for each in marks]
    least = STANDS_OUT / max(1, len(rows))
    ranked = sorted(rows, key=lambda row: -row["share"])[:MOST_NAMED]
    edges = [edge for row in rows for edge in row.get("hz", ())]
    last = max((_number(row) for row in rows), default=0)
    return [_standout(row, edges, last, known) for row in ranked if row["share"] >= least]


def facts(found: Sequence[Standout], alert: str) -> list[Fact]:
    """What stood out; one fact that nothing did, when nothing did."""
    if not found:
        return [Fact("alert.even", alert=alert)]
    return [_fact(each, alert) for each in found]


def _fact(it: Standout, alert: str) -> Fact:
    values: dict[str, Value] = {"axis": it.axis, "share": Quantity(it.share, SHARE)}
    if it.number:
        return Fact("alert.band-number", values | {"number": Quantity(it.number, COUNT)}, alert=alert)
    if not it.high:
        return Fact("alert.feature", values | {"feature": Word("feature", it.feature)}, alert=alert)
    values |= {"low": Quantity(it.low, HERTZ), "high": Quantity(it.high, HERTZ)}
    if it.mark:
        return Fact("alert.band-mark", values | {"mark": it.mark}, alert=alert)
    return Fact("alert.band", values, alert=alert)


def _standout(row: Row, edges: list[float], last: int, marks: list[Mark]) -> Standout:
    axis = name(row.get("name") or (AXES[row["axis"]] if row["axis"] < len(AXES) else row["axis"] + 1))
    if not row.get("hz") and (number := _number(row)):
        part = (LOW, MIDDLE, HIGH)[min(2, 3 * (number - 1) // last)]  # bands are spaced logarithmically
        return Standout("band", axis, row["share"], part=part, number=number)
    if not (band := row.get("hz")):
        return Standout(str(row["feature"]).lower(), axis, row["share"])
    low, high = float(band[0]), float(band[1])
    mark = nearest(low, high, marks) if low > 0 else None
    return Standout("band", axis, row["share"], low, high, mark.name if mark else "", _part(low, high, edges))


def _number(row: Row) -> int:
    """Of "band 7" 7; 0 for what is no band."""
    word, _, number = str(row["feature"]).partition(" ")
    return int(number) if word == "band" and number.isdigit() else 0


def _is_order(mark: Row) -> bool:
    """Whether it is a multiple of the shaft speed, which does not slip as a bearing does."""
    return str(mark["name"]).endswith("x")


def _part(low: float, high: float, edges: list[float]) -> str:
    """In which third of the spectrum a band's middle is."""
    bottom, top = max(min(edges), 1e-3), max(edges)
    if top <= bottom:
        return LOW
    reach = (top / bottom) ** (1 / 3)
    middle = (max(low, bottom) * high) ** 0.5
    return LOW if middle < bottom * reach else MIDDLE if middle < bottom * reach**2 else HIGH
