"""A Merkle tree over the windows that a model is learnt from: one hash commits to all, a short proof shows one. Pure.

The tree is that of RFC 9162, section 2.1, with SHA-256. Each leaf is salted, so that a root does not let anybody test
whether a guessed window is in it; the salts follow from one secret of 32 bytes, which stays with the windows.
"""

import hmac
from collections.abc import Sequence
from hashlib import sha256
from struct import pack

SALT = 16  # bytes before each leaf
SECRET = 32  # bytes that all salts of a tree follow from
DIGEST = 32
MOST = 1 << 22  # leaves
_LEAF, _NODE = b"\0", b"\1"


def salt(secret: bytes, index: int) -> bytes:
    """The salt of leaf `index`, from 0, SALT bytes: an HMAC under the secret of the tree, 32 bytes."""
    return hmac.digest(secret, pack("<Q", index), "sha256")[:SALT]


def leaf(salted: bytes, sensor: str, index: int, features: bytes) -> bytes:
    """The hash of window `index` of `sensor`, int8 features as bytes, under its salt: 32 bytes."""
    name = sensor.encode()
    return sha256(_LEAF + salted + pack("<BQ", len(name), index) + name + features).digest()


def leaves(secret: bytes, sensor: str, windows: Sequence[bytes]) -> list[bytes]:
    """The leaves of all windows of `sensor`, 32 bytes each, in their order. windows: features as bytes."""
    return [leaf(salt(secret, i), sensor, i, features) for i, features in enumerate(windows)]


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaves in their order; raises ValueError for none, or more than MOST.

    >>> root([sha256(b"only").digest()]) == sha256(b"only").digest()
    True
    """
    _check(len(hashes))
    level = list(hashes)
    while len(level) > 1:
        level = _parents(level)
    return level[0]


def proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The siblings, 32 bytes each, from leaf `index` to the root, lowest first; raises ValueError for a wrong index.

    >>> pair = [sha256(b"a").digest(), sha256(b"b").digest()]
    >>> proof(pair, 0) == [pair[1]]
    True
    """
    _check(len(hashes))
    if not 0 <= index < len(hashes):
        raise ValueError(f"leaf {index} of {len(hashes)}")
    level, found = list(hashes), []
    while len(level) > 1:
        if (sibling := index ^ 1) < len(level):
            found.append(level[sibling])
        level, index = _parents(level), index // 2
    return found


def holds(committed: bytes, count: int, index: int, hashed: bytes, siblings: Sequence[bytes]) -> bool:
    """Whether `siblings` lead from the leaf `hashed`, number `index` of `count`, to the root `committed`; all 32
    bytes.

    >>> pair = [sha256(b"a").digest(), sha256(b"b").digest()]
    >>> holds(root(pair), 2, 1, pair[1], proof(pair, 1)), holds(root(pair), 2, 0, pair[1], proof(pair, 1))
    (True, False)
    """
    if not 0 <= index < count <= MOST:
        return False
    waiting = list(siblings)
    while count > 1:
        if (index ^ 1) < count:
            if not waiting:
                return False
            other = waiting.pop(0)
            hashed = _node(other, hashed) if index % 2 else _node(hashed, other)
        count, index = (count + 1) // 2, index // 2
    return not waiting and hmac.compare_digest(hashed, committed)


def _parents(level: Sequence[bytes]) -> list[bytes]:
    """The level above: pairs are hashed, a last one without a sibling moves up as it is."""
    pairs = [_node(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
    return pairs + ([level[-1]] if len(level) % 2 else [])


def _node(left: bytes, right: bytes) -> bytes:
    return sha256(_NODE + left + right).digest()


def _check(count: int) -> None:
    if not 0 < count <= MOST:
        raise ValueError(f"a tree of {count} leaves; 1 to {MOST} can be")
