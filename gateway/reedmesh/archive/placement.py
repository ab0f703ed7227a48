"""How an object is coded and where its shards go: the same answer on every gateway, with no coordinator. Pure.

Holders are ranked for each object by rendezvous hashing (Thaler and Ravishankar, 1998): a gateway that comes or goes
moves only the shards it had or gets.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from hashlib import sha256
from itertools import combinations

MOST_SHARDS = 8  # of a block: more holders would gain little and cost a message each
FEWEST_CODED = 4  # gateways; with fewer, each holds a copy
_PLACE, _REPAIR = b"reedmesh archive place\0", b"reedmesh archive repair\0"


def code_for(gateways: int) -> tuple[int, int]:
    """Return (k, n): n shards, of which any k are enough, for that many gateways, 1 or more.

    >>> [code_for(gateways) for gateways in (1, 3, 4, 5, 8, 30)]
    [(1, 1), (1, 3), (3, 4), (4, 5), (5, 8), (5, 8)]
    """
    n = min(MOST_SHARDS, gateways)
    return (1 if n < FEWEST_CODED else -(-5 * n // 8)), n


def ranked(object_id: bytes, names: Iterable[str]) -> list[str]:
    """Return `names`, the best holder for the object first."""
    return sorted(names, key=lambda name: _weight(_PLACE, object_id, name), reverse=True)


def repairer(object_id: bytes, alive: Iterable[str]) -> str:
    """Return which of the gateways `alive`, one or more, re-makes shards of the object."""
    return max(alive, key=lambda name: _weight(_REPAIR, object_id, name))


def candidates(object_id: bytes, names: Iterable[str], held: Mapping[str, int]) -> list[str]:
    """Return `names` in the order in which they are asked to take one more shard.

    held: shards of the object by holder. Who has fewest comes first: a second shard on one gateway is lost with it.
    """
    return sorted(ranked(object_id, names), key=lambda name: held.get(name, 0))


def margin(k: int, masks: Iterable[int]) -> int:
    """Return how many holders, whichever they are, may be lost before fewer than k different shards are left.

    masks: of each holder, the shards it has, bit i for shard i. -1: there are too few already.

    >>> margin(5, [1 << i for i in range(8)]), margin(1, [1, 1, 1]), margin(5, [1, 2])
    (3, 2, -1)
    """
    return _margin(k, tuple(sorted(mask for mask in masks if mask)))


@lru_cache(4096)
def _margin(k: int, masks: tuple[int, ...]) -> int:
    for lost in range(len(masks) + 1):
        if any(_different(rest) < k for rest in combinations(masks, len(masks) - lost)):
            return lost - 1
    return len(masks)


def _different(masks: Iterable[int]) -> int:
    found = 0
    for mask in masks:
        found |= mask
    return found.bit_count()


def _weight(purpose: bytes, object_id: bytes, name: str) -> bytes:
    return sha256(purpose + object_id + name.encode()).digest()
