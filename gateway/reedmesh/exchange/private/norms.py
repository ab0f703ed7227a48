"""How large what a member hid is, measured on shares of its mask: nobody's numbers are seen, a liar is left out. Pure.

Linear functions pass through the code: the product of a random vector with each member's share is a share of its
products with the pieces of the mask. So PROBES vectors of -1, 0 and 1 tell PROBES products of each piece, whose mean
square is, but for chance, two thirds of the numbers' own. The vectors follow from what was told, so nobody can tell
numbers to fit them. That costs PROBES dimensions for each piece of the numbers: 48 of some 2700.
"""

from collections.abc import Mapping
from hashlib import sha256
from statistics import median

import numpy as np

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import PRIME, Values
from reedmesh.exchange.private import masks
from reedmesh.exchange.private.masks import Layout, Masked

PROBES = 8
LARGEST = 3.0  # times the median of all members: honest machines of a recording are 0.6 to 1.5 times it


def probes(layout: Layout, told: Masked) -> Values:
    """The vectors, uint64 [PROBES, share], for what a member told."""
    key = sha256(b"reedmesh probes\0" + layout.id + told.digest).digest()
    dice = prime_field.stream(key, b"probes", PROBES * layout.share).astype(np.int64) % 3 - 1
    return prime_field.field(dice.reshape(PROBES, layout.share))


def answer(layout: Layout, told: Masked, share: Values) -> Values:
    """What a member says of its share, uint64 [PROBES]."""
    return prime_field.product(probes(layout, told), share[:, None])[:, 0]


def size(layout: Layout, told: Masked, answers: Mapping[int, Values]) -> tuple[float, list[int]]:
    """The root mean square of the products with what was hidden, and who answered wrong; raises WireError.

    answers: of at least U members, uint64 [PROBES] each.
    """
    hidden, wrong = masks.pieces_of(layout, answers)
    seen = prime_field.product(told.numbers, probes(layout, told).T)
    found = prime_field.signed((seen + np.uint64(PRIME) - hidden) % np.uint64(PRIME)).astype(np.float64)
    return float(np.sqrt((found**2).mean())), wrong


def too_large(sizes: Mapping[int, float]) -> set[int]:
    """Members that hid much more than the others: more than LARGEST times the median."""
    limit = LARGEST * median(sizes.values()) if sizes else 0.0
    return {member for member, found in sizes.items() if found > limit}
