"""The answer to `provenance` as frozen values. Pure, and safe against any answer, as `answers.py` is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.answers import LONG, dicts
from reedmesh.dashboard.model.reducer import MAX_COUNT, MAX_NEIGHBOURS, MAX_SCORE, MAX_TIME, count, number, text

MOST_POINTS = 100
MOST_AUDITORS = 20


@dataclass(frozen=True)
class ModelOrigin:
    """The origin of a sensor's newest model. root: of the windows, committed to in entry `committed`.

    merged: (neighbour, share, worth). checkable: it can be learnt again. fault: why its passport does not hold, or "".
    """

    sensor: str
    sequence: int
    sha256: str
    fault: str
    windows: int
    root: str
    committed: int
    checkable: bool
    auditors: tuple[str, ...]
    merged: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class NeighbourAccount:
    """The contributions of a neighbour, by the newest entries of the ledger, and the points between us.

    over: its worth in all, (s since 1970, natural logarithms). head, heard: its ledger's newest entry, and when.
    """

    name: str
    taken: int
    refused: int
    merged: int
    left_out: int
    forks: int
    worth: float
    over: tuple[tuple[float, float], ...]
    owed: int
    due: int
    agreed: int
    head: int | None
    heard: float | None


@dataclass(frozen=True)
class Provenance:
    """Of one gateway. head: hash of the newest of so many entries of its ledger, hex."""

    models: tuple[ModelOrigin, ...] = ()
    neighbours: tuple[NeighbourAccount, ...] = ()
    entries: int = 0
    head: str = ""


def provenance(answer: Mapping[str, Any]) -> Provenance:
    """The answer to `provenance`."""
    chain, named = answer.get("ledger"), answer.get("neighbours")
    chain = chain if isinstance(chain, dict) else {}
    pairs = list(named.items())[:MAX_NEIGHBOURS] if isinstance(named, dict) else []
    return Provenance(
        models=tuple(_model(each) for each in dicts(answer.get("models"))),
        neighbours=tuple(_neighbour(text(name), each) for name, each in pairs if isinstance(each, dict)),
        entries=count(chain.get("entries")),
        head=text(chain.get("head"), 64),
    )


def _model(said: Mapping[str, Any]) -> ModelOrigin:
    auditors = said.get("auditors")
    listed = [text(each, 64) for each in auditors[:MOST_AUDITORS]] if isinstance(auditors, list) else []
    merged = [(text(each.get("gateway")), _share(each), _worth(each)) for each in dicts(said.get("merged"))]
    return ModelOrigin(
        sensor=text(said.get("sensor")),
        sequence=count(said.get("sequence")),
        sha256=text(said.get("sha256"), 64),
        fault=text(said.get("fault"), LONG),
        windows=count(said.get("windows")),
        root=text(said.get("root"), 64),
        committed=count(said.get("committed")),
        checkable=said.get("checkable") is True,
        auditors=tuple(listed),
        merged=tuple(merged[:MAX_NEIGHBOURS]),
    )


def _neighbour(name: str, said: Mapping[str, Any]) -> NeighbourAccount:
    head = number(said.get("head"), MAX_COUNT)
    return NeighbourAccount(
        name=name,
        taken=count(said.get("taken")),
        refused=count(said.get("refused")),
        merged=count(said.get("merged")),
        left_out=count(said.get("left out")),
        forks=count(said.get("fork")),
        worth=_worth(said),
        over=_over(said.get("over")),
        owed=count(said.get("owed")),
        due=count(said.get("due")),
        agreed=count(said.get("agreed")),
        head=None if head is None else int(head),
        heard=number(said.get("heard"), MAX_TIME),
    )


def _over(said: object) -> tuple[tuple[float, float], ...]:
    """Pairs of a time and a worth; what is none is left out."""
    found = []
    for each in said[:MOST_POINTS] if isinstance(said, list) else ():
        if isinstance(each, list) and len(each) == 2:
            at, worth = number(each[0], MAX_TIME), _signed(each[1])
            if at is not None and worth is not None:
                found.append((at, worth))
    return tuple(found)


def _share(said: Mapping[str, Any]) -> float:
    return number(said.get("share"), 1.0) or 0.0


def _worth(said: Mapping[str, Any]) -> float:
    return _signed(said.get("worth")) or 0.0


def _signed(said: object) -> float | None:
    """A number of either sign; None for anything else."""
    if isinstance(said, bool) or not isinstance(said, int | float):
        return None
    return float(said) if abs(said) <= MAX_SCORE else None
