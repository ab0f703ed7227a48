"""Proof that a gateway signed two updates under one number: the two signed manifests, side by side.

Whoever shows one neighbour this update and another that one is found out when they compare what they hold (`seen`).
Then each tells the manifest it was given, as it was signed (`proof`); who holds the other one has both, and a third can
check them with nothing but that gateway's public key. They are kept in the folder `forks` of the state directory:

    the key that signed both [32], u32 length of the first manifest, that manifest, the second one

A gateway whose database was put back from a backup may sign a second one innocently: ask its operator.
"""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from struct import Struct, error

from reedmesh import atomic_file
from reedmesh.errors import DiskError, WireError
from reedmesh.identity.ed25519 import is_signed
from reedmesh.identity.keys import signed_text
from reedmesh.protocol.shards import Manifest, unpack_manifest
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry

log = logging.getLogger(__name__)

FOLDER, SUFFIX = "forks", ".proof"
MOST_KEPT = 100  # files
KEPT_EACH = 2  # manifests of each neighbour, the newest
LARGEST = 16_384  # bytes of a manifest that is kept
LEAF = "proof"  # of a topic: a manifest that somebody else holds another one of
SIGNED_TWO = "signed two updates under number"
PUBLIC, STAMP = 32, 8  # bytes of a key, and of the time that is signed with a manifest
_LENGTH = Struct("<I")


class Proofs:
    """Of one gateway's neighbours, kept in `state`. federation: its name, for which manifests are signed."""

    def __init__(self, state: Path, federation: str) -> None:
        self._folder = state / FOLDER
        self._federation = federation
        self._kept: dict[tuple[str, str], dict[int, bytes]] = {}  # the newest of each neighbour and family, by number

    def of(self, name: str, family: str, sequence: int) -> bytes | None:
        """The manifest of that update, as it was signed."""
        return self._kept.get((name, family), {}).get(sequence)

    def meet(self, manifest: Manifest, frame: bytes) -> Entry | None:
        """Look at a manifest whose signature was checked; returns what to enter if it belies one from before."""
        mine = self._kept.setdefault((manifest.sender, manifest.family), {})
        before = mine.get(manifest.sequence)
        if before and manifest.signer and belie(before, frame, manifest.signer, self._federation):
            return self._keep(manifest, before, frame)
        if not before and len(frame) <= LARGEST:
            mine[manifest.sequence] = frame
            while len(mine) > KEPT_EACH:
                mine.pop(min(mine))
        return None

    def _keep(self, manifest: Manifest, before: bytes, frame: bytes) -> Entry | None:
        """Once for each number: what was proved stays proved."""
        path = self._folder / f"{manifest.sender}-{manifest.family}-{manifest.sequence}{SUFFIX}"
        if path.exists() or len(list(self._folder.glob(f"*{SUFFIX}"))) >= MOST_KEPT:
            return None
        log.error("%s %s %d: `reedmesh ledger verify`", manifest.sender, SIGNED_TWO, manifest.sequence)
        try:
            atomic_file.write(path, manifest.signer + _LENGTH.pack(len(before)) + before + frame)
        except DiskError as fault:
            log.error("%s", fault)
        about = manifest.sender, "", manifest.family, manifest.sequence, manifest.sha256.hex()
        return Entry(ledger.FORK, *about, reason=f"{SIGNED_TWO} {manifest.sequence}: {FOLDER}/{path.name}")


def belie(one: bytes, other: bytes, signer: bytes, federation: str) -> bool:
    """Whether `signer` signed both, of one sender, family and number, and they are of two payloads."""
    first, second = unpack_manifest(one), unpack_manifest(other)
    same = (first.sender, first.family, first.sequence) == (second.sender, second.family, second.sequence)
    signed = all(_is_signed(each, signer, federation) for each in (first, second))
    return same and first.sha256 != second.sha256 and signed


def proved(state: Path, keys: Mapping[str, Sequence[bytes]], federation: str) -> list[tuple[str, int]]:
    """By whom, and under which number, two updates were signed, as the kept proofs show. keys: of all neighbours."""
    found = []
    for path in sorted((state / FOLDER).glob(f"*{SUFFIX}")):
        try:
            data = atomic_file.read(path, PUBLIC + _LENGTH.size + 2 * LARGEST)
            signer, (size,) = data[:PUBLIC], _LENGTH.unpack_from(data, PUBLIC)
            one, other = data[PUBLIC + _LENGTH.size :][:size], data[PUBLIC + _LENGTH.size + size :]
            manifest = unpack_manifest(one)
            if signer in keys.get(manifest.sender, ()) and belie(one, other, signer, federation):
                found.append((manifest.sender, manifest.sequence))
        except (OSError, WireError, error) as fault:
            log.error("%s: no proof: %s", path, fault)
    return found


def _is_signed(manifest: Manifest, signer: bytes, federation: str) -> bool:
    stamp, signature = manifest.seal[:STAMP], manifest.seal[STAMP:]
    return is_signed(signer, signature, signed_text(federation, manifest.sealed, stamp))
