"""The answer to `archive` as frozen values. Pure, and safe against any answer, as `answers.py` is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.answers import dicts
from reedmesh.dashboard.model.reducer import MAX_COUNT, MAX_NEIGHBOURS, MAX_TIME, count, number, text

MOST_OBJECTS = 200
MOST_SHARDS = 8


@dataclass(frozen=True)
class Kept:
    """An object. size: bytes. until: s since 1970, 0: without end. margin: holders that may be lost, -1: unreadable."""

    id: str
    label: str
    owner: str
    kind: str
    size: int
    made: float
    until: float
    k: int
    n: int
    missing: int
    margin: int


@dataclass(frozen=True)
class Holder:
    """A neighbour that keeps shards. offers, used: bytes. heard, audited: seconds ago, None: never."""

    name: str
    offers: int
    used: int
    shards: int
    heard: float | None
    audited: float | None
    passed: int
    failed: int
    lost: bool


@dataclass(frozen=True)
class ArchiveState:
    """Of one gateway. damaged: shards found changed on its disk; repaired: shards it made again."""

    capacity: int = 0
    used: int = 0
    damaged: int = 0
    repaired: int = 0
    count: int = 0
    objects: tuple[Kept, ...] = ()
    holders: tuple[Holder, ...] = ()


def archive(answer: Mapping[str, Any]) -> ArchiveState:
    """The answer to `archive`."""
    named = answer.get("holders")
    pairs = sorted(named.items())[:MAX_NEIGHBOURS] if isinstance(named, dict) else []
    return ArchiveState(
        capacity=count(answer.get("capacity")),
        used=count(answer.get("used")),
        damaged=count(answer.get("damaged")),
        repaired=count(answer.get("repaired")),
        count=count(answer.get("count")),
        objects=tuple(_kept(each) for each in dicts(answer.get("objects"))[:MOST_OBJECTS]),
        holders=tuple(_holder(text(name), each) for name, each in pairs if isinstance(each, dict)),
    )


def _kept(said: Mapping[str, Any]) -> Kept:
    margin = said.get("margin")
    return Kept(
        id=text(said.get("id"), 32),
        label=text(said.get("label"), 64),
        owner=text(said.get("owner"), 32),
        kind=text(said.get("kind"), 16),
        size=count(said.get("bytes")),
        made=number(said.get("made"), MAX_TIME) or 0.0,
        until=number(said.get("until"), MAX_TIME) or 0.0,
        k=min(count(said.get("k")), MOST_SHARDS),
        n=min(count(said.get("n")), MOST_SHARDS),
        missing=min(count(said.get("missing")), MOST_SHARDS),
        margin=margin if type(margin) is int and -1 <= margin <= MOST_SHARDS else -1,
    )


def _holder(name: str, said: Mapping[str, Any]) -> Holder:
    return Holder(
        name=name,
        offers=count(said.get("offers")),
        used=count(said.get("used")),
        shards=count(said.get("shards")),
        heard=number(said.get("heard"), MAX_COUNT),
        audited=number(said.get("audited"), MAX_COUNT),
        passed=count(said.get("passed")),
        failed=count(said.get("failed")),
        lost=said.get("lost") is True,
    )
