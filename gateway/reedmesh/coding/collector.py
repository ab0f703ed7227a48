"""Collects bundles from shards that arrive from anybody, in any order, any number of times. Pure: time is passed in.

    announce(manifest) -> add(shard) ... -> a full generation -> payload() -> finish() -> payloads, in order

Only manifests whose signature holds may come in; they decide what every shard must hash to, so a forged shard counts as
missing. What is kept is bounded before anything is. Payloads of one sender and family come out in the order of their
sequence numbers, each once: one that continues another waits for it, and a gap becomes a request for a snapshot.
"""

from collections import deque
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from random import Random

from reedmesh.coding.reassembly import Reassembly, Stream
from reedmesh.coding.repair import Request, SnapshotRequest
from reedmesh.errors import WireError
from reedmesh.protocol.shards import Manifest, Shard
from reedmesh.token_bucket import TokenBucket


@dataclass(frozen=True)
class Limits:
    """How much is kept, and how often something is asked for. Times in seconds."""

    open: int = 4  # generations of one sender and family; the oldest gives way
    size: int = 64 << 20  # bytes of shards, of all generations
    blocks: int = 1024  # of a payload
    quiet: float = 0.5  # without a shard, until the missing ones are asked for; then twice that, and so on
    asks: int = 7  # without a shard in answer, until a generation is given up: after about a minute
    rate: float = 1 / 60  # updates of one sender a second, each of which is written to disk ...
    burst: int = 100  # ... and at once
    snapshot: float = 30.0  # between two requests for a snapshot, at most; the second comes after twice `quiet`


@dataclass(frozen=True)
class Payload:
    """A payload that arrived: whole, signed, and next in order."""

    manifest: Manifest
    data: bytes


@dataclass
class _Gap:
    """A stream that needs a snapshot. due: when to ask for it. asks: so many were made in vain."""

    due: float
    asks: int = 0


