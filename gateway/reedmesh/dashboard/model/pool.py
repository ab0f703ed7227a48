"""The answer to `jobs` as frozen values. Pure, and safe against any answer, as `answers.py` is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.answers import LONG, dicts
from reedmesh.dashboard.model.reducer import MAX_COUNT, MAX_NEIGHBOURS, MAX_TIME, count, number, text

HOTTEST = 200.0  # degrees Celsius


@dataclass(frozen=True)
class Lender:
    """The account with a neighbour: seconds of processor and jobs, both ways. others: results of it that were others.

    out_until: s since 1970, reason: nothing is borrowed from it until then; None: something may be.
    """

    name: str
    borrowed: float = 0.0
    borrowed_jobs: int = 0
    lent: float = 0.0
    lent_jobs: int = 0
    others: int = 0
    out_until: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Pool:
    """Of one gateway. hindrance: why it lends nothing now, "" if it does. doing: its job. jobs: kinds of its own."""

    lends: bool = False
    hindrance: str = ""
    doing: str = ""
    load: float = 0.0
    celsius: float = 0.0
    jobs: tuple[str, ...] = ()
    lenders: tuple[Lender, ...] = ()


def pool(answer: Mapping[str, Any]) -> Pool:
    """The answer to `jobs`."""
    known, out = _table(answer.get("neighbours")), _table(answer.get("out"))
    names = sorted({text(name) for name in (*known, *out)})[:MAX_NEIGHBOURS]
    return Pool(
        lends=answer.get("lends") is True,
        hindrance=text(answer.get("hindrance"), LONG),
        doing=text(answer.get("doing"), LONG),
        load=number(answer.get("load"), 1.0) or 0.0,
        celsius=number(answer.get("celsius"), HOTTEST) or 0.0,
        jobs=tuple(text(each.get("kind")) for each in dicts(answer.get("jobs"))),
        lenders=tuple(_lender(name, _table(known.get(name)), _table(out.get(name))) for name in names),
    )


def _lender(name: str, said: Mapping[str, Any], out: Mapping[str, Any]) -> Lender:
    return Lender(
        name=name,
        borrowed=_seconds(said.get("borrowed")),
        borrowed_jobs=count(said.get("borrowed_jobs")),
        lent=_seconds(said.get("lent")),
        lent_jobs=count(said.get("lent_jobs")),
        others=count(said.get("disagreed")),
        out_until=number(out.get("until"), MAX_TIME),
        reason=text(out.get("reason"), LONG),
    )


def _seconds(ms: object) -> float:
    return (number(ms, MAX_COUNT) or 0.0) / 1000


def _table(said: object) -> Mapping[str, Any]:
    return said if isinstance(said, dict) else {}
