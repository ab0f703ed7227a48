"""What neighbours may have us keep, write and read: as much as they offer themselves. Pure.

An owner may place as many bytes of shards, on all holders together, as it offers; each holder sees all manifests, so
each can add up alone. What an owner has us write is bounded besides: its whole offer at once, and once a day after.
"""

from collections.abc import Iterable

from reedmesh.archive.manifest import Manifest
from reedmesh.token_bucket import TokenBucket

MEGABYTE = 1_000_000
MOST_OF_ONE = 1000  # objects of one owner
DAY = 86_400.0
READ_RATE, READ_BURST = 2e6, 48e6  # bytes a second, and at once, that a neighbour may read here: a backup of 16 MiB


class Limits:
    """Of one gateway, which offers `capacity` bytes."""

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._writes: dict[str, TokenBucket] = {}
        self._reads: dict[str, TokenBucket] = {}

    def refuses(self, it: Manifest, offered: int | None, known: Iterable[Manifest], used: int, here: bool) -> str:
        """Why an object is not taken, "" if it is.

        offered: bytes by its owner, None if it offers none. known: all manifests. used: bytes of shards here. here:
        whether a share of it is to be kept here, and not its manifest alone.
        """
        own = [each for each in known if each.owner == it.owner and each.id != it.id]
        placed = sum(each.coded for each in own) + it.coded
        if offered is None:
            return f"{it.owner} offers no space: [archive] megabytes there"
        if placed > offered:
            return f"{it.owner} would have placed {placed} bytes of shards and offers {offered}"
        if len(own) >= MOST_OF_ONE:
            return f"{it.owner} has {MOST_OF_ONE} objects, which is the most"
        if here and used + it.share > self.capacity:
            return f"no space: {used} of {self.capacity} bytes are used"
        return ""

    def may_write(self, gateway: str, size: int, offered: int, now: float) -> bool:
        """Whether a neighbour that offers `offered` bytes may have us write `size` bytes now; counts them."""
        bucket = self._writes.get(gateway)
        if not bucket or bucket.burst < offered:
            bucket = self._writes[gateway] = TokenBucket(offered / DAY, offered)
        return _spend(bucket, size, now)

    def may_read(self, gateway: str, size: int, now: float) -> bool:
        """Whether a neighbour may have us read and send `size` bytes now; counts them."""
        return _spend(self._reads.setdefault(gateway, TokenBucket(READ_RATE, READ_BURST)), size, now)


def _spend(bucket: TokenBucket, size: int, now: float) -> bool:
    if bucket.tokens(now) < size:
        return False
    bucket.take(size, now)
    return True
