"""Private sums between neighbours: rounds by the clock, what is told as a coded update, and the sum as one neighbour.

A round begins every `seconds` at the same moment everywhere. What is told travels as every update does, coded and
signed; norms, set and answers are small, signed and retained. What was told and answered is on disk before it is said,
so a power cut makes nobody say two things in a round.
"""

import asyncio
import hmac
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from reedmesh.coding import prime_field
from reedmesh.coding.collector import Payload
from reedmesh.errors import WireError
from reedmesh.exchange.member import Member
from reedmesh.exchange.private import masks
from reedmesh.exchange.private.masks import Layout
from reedmesh.exchange.private.round import Outcome, Round
from reedmesh.exchange.sender import Sender
from reedmesh.identity.ed25519 import is_signed, twin
from reedmesh.inference.family import Family
from reedmesh.learning import private_sums, told
from reedmesh.learning.aggregate import Peer
from reedmesh.learning.arrays import Floats
from reedmesh.learning.private_sums import Numbers
from reedmesh.learning.told import Told
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.store.cell_table import CellState
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

NAME = "cell"  # of the neighbour that the mean of all others stands for
LOOK = 0.2  # seconds between two looks
SIGNATURE = 64
MOST_BODY = 4096  # bytes of norms, a set or an answer, signature included
_PURPOSE = b"reedmesh cell\0"
_EARLY = 2  # rounds that are open at a time: ours, and the next one of a clock that is ahead