class Collector:
    """All bundles being collected. applied: the newest sequence number of each stream that was delivered; the caller
    keeps it over restarts, this class moves it on."""

    def __init__(
        self, applied: MutableMapping[Stream, int], limits: Limits = Limits(), random: Random | None = None
    ) -> None:
        self._applied = applied
        self._limits = limits
        self._random = random or Random()  # noqa: S311 - spreads requests in time
        self._open: dict[bytes, Reassembly] = {}
        self._wrong: deque[bytes] = deque(maxlen=64)  # bundles whose payload was not what their manifest said
        self._gaps: dict[Stream, _Gap] = {}  # streams that need a snapshot
        self._reports: list[Request] = []
        self._budgets: dict[str, TokenBucket] = {}  # of each sender

    @property
    def size(self) -> int:
        """The memory that open payloads may take, in bytes."""
        return sum(generation.reserved for generation in self._open.values())

    def announce(self, manifest: Manifest, now: float) -> None:
        """Expect the shards of a manifest whose signature was checked. now: seconds.

        Raises WireError for a manifest that is older than the newest, or of a payload that is too large.
        """
        known = self._open.get(manifest.bundle)
        if known:
            if manifest.hashed > known.manifest.hashed > 0:
                known.manifest = manifest
            return
        stream = manifest.sender, manifest.family, manifest.signer
        applied = self._applied.get(stream, -1)
        if manifest.sequence < applied:
            raise WireError(f"manifest: sequence {manifest.sequence} is older than {applied}, which was taken")
        if manifest.base == manifest.sequence:
            self._gaps.pop(stream, None)  # this is the snapshot, or there is none that is newer than what we have
        if manifest.sequence == applied or manifest.bundle in self._wrong:
            return
        if not self._continues(manifest, applied):
            self._gaps.setdefault(stream, _Gap(now + self._random.uniform(0.0, self._limits.quiet)))
            return
        budget = self._budgets.setdefault(manifest.sender, TokenBucket(self._limits.rate, self._limits.burst))
        if not budget.spend(now):
            self._gaps.setdefault(stream, _Gap(now + 1.0 / self._limits.rate))
            raise WireError(
                f"manifest: more than {self._limits.burst} updates, and one in {1 / self._limits.rate:.0f} s"
            )
        self._admit(Reassembly(manifest), now)

    def add(self, shard: Shard, now: float) -> Reassembly | None:
        """Keep a shard; returns its reassembly when that is complete now: the caller then owes a `finish`. now:
        seconds.
        """
        generation = self._open.get(shard.bundle)
        if not generation or not generation.add(shard):
            return None
        generation.asks = 0
        self._wait(generation, now)
        return generation if generation.complete else None

    def finish(self, generation: Reassembly, data: bytes | None, now: float) -> list[Payload]:
        """End a reassembly with its payload in bytes, None after WireError; returns the payloads whose turn it is.

        now: seconds.
        """
        if self._open.get(generation.manifest.bundle) is not generation:
            return []  # given up meanwhile
        if data is None:
            if not generation.want_more():
                self._wrong.append(generation.manifest.bundle)
                self._give_up(generation, now)
            return []
        generation.close(data)
        self._reports.append(generation.need())
        return list(self._in_order(generation.stream))

    def miss(self, stream: Stream, now: float) -> None:
        """Ask for a snapshot of a stream, because its last payload could not be used. now: seconds."""
        self._gaps.setdefault(stream, _Gap(now))

    def requests(self, now: float) -> list[Request]:
        """Requests to send now, in seconds; a reassembly that gets no answer is given up. Call it a few times a
        second.
        """
        found, self._reports = self._reports, []
        for generation in [each for each in self._open.values() if not each.complete and now >= each.due]:
            if generation.asks >= self._limits.asks:
                self._give_up(generation, now)
                continue
            found.append(generation.need())
            generation.asks += 1
            self._wait(generation, now)
        for stream, gap in self._gaps.items():
            if now >= gap.due:
                found.append(SnapshotRequest(*stream[:2]))
                self._put_off(gap, now)
        return found

    def _put_off(self, gap: "_Gap", now: float) -> None:
        """Ask again soon: whoever could answer may not have been listening yet. Then less and less often."""
        gap.asks += 1
        wait = min(self._limits.snapshot, self._limits.quiet * 2.0 ** min(gap.asks, 32))
        gap.due = now + wait * self._random.uniform(1.0, 1.5)

    def _continues(self, manifest: Manifest, applied: int) -> bool:
        """Whether a payload can be used: alone, or after what was delivered or is being collected."""
        stream = manifest.sender, manifest.family, manifest.signer
        coming = {each.manifest.sequence for each in self._open.values() if each.stream == stream}
        return manifest.base == manifest.sequence or manifest.base == applied or manifest.base in coming

    def _admit(self, generation: Reassembly, now: float) -> None:
        manifest, limits = generation.manifest, self._limits
        if manifest.shape.blocks > limits.blocks or self.size + generation.reserved > limits.size:
            kept = f"{self.size} of {limits.size} are taken"
            raise WireError(f"manifest: {manifest.shape.length} bytes in {manifest.shape.blocks} blocks, {kept}")
        rivals = [each for each in self._open.values() if each.stream == generation.stream]
        if len(rivals) >= limits.open:
            self._give_up(min(rivals, key=lambda each: each.manifest.sequence), now)
        self._open[manifest.bundle] = generation
        self._wait(generation, now)

    def _in_order(self, stream: Stream) -> Iterator[Payload]:
        while True:
            applied = self._applied.get(stream, -1)
            ready = [
                each
                for each in self._open.values()
                if each.stream == stream and each.data is not None and self._is_next(each.manifest, applied)
            ]
            if not ready:
                return
            chosen = min(ready, key=lambda each: each.manifest.sequence)
            self._applied[stream] = chosen.manifest.sequence
            for each in [each for each in self._open.values() if each.stream == stream]:
                if each.manifest.sequence <= chosen.manifest.sequence:
                    del self._open[each.manifest.bundle]
            assert chosen.data is not None
            yield Payload(chosen.manifest, chosen.data)

    @staticmethod
    def _is_next(manifest: Manifest, applied: int) -> bool:
        return manifest.sequence > applied and manifest.base in (applied, manifest.sequence)

    def _give_up(self, generation: Reassembly, now: float) -> None:
        del self._open[generation.manifest.bundle]
        self._gaps.setdefault(generation.stream, _Gap(now))

    def _wait(self, generation: Reassembly, now: float) -> None:
        """Put off the next request; not for the same time in all receivers, so that they do not speak at once."""
        generation.due = now + self._limits.quiet * 2**generation.asks * self._random.uniform(1.0, 1.5)
