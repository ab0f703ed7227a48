"""Masks that hide what a gateway tells, and that come off a sum only: seeded LightSecAgg. Pure.

LightSecAgg (So et al. 2022, arXiv:2109.14236): a gateway adds a random mask to its numbers and gives each member one
share of the mask, a value of a polynomial of degree below U; T shares tell nothing. Members add up the shares of those
in a set and say the sums; any U of them give the sum of the masks, and so the sum of the numbers. It is one
Reed-Solomon word: with more than U answers, wrong ones are found and named.

Seeded: the shares of U members, the gateway's own among them, follow from keys that each pair shares already, and the
polynomial is drawn through them; so only the other N - U shares travel. The mask is as random as before.

    u8 version, cell [16], u32 round, nonce [16], masked numbers packed, N - U x (u8 member, share packed, tag [16])
"""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from struct import Struct

import numpy as np
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from reedmesh.coding import prime_field
from reedmesh.coding.prime_field import BYTES, Values
from reedmesh.errors import WireError

VERSION = 0xC1  # first byte of a payload; an open update begins with another
LEAST, MOST = 3, 16  # members of a cell
TAG = 16
_HEAD = Struct("<B16sI16s")
_ZERO = bytes(12)  # a nonce for keys that are used once


@dataclass(frozen=True)
class Layout:
    """Who is in a cell, and how its masks are coded. members: sorted names. size: numbers that each tells.

    scope: federation and family, so that keys that members share make other masks in another.
    """

    members: tuple[str, ...]
    size: int
    needed: int = 0  # U: answers that are enough; 0: as usual
    hidden: int = 0  # T: shares that tell nothing; 0: as usual
    scope: str = ""

    def __post_init__(self) -> None:
        n = len(self.members)
        usual = n if n == LEAST else n - 1 if n < 6 else n - 2
        object.__setattr__(self, "needed", self.needed or usual)
        object.__setattr__(self, "hidden", self.hidden or max(1, n // 4))
        if not LEAST <= n <= MOST or not self.hidden < self.needed <= n or 2 * self.needed <= n + self.hidden:
            raise ValueError(f"a cell of {n} members, {self.needed} answers and {self.hidden} hidden shares")

    @property
    def id(self) -> bytes:
        """16 bytes that name the cell: another member, another cell."""
        named = "\0".join((self.scope, *self.members)).encode()
        return sha256(b"reedmesh cell\0" + named + bytes([self.needed, self.hidden])).digest()[:16]

    @property
    def pieces(self) -> int:
        """Into which a mask is cut."""
        return self.needed - self.hidden

    @property
    def share(self) -> int:
        """Numbers in a share, and in a piece."""
        return -(-self.size // self.pieces)

    @property
    def bytes(self) -> int:
        """Of what a member tells in a round."""
        explicit = (len(self.members) - self.needed) * (1 + self.share * BYTES + TAG)
        return _HEAD.size + self.pieces * self.share * BYTES + explicit

    def seeded(self, member: int) -> list[int]:
        """Whose shares of a member's mask follow from keys: its own, and those of the next members."""
        return [(member + i) % len(self.members) for i in range(self.needed)]

    def explicit(self, member: int) -> list[int]:
        """Whose shares travel."""
        return sorted(set(range(len(self.members))) - set(self.seeded(member)))

    def point(self, member: int) -> int:
        """Where the polynomial has a member's share."""
        return member + 1

    @property
    def piece_points(self) -> range:
        """Where it has the pieces of the mask."""
        return range(len(self.members) + 1, len(self.members) + 1 + self.pieces)

    def cut(self, numbers: Values) -> Values:
        """Numbers [size] as pieces [pieces, share], filled up with zeros."""
        filled = np.zeros(self.pieces * self.share, np.uint64)
        filled[: self.size] = numbers
        return filled.reshape(self.pieces, self.share)


@dataclass(frozen=True)
class Masked:
    """What a member told in a round.

    numbers: masked, uint64 [pieces, share]. shares: encrypted, by whom each is for. digest: SHA-256 of the frame.
    """

    nonce: bytes
    numbers: Values
    shares: Mapping[int, bytes]
    digest: bytes


def tell(layout: Layout, me: int, round_: int, numbers: Values, secrets: Mapping[int, bytes], nonce: bytes) -> bytes:
    """The frame that tells `numbers`, masked. secrets: 32 bytes shared with each member; with ourselves: our own.

    nonce: 16 random bytes that are used for one frame and never again.
    """
    known = np.stack([_seeded(layout, secrets[each], me, each, round_, nonce) for each in layout.seeded(me)])
    points = [layout.point(each) for each in layout.seeded(me)]
    mask = prime_field.product(prime_field.weights(layout.piece_points, points), known)
    masked = (layout.cut(numbers) + mask) % np.uint64(prime_field.PRIME)
    out = [_HEAD.pack(VERSION, layout.id, round_, nonce), prime_field.pack(masked.reshape(-1))]
    others = layout.explicit(me)
    rows = prime_field.product(prime_field.weights([layout.point(each) for each in others], points), known)
    for each, row in zip(others, rows, strict=True):
        box = _box(secrets[each], me, each, round_, nonce).encrypt(_ZERO, prime_field.pack(row), layout.id)
        out += [bytes([each]), box]
    return b"".join(out)


def round_of(frame: bytes, layout: Layout) -> int:
    """The round that a frame is of; raises WireError for one of another cell, or none."""
    if len(frame) != layout.bytes or frame[0] != VERSION:
        raise WireError(f"private sums: {len(frame)} bytes, this cell's have {layout.bytes}")
    _, cell, round_, _ = _HEAD.unpack_from(frame)
    if cell != layout.id:
        raise WireError("private sums: of another cell: its members are not the same there and here")
    return int(round_)


def read(layout: Layout, member: int, frame: bytes) -> Masked:
    """What a member told; raises WireError."""
    round_of(frame, layout)
    nonce, count = frame[_HEAD.size - 16 : _HEAD.size], layout.pieces * layout.share
    at, size = _HEAD.size + count * BYTES, layout.share * BYTES + TAG
    numbers, shares = prime_field.unpack(frame[_HEAD.size : at], count).reshape(layout.pieces, layout.share), {}
    for each in layout.explicit(member):
        if frame[at] != each:
            raise WireError(f"private sums: a share for member {frame[at]}, not {each}")
        shares[each] = frame[at + 1 : at + 1 + size]
        at += 1 + size
    return Masked(nonce, numbers, shares, sha256(frame).digest())


def share(layout: Layout, me: int, of: int, round_: int, told: Masked, secret: bytes) -> Values:
    """Our share of a member's mask, uint64 [share]; raises WireError for one that was not made for us."""
    if me in layout.seeded(of):
        return _seeded(layout, secret, of, me, round_, told.nonce)
    try:
        found = _box(secret, of, me, round_, told.nonce).decrypt(_ZERO, told.shares[me], layout.id)
    except InvalidTag as fault:
        raise WireError(f"private sums: the share of {layout.members[of]} cannot be opened") from fault
    return prime_field.unpack(found, layout.share)


def pieces_of(layout: Layout, answers: Mapping[int, Values]) -> tuple[Values, list[int]]:
    """Pieces [pieces, share] of the mask, or sum of masks, that `answers` are shares of; and who answered wrong.

    Raises WireError when there are too few answers, or more are wrong than can be told.
    """
    members = sorted(answers)
    if len(members) < layout.needed:
        raise WireError(f"private sums: {len(members)} answers, {layout.needed} are needed")
    points, rows = [layout.point(each) for each in members], np.stack([answers[each] for each in members])
    kept, wrong = prime_field.agreeing(points, rows, layout.needed)
    used = kept[: layout.needed]
    matrix = prime_field.weights(layout.piece_points, [points[i] for i in used])
    return prime_field.product(matrix, rows[used]), [members[i] for i in wrong]


def unmasked(layout: Layout, told: Sequence[Masked], pieces: Values) -> Values:
    """The sum of what all of `told` hid, given the pieces of the sum of their masks."""
    total = np.sum([each.numbers for each in told], axis=0)
    prime = np.uint64(prime_field.PRIME)
    return np.asarray((total + prime - pieces) % prime).reshape(-1)[: layout.size]


def _seeded(layout: Layout, secret: bytes, of: int, to: int, round_: int, nonce: bytes) -> Values:
    key = hmac.digest(
        secret, b"reedmesh share\0" + layout.id + bytes([of, to]) + round_.to_bytes(4, "little"), "sha256"
    )
    return prime_field.stream(key, nonce, layout.share)


def _box(secret: bytes, of: int, to: int, round_: int, nonce: bytes) -> ChaCha20Poly1305:
    text = b"reedmesh box\0" + bytes([of, to]) + round_.to_bytes(4, "little") + nonce
    return ChaCha20Poly1305(hmac.digest(secret, text, "sha256"))
