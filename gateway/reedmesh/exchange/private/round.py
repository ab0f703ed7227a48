"""One round of private sums in one member: what it says when, and the sum that comes out, or none. Pure.

    told -> norms -> set -> answer -> done, or void

Every member tells its masked numbers; says how large each other's are, as far as its shares tell; a leader names the
set whose sum is shown; each member answers once, with the sum of its shares. Nobody waits longer than a share of the
round. Whatever is not enough makes the round void, which shows nothing; the next one begins anew.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from struct import Struct

import numpy as np

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import PRIME, Values
from reedmesh.errors import WireError
from reedmesh.exchange.private import masks, norms
from reedmesh.exchange.private.masks import Layout, Masked
from reedmesh.exchange.private.norms import PROBES

# Shares of a round after which nobody is waited for any more.
TELLING, NORMS, SETTING, LAST, END = 0.4, 0.55, 0.6, 0.8, 0.9  # leaders take turns from SETTING to LAST
LEAVES = NORM, SET, ANSWER = "cell/norms", "cell/set", "cell/answer"
_BITS = Struct("<H")

Said = tuple[str, bytes]  # leaf, and what is to be signed and said there


@dataclass(frozen=True)
class Outcome:
    """Of a round. total: the sum of what the members of the set told, int64 [size]; None: void, with the reason.

    left_out: members that told too much. liars: members whose answers were wrong.
    """

    number: int
    total: np.ndarray | None
    members: tuple[int, ...] = ()
    left_out: tuple[int, ...] = ()
    liars: tuple[int, ...] = ()
    reason: str = ""


@dataclass
class Round:
    """The round `number` in the member `me`. secrets: shared with each member, 32 bytes.

    answered: the set that was answered in this round before a restart; 0: none yet. keep: called with the set before it
    is answered, so that no other one is answered after a power cut.
    """

    layout: Layout
    me: int
    number: int
    secrets: dict[int, bytes]
    keep: Callable[[int], None]
    answered: int = 0
    outcome: Outcome | None = None
    told: dict[int, Masked] = field(default_factory=dict)
    shares: dict[int, Values] = field(default_factory=dict)
    norms: dict[int, dict[int, Values]] = field(default_factory=dict)  # by whom, of whom
    chosen: int = 0  # the set, a bit for each member
    answers: dict[int, tuple[int, Values]] = field(default_factory=dict)  # the set each is for, and the sum
    wrong: set[int] = field(default_factory=set)
    _said: set[str] = field(default_factory=set)

    def hear_told(self, member: int, frame: bytes) -> None:
        """What a member told; raises WireError, also when it told something else before."""
        told = masks.read(self.layout, member, frame)
        if member in self.told:
            if self.told[member].digest != told.digest:
                raise WireError(f"private sums: {self.layout.members[member]} told two things in round {self.number}")
            return
        self.shares[member] = masks.share(self.layout, self.me, member, self.number, told, self.secrets[member])
        self.told[member] = told

    def hear(self, member: int, leaf: str, body: bytes) -> None:
        """What a member said on one of LEAVES, its signature checked; raises WireError. The first of a kind counts."""
        if leaf == NORM and member not in self.norms:
            self.norms[member] = self._norms(body)
        elif leaf == SET and not self.chosen:
            self._take_set(body)
        elif leaf == ANSWER and member not in self.answers:
            self.answers[member] = _read_bits(body), prime_field.unpack(body[2:], self.layout.share)

    def step(self, passed: float) -> Iterator[Said]:
        """What to say now, `passed` being the share of the round that is over; sets `outcome` in the end."""
        if self.outcome:
            return
        everybody = len(self.layout.members)
        if len(self.told) == everybody or passed >= TELLING:
            yield from self._once(NORM, self._say_norms)
        ready = len(self.norms) == everybody or passed >= NORMS
        if ready and not self.chosen and self._leads(passed):
            yield from self._once(SET, self._say_set)
        if self.chosen:
            yield from self._once(ANSWER, self._say_answer)
        if self.chosen and (len(self.answers) == everybody or passed >= END):
            self.outcome = self._opened()
        elif passed >= END:
            self.outcome = self._void(f"{len(self.told)} members told, {len(self.norms)} said norms, and no set came")

    def _once(self, leaf: str, say: Callable[[], bytes]) -> Iterator[Said]:
        if leaf in self._said:
            return
        body = say()
        if body:
            self._said.add(leaf)
            self.hear(self.me, leaf, body)
            yield leaf, body

    def _say_norms(self) -> bytes:
        rows = [norms.answer(self.layout, self.told[each], self.shares[each]) for each in sorted(self.told)]
        bits = _BITS.pack(_bits(self.told))
        return bits + (prime_field.pack(np.concatenate(rows)) if rows else b"")

    def _norms(self, body: bytes) -> dict[int, Values]:
        members = self._members(_read_bits(body))
        values = prime_field.unpack(body[2:], PROBES * len(members)).reshape(-1, PROBES)
        return dict(zip(members, values, strict=True))

    def _leads(self, passed: float) -> bool:
        """Whether it is our turn to name the set: one after the other, in an order that the round decides."""
        order = sorted(range(len(self.layout.members)), key=self._rank)
        turn = order.index(self.me)
        return not turn or passed >= SETTING + (LAST - SETTING) * turn / len(order)

    def _rank(self, member: int) -> bytes:
        return sha256(self.layout.id + self.number.to_bytes(4, "little") + bytes([member])).digest()

    def _say_set(self) -> bytes:
        """The members that enough others can answer for, but for those that told too much; b"": too few."""
        chosen = set(self.told)
        able = [by for by, found in self.norms.items() if chosen <= set(found)]
        if len(able) < self.layout.needed:
            chosen = {each for each in chosen if self._heard_by(each) >= self.layout.needed}
        chosen -= self._too_large(chosen)
        return _BITS.pack(_bits(chosen)) if len(chosen) >= self._fewest() else b""

    def _heard_by(self, member: int) -> int:
        return sum(member in found for found in self.norms.values())

    def _too_large(self, members: set[int]) -> set[int]:
        """Those that told too much, as far as it can be said."""
        sizes = {}
        for each in sorted(members):
            answers = {by: found[each] for by, found in self.norms.items() if each in found}
            try:
                sizes[each], wrong = norms.size(self.layout, self.told[each], answers)
            except WireError:
                continue
            self.wrong |= set(wrong)
        return norms.too_large(sizes)

    def _take_set(self, body: bytes) -> None:
        """Take a set to answer; raises WireError for one that we do not."""
        bits = _read_bits(body)
        members = self._members(bits)
        if len(body) != _BITS.size or len(members) < self._fewest() or not set(members) <= set(self.told):
            raise WireError(f"private sums: a set of {len(members)} in round {self.number}, not all of which told")
        if large := self._too_large(set(self.told)) & set(members):
            raise WireError(f"private sums: a set with {self.layout.members[min(large)]}, which told too much")
        self.chosen = bits

    def _say_answer(self) -> bytes:
        """The sum of our shares, for one set in a round and no other, whatever happens."""
        if self.answered not in (0, self.chosen):
            return b""
        self.keep(self.chosen)
        self.answered = self.chosen
        parts = [self.shares[each] for each in self._members(self.chosen)]
        return _BITS.pack(self.chosen) + prime_field.pack(np.sum(parts, axis=0) % np.uint64(PRIME))

    def _opened(self) -> Outcome:
        members = self._members(self.chosen)
        left_out = tuple(sorted(set(self.told) - set(members)))
        try:
            answers = {by: row for by, (chosen, row) in self.answers.items() if chosen == self.chosen}
            pieces, wrong = masks.pieces_of(self.layout, answers)
        except WireError as fault:
            return self._void(str(fault))
        found = masks.unmasked(self.layout, [self.told[each] for each in members], pieces)
        liars = tuple(sorted(self.wrong | set(wrong)))
        return Outcome(self.number, prime_field.signed(found), tuple(members), left_out, liars)

    def _void(self, reason: str) -> Outcome:
        return Outcome(self.number, None, liars=tuple(sorted(self.wrong)), reason=reason)

    def _members(self, bits: int) -> list[int]:
        if bits >> len(self.layout.members):
            raise WireError("private sums: a member that there is not")
        return [i for i in range(len(self.layout.members)) if bits >> i & 1]

    def _fewest(self) -> int:
        """Members of a set: with fewer, T of them that talk to each other would know the rest too well."""
        return max(masks.LEAST, self.layout.hidden + 2)


def _bits(members: object) -> int:
    return sum(1 << each for each in members)  # type: ignore[attr-defined]


def _read_bits(body: bytes) -> int:
    if len(body) < _BITS.size:
        raise WireError(f"private sums: {len(body)} bytes")
    return int(_BITS.unpack_from(body)[0])