class CellExchange:
    """Of a member of a federation whose sums are private, for one family. seconds: of a round. weights: of no network.

    news: set when a sum came out. clock: s since 1970.
    """

    def __init__(
        self,
        member: Member,
        family: Family,
        disk: Disk,
        seconds: float,
        weights: Floats,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.news = asyncio.Event()
        self.last: Outcome | None = None
        self._member, self._family, self._disk = member, family, disk
        self._seconds, self._weights, self._clock = seconds, weights, clock
        self.members = tuple(sorted([member.name, *member.neighbours]))
        scope = f"{member.federation.name}\0{family.id}"
        self.layout = Layout(self.members, private_sums.length(family.recipe.length), scope=scope)
        self._me = self.members.index(member.name)
        self._state = disk.store.cells.state(family.id) or CellState()
        self._offered: Numbers | None = None
        self._rounds: dict[int, Round] = {}

    @property
    def number(self) -> int:
        """Of the round that is now."""
        return int(self._clock() // self._seconds)

    def offer(self, sums: Told) -> None:
        """What the next round tells of us."""
        self._offered = private_sums.numbers(sums, self._family.sums.quantile)

    def peers(self) -> dict[str, Peer]:
        """The mean of the others, of the last round that came to a sum, as one neighbour; {} before that."""
        found = self._state
        if found.mean is None:
            return {}
        return {NAME: Peer(self._weights, found.mean.scatter.freedom, sequence=found.number, told=found.mean)}

    def table(self) -> dict[str, Any]:
        """How the last round went, for people and programs."""
        it = self.last
        found = {"members": list(self.members), "enough": self.layout.needed, "seconds": self._seconds}
        if not it:
            return found
        by = {"of": it.members, "left_out": it.left_out, "wrong": it.liars}
        named = {what: [self.members[each] for each in who] for what, who in by.items()}
        return found | named | {"round": it.number, "sum": it.total is not None, "reason": it.reason}

    def hear_told(self, payload: Payload) -> None:
        """What a member told arrived whole; raises WireError."""
        member = self._index(payload.manifest.sender)
        self._round(masks.round_of(payload.data, self.layout)).hear_told(member, payload.data)

    def hear(self, leaf: str, gateway: str, frame: bytes) -> None:
        """What a member said on a leaf; raises WireError."""
        if not SIGNATURE + 4 < len(frame) <= MOST_BODY:
            raise WireError(f"private sums: {len(frame)} bytes on {leaf}")
        text, signature = frame[:-SIGNATURE], frame[-SIGNATURE:]
        signed = self._text(leaf, gateway, text)
        if not any(is_signed(key, signature, signed) for key in self._member.keyring.of(gateway)):
            raise WireError(f"private sums: {leaf} not signed by {gateway}")
        self._round(int.from_bytes(text[:4], "little")).hear(self._index(gateway), leaf, text[4:])

    async def run(self, sender: Sender) -> None:
        """Play round after round until cancelled."""
        while True:
            await self.once(sender)
            await asyncio.sleep(min(LOOK, self._seconds / 50))

    async def once(self, sender: Sender) -> None:
        """What is to be said now."""
        number = self.number
        for old in [each for each in self._rounds if each < number]:
            self._end(self._rounds.pop(old))
        if number != self._state.told_in and self._offered is not None:
            await self._tell(number)
        if number != self._state.told_in:
            return
        it = self._round(number)
        if self._me not in it.told:
            it.hear_told(self._me, self._state.told)
            await sender.publish(self._family.id, number, number, self._state.told)
        for leaf, body in list(it.step(self._clock() / self._seconds - number)):
            await self._keep()
            sender.keep(self._family.id, leaf, self._signed(leaf, number, body))
        if it.outcome and it.outcome is not self.last:
            await self._note(it.outcome)

    async def _tell(self, number: int) -> None:
        """Mask what is offered; it is on disk before anybody hears of it."""
        assert self._offered is not None
        keys, numbers = self._secrets(), prime_field.field(self._offered)
        frame = masks.tell(self.layout, self._me, number, numbers, keys, secrets.token_bytes(16))
        self._state = self._state.telling(number, frame, self._offered)
        await self._keep()

    async def _note(self, outcome: Outcome) -> None:
        """A round is over: keep what came of it, and say so."""
        self.last = outcome
        for each in outcome.liars:
            log.error("private round %d: %s said wrong shares", outcome.number, self.members[each])
        for each in outcome.left_out:
            log.warning("private round %d: %s told too much, or too late", outcome.number, self.members[each])
        if outcome.total is None:
            log.warning("private round %d came to nothing: %s", outcome.number, outcome.reason)
            return
        ours = self._state.numbers if self._me in outcome.members else 0 * outcome.total
        others = len(outcome.members) - (self._me in outcome.members)
        mean = private_sums.mean(outcome.total, ours, others, self._family.recipe.length)
        try:
            told.checked(mean)
        except WireError as fault:
            log.error("private round %d is not taken: %s", outcome.number, fault)
            return
        self._state = self._state.summed(outcome.number, mean)
        entry = Entry(ledger.SUMMED, family=self._family.id, sequence=outcome.number, reason=self._named(outcome))
        await self._disk.call(self._disk.store.cells.keep, self._family.id, self._state, entry)
        self.news.set()
        log.info("private round %d: the sum of %d gateways", outcome.number, len(outcome.members))

    def _named(self, outcome: Outcome) -> str:
        """Who is in a sum, who was left out and who answered wrong."""
        parts = (("of", outcome.members), ("without", outcome.left_out), ("wrong", outcome.liars))
        return "; ".join(f"{what} {', '.join(self.members[each] for each in who)}" for what, who in parts if who)

    def _end(self, it: Round) -> None:
        """A round that is over although nothing came of it."""
        if not it.outcome and it.told:
            log.warning("private round %d ended without a sum: %d members told", it.number, len(it.told))

    def _round(self, number: int) -> Round:
        now = self.number
        if not now <= number < now + _EARLY:
            raise WireError(f"private sums: of round {number}, it is {now}: too late, or a clock is wrong")
        if number not in self._rounds:
            answered = self._state.answered if self._state.answered_in == number else 0
            self._rounds[number] = Round(self.layout, self._me, number, self._secrets(), self._answering, answered)
        return self._rounds[number]

    def _answering(self, chosen: int) -> None:
        """Called before a set is answered; what is said waits until it is on disk."""
        self._state = self._state.answering(self.number, chosen)

    async def _keep(self) -> None:
        await self._disk.call(self._disk.store.cells.keep, self._family.id, self._state)

    def _index(self, gateway: str) -> int:
        if gateway not in self.members:
            raise WireError(f"private sums: {gateway} is no member of this cell")
        return self.members.index(gateway)

    def _secrets(self) -> dict[int, bytes]:
        """32 bytes shared with each member, from its key and ours; with ourselves, from ours alone."""
        found = {}
        for i, name in enumerate(self.members):
            keys = [self._member.key.public] if name == self._member.name else self._member.keyring.of(name)
            shared = self._member.key.opens.exchange(twin(keys[0])) if keys else secrets.token_bytes(32)
            info = b"reedmesh cell\0" + self.layout.id
            found[i] = HKDF(hashes.SHA256(), 32, None, info).derive(shared)
        return found

    def _signed(self, leaf: str, number: int, body: bytes) -> bytes:
        text = number.to_bytes(4, "little") + body
        return text + self._member.key.signature(self._text(leaf, self._member.name, text))

    def _text(self, leaf: str, gateway: str, text: bytes) -> bytes:
        return hmac.digest(self.layout.id, _PURPOSE + leaf.encode() + b"\0" + gateway.encode() + b"\0" + text, "sha256")
