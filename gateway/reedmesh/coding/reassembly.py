"""One bundle in reassembly: the shards that are here, those that passed their check, and those missing. Pure."""

from reedmesh.coding import Decoder
from reedmesh.coding.repair import RepairRequest
from reedmesh.errors import WireError
from reedmesh.protocol.shards import INDICES, Manifest, Shard, shard_hash

Stream = tuple[str, str, bytes]  # sender, family, and the key that signed: numbers of one say nothing of another's
SPARE = 32  # shards of a block kept beyond k where the manifest lists no hashes, so that wrong ones can be told


class Reassembly:
    """Collects the bundle of `manifest`, whose signature was checked. reserved: bytes it may come to hold."""

    def __init__(self, manifest: Manifest) -> None:
        self.manifest = manifest
        self.stream: Stream = manifest.sender, manifest.family, manifest.signer
        shape = manifest.shape
        self._spare = 0 if manifest.hashed else min(SPARE, INDICES - shape.k)
        self.reserved = (shape.k + self._spare) * shape.blocks * shape.shard_length
        self._decoder: Decoder | None = Decoder(shape, manifest.sha256, self._spare)
        self._surplus = 0  # shards beyond k that every block waits for
        self._missing = dict.fromkeys(range(shape.blocks), shape.k)
        self._report = _Report(manifest)
        self.data: bytes | None = None  # once it is whole, until its turn comes
        self.asks = 0
        self.due = 0.0  # when to ask

    @property
    def complete(self) -> bool:
        """Whether at least k shards of each block are here."""
        return not self._missing

    def add(self, shard: Shard) -> bool:
        """Keep a shard; False for one that is not needed. Raises WireError for one whose hash the manifest denies."""
        if not shard.shape.same(self.manifest.shape):
            raise WireError("shard: not cut as its manifest says")
        if self.complete or not self._decoder or self._decoder.has(shard.block, shard.index):
            return False
        if not self._is_offered(shard):
            return False
        self._report.add(shard)
        if shard.block not in self._missing or not self._decoder.add(shard.block, shard.index, shard.data):
            return False
        self._missing[shard.block] -= 1
        if not self._missing[shard.block]:
            del self._missing[shard.block]
        return True

    def payload(self) -> bytes:
        """The payload in bytes, once complete. It takes long, and may run in a thread. Raises WireError if it is
        wrong.
        """
        assert self._decoder
        return self._decoder.payload()

    def close(self, data: bytes) -> None:
        """Keep the payload `data`, its bytes, in place of the shards."""
        self.data, self.reserved, self._decoder = data, len(data), None

    def want_more(self) -> bool:
        """Collect shards beyond k, to find wrong ones; False when the most that may be kept did not help."""
        surplus = min(max(2, 2 * self._surplus), self._spare)
        more = surplus - self._surplus
        self._surplus = surplus
        self._missing = dict.fromkeys(range(self.manifest.shape.blocks), more) if more else {}
        return more > 0

    def need(self) -> RepairRequest:
        """The repair request: missing shards by block, and shards received and lost since the last request."""
        received, lost = self._report.take(ended=not self.complete)
        return RepairRequest(*self.stream[:2], self.manifest.bundle, dict(self._missing), received, lost)

    def _is_offered(self, shard: Shard) -> bool:
        """Whether the manifest vouches for the shard; not yet, for one that overtook the manifest which lists it."""
        if not self.manifest.hashed:
            return True
        expected = self.manifest.hash_of(shard.block, shard.index)
        if expected is not None and expected != shard_hash(shard.data):
            raise WireError(f"shard: {shard.index} of block {shard.block} is not the one that the manifest lists")
        return expected is not None


class _Report:
    """Shards seen and missed among those of the first wave: gaps in the sending order, of which each counts once."""

    def __init__(self, manifest: Manifest) -> None:
        self._blocks = manifest.shape.blocks
        self._wave = manifest.hashed * self._blocks
        self._first: int | None = None
        self._last = self._seen = 0

    def add(self, shard: Shard) -> None:
        rank = shard.index * self._blocks + shard.block
        if rank < self._wave:
            self._first = rank if self._first is None else min(self._first, rank)
            self._last = max(self._last, rank)
            self._seen += 1

    def take(self, ended: bool) -> tuple[int, int]:
        """Received and lost; then counts nothing more. ended: the wave is over, so what is behind the last is lost."""
        if self._first is None:
            return 0, 0
        last = self._wave - 1 if ended else self._last
        counts = self._seen, last - self._first + 1 - self._seen
        self._first, self._wave, self._seen = None, 0, 0
        return counts
