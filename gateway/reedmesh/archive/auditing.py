"""What is audited when: one random shard of each neighbour an hour, and a part of our own shards. Pure.

A neighbour is asked for a whole shard and must give it: at this size that is possession itself. It does not show that
the neighbour keeps the shard and does not fetch it from others when it is asked. Our own shards are all read back once
in ROUNDS audits, so a byte that flipped on our disk is found within that many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from reedmesh.archive.manifest import Manifest

PERIOD = 3600.0  # seconds
ROUNDS = 24  # audits in which all of our own shards are read

Shard = tuple[bytes, tuple[int, int]]  # object, and block and index


@dataclass(frozen=True)
class Challenge:
    """The shard that a neighbour is asked for."""

    gateway: str
    manifest: Manifest
    block: int
    index: int


def challenge(gateway: str, held: dict[bytes, int], manifests: dict[bytes, Manifest], dice: Random) -> Challenge | None:
    """A random shard of those that a neighbour says it holds; None if it holds nothing we know."""
    known = [each for each, mask in held.items() if mask and each in manifests]
    if not known:
        return None
    it = manifests[dice.choice(sorted(known))]
    indices = [index for index in range(it.n) if held[it.id] >> index & 1]
    return Challenge(gateway, it, dice.randrange(it.shape.blocks), dice.choice(indices)) if indices else None


def own_part(shards: Sequence[Shard], number: int) -> list[Shard]:
    """The shards to read back in audit `number`; ROUNDS in a row are all of them."""
    return list(shards[number % ROUNDS :: ROUNDS])
