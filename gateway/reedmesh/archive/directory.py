"""What a gateway knows of the other holders: what they offer, what they say they hold, and whether they are lost. Pure.

A holder is lost after MISSES audits in a row without an answer, or after a day without a signed word. A shard that did
not pass its audit is not there, whatever its holder says, until its list changes.
"""

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field

from reedmesh.archive.frames import Offer
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.placement import margin

MISSES = 3
SILENCE = 86_400.0  # seconds
LISTED_SECONDS = 5.0  # in which a shard that was taken is in its holder's list
MOST_BROKEN = 2  # times that a holder lost what it had of an object; it is given no more of that


@dataclass
class Holder:
    """A neighbour. held: shards by object, as bits; wrong: those that failed an audit. Times are of a steady clock, s.

    asked: when it is asked for its list again, at the earliest; due: for its next audit; slow_until: it is asked last.
    """

    heard: float
    due: float = 0.0
    asked: float = 0.0
    slow_until: float = 0.0
    offer: Offer | None = None
    offered_at: int = 0  # ms since 1970, by its clock
    known: bytes = b""  # digest of the list that `held` is of
    held: dict[bytes, int] = field(default_factory=dict)
    wrong: dict[bytes, int] = field(default_factory=dict)
    promised: dict[tuple[bytes, int], float] = field(default_factory=dict)  # shards it took, and when
    broken: Counter[bytes] = field(default_factory=Counter)  # by object: shards that it took and does not have
    misses: int = 0
    audited: float | None = None
    passed: int = 0
    failed: int = 0

    def mask(self, object_id: bytes) -> int:
        """Shards of an object that it holds, as far as we know."""
        return self.held.get(object_id, 0) & ~self.wrong.get(object_id, 0)


class Directory:
    """Of the gateway `name`. now: of a steady clock, s, as in all methods: when it began to listen."""

    def __init__(self, name: str, neighbours: Collection[str], now: float) -> None:
        self.name = name
        self.changed = True  # whether something may have to be re-made
        self.holders = {each: Holder(now) for each in sorted(neighbours)}

    def hear(self, gateway: str, now: float) -> None:
        """Note a sign of life."""
        holder = self.holders[gateway]
        self.changed |= now - holder.heard > SILENCE
        holder.heard = now

    def hear_offer(self, gateway: str, time: int, offer: Offer, now: float) -> None:
        """Take a neighbour's offer said at `time`, ms since 1970; one that is not newer than the last says nothing.

        Who was lost and speaks again is audited at once: it may have all that it had, or nothing.
        """
        holder = self.holders[gateway]
        if time <= holder.offered_at:
            return
        if self.is_lost(gateway, now):
            holder.due = now
        holder.offered_at, holder.offer = time, offer
        self.hear(gateway, now)

    def hear_list(self, gateway: str, digest: bytes, held: dict[bytes, int], now: float) -> None:
        """Take a neighbour's list; what failed an audit before may have been mended.

        A shard that it took and does not list is a promise broken; what it took just now may not be in the list yet.
        """
        holder = self.holders[gateway]
        holder.known, holder.held, holder.wrong = digest, held, {}
        for (object_id, index), at in list(holder.promised.items()):
            if held.get(object_id, 0) >> index & 1:
                del holder.promised[object_id, index]
            elif now - at < LISTED_SECONDS:
                held[object_id] = held.get(object_id, 0) | 1 << index
            else:
                del holder.promised[object_id, index]
                holder.broken[object_id] += 1
        self.changed = True

    def is_due(self, gateway: str, now: float) -> bool:
        """Whether a neighbour's list is to be asked for: it changed, or must show by now what it took."""
        holder = self.holders[gateway]
        late = any(now - at >= LISTED_SECONDS for at in holder.promised.values())
        changed = holder.offer is not None and holder.known != holder.offer.digest
        return holder.offer is not None and now >= holder.asked and (late or changed)

    def is_trusted(self, gateway: str, object_id: bytes) -> bool:
        """Whether a neighbour may be given shards of an object: it did not lose those it took before, but for once."""
        holder = self.holders.get(gateway)
        return not holder or holder.broken[object_id] < MOST_BROKEN

    def kept(self, gateway: str, object_id: bytes, index: int, now: float) -> None:
        """Note that a neighbour took a shard."""
        holder = self.holders[gateway]
        holder.promised[object_id, index] = now
        holder.held[object_id] = holder.held.get(object_id, 0) | 1 << index
        holder.wrong[object_id] = holder.wrong.get(object_id, 0) & ~(1 << index)

    def passed(self, gateway: str, now: float) -> None:
        """Note an audit that a neighbour passed."""
        holder = self.holders[gateway]
        self.changed |= holder.misses >= MISSES
        holder.misses, holder.audited, holder.passed = 0, now, holder.passed + 1

    def failed(self, gateway: str, object_id: bytes, index: int, now: float) -> None:
        """Note that a neighbour answered an audit, and not with the shard."""
        holder = self.holders[gateway]
        holder.misses, holder.audited, holder.failed = 0, now, holder.failed + 1
        holder.wrong[object_id] = holder.wrong.get(object_id, 0) | 1 << index
        holder.broken[object_id] += 1
        self.changed = True

    def missed(self, gateway: str, now: float) -> bool:
        """Note an audit without an answer; whether the neighbour is lost by it."""
        holder = self.holders[gateway]
        holder.misses, holder.audited, holder.failed = holder.misses + 1, now, holder.failed + 1
        self.changed |= holder.misses == MISSES
        return holder.misses == MISSES

    def is_lost(self, gateway: str, now: float) -> bool:
        """Whether a neighbour counts as lost."""
        holder = self.holders[gateway]
        return holder.misses >= MISSES or now - holder.heard > SILENCE

    def is_known(self, now: float, members: Collection[str]) -> bool:
        """Whether we have the list of every holder that is not lost, so that what is missing is missing.

        members: neighbours that were holders before we started.
        """
        holders = {name: each for name, each in self.holders.items() if each.offer or name in members}
        return all(each.known or self.is_lost(name, now) for name, each in holders.items())

    def alive(self, now: float) -> list[str]:
        """Neighbours that offer space and are not lost."""
        return [
            name
            for name, each in self.holders.items()
            if each.offer and each.offer.capacity and not self.is_lost(name, now)
        ]

    def masks(self, object_id: bytes, mine: int, now: float) -> dict[str, int]:
        """Who holds which shards of an object and is not lost; mine: those that are here."""
        found = {name: self.holders[name].mask(object_id) for name in self.holders if not self.is_lost(name, now)}
        return {name: mask for name, mask in (found | {self.name: mine}).items() if mask}

    def margin(self, it: Manifest, mine: int, now: float) -> int:
        """How many more holders of an object may be lost; -1: it cannot be read."""
        return margin(it.shape.k, self.masks(it.id, mine, now).values())

    def missing(self, it: Manifest, mine: int, now: float) -> list[int]:
        """Shards of an object that nobody who is there holds."""
        there = union(self.masks(it.id, mine, now).values())
        return [index for index in range(it.n) if not there >> index & 1]


def union(masks: Iterable[int]) -> int:
    """All bits of all `masks`."""
    found = 0
    for mask in masks:
        found |= mask
    return found
