"""The files of the archive in a gateway's state directory: manifests of all objects, and the shards that are kept here.

    archive/<id>.manifest, archive/<id>.<block>.<index>, archive/<id>.forgotten, archive/<neighbour>.holder

Each is written whole or not at all. Sizes are checked against the offer before anything is written. Not for two threads
at once but where a method says so.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.archive import coded, frames, manifest
from reedmesh.archive.manifest import Manifest
from reedmesh.errors import DiskError, WireError
from reedmesh.protocol.shards import MAX_SHARD

FOLDER = "archive"
MOST_OBJECTS = 7000  # known here; a list of them fits in one message
MOST_TOMBS = 10_000  # deletions that are remembered
_SHARD = re.compile(r"([0-9a-f]{32})\.(\d{1,3})\.(\d)")
LONGEST_TOMB = 1024  # bytes

Place = tuple[int, int]


class Shelf:
    """Of one gateway, in `folder`. manifests: of all objects by their id. damaged: shards that were found changed."""

    def __init__(self, folder: Path) -> None:
        self.manifests: dict[bytes, Manifest] = {}
        self.damaged = 0
        self.tombs: dict[bytes, bytes] = {}
        self.members: set[str] = set()  # neighbours that ever offered space
        self._folder = folder
        self._held: dict[bytes, set[Place]] = {}
        self._list: tuple[bytes, bytes] | None = None  # of what is here; None: it changed
        self._used: int | None = None

    @property
    def used(self) -> int:
        """Bytes of the shards here."""
        used = self._used
        if used is None:
            used = self._used = sum(len(places) * self._size(each) for each, places in list(self._held.items()))
        return used

    def load(self) -> None:
        """Read what is there; what is no manifest or no shard of one is left alone."""
        for path in sorted(self._folder.iterdir()) if self._folder.is_dir() else ():
            with suppress(OSError, WireError, ValueError):
                if path.suffix == ".manifest":
                    it = manifest.unpack(atomic_file.read(path, manifest.LARGEST + 1))
                    self.manifests |= {it.id: it} if path.name == _manifest_name(it.id) else {}
                elif path.suffix == ".forgotten":
                    self.tombs[bytes.fromhex(path.stem)] = atomic_file.read(path, LONGEST_TOMB)
                elif path.suffix == ".holder":
                    self.members.add(path.stem)
                elif found := _SHARD.fullmatch(path.name):
                    self._note(bytes.fromhex(found[1]), (int(found[2]), int(found[3])))

    def mask(self, object_id: bytes) -> int:
        """Which shards of an object are here, for all of its blocks: bit i for shard i."""
        it, held = self.manifests.get(object_id), self._held.get(object_id, set())
        blocks = range(it.shape.blocks) if it else ()
        return sum(1 << i for i in range(it.n if it else 0) if all((block, i) in held for block in blocks))

    def held(self) -> dict[bytes, int]:
        """Of every object whose manifest is here, the shards that are."""
        return {object_id: self.mask(object_id) for object_id in self.manifests}

    def places(self) -> Iterator[tuple[bytes, Place]]:
        """Every shard that is here, in an order that stays."""
        return ((each, place) for each in sorted(self._held) for place in sorted(self._held[each]))

    def read(self, object_id: bytes, place: Place) -> bytes | None:
        """A shard as it is on disk, None without one; may run on any thread."""
        with suppress(OSError):
            return atomic_file.read(self._path(object_id, place), MAX_SHARD + 1)
        return None

    def remember(self, neighbour: str) -> None:
        """Note for the next start that a neighbour is a holder; raises DiskError."""
        if neighbour not in self.members:
            atomic_file.write(self._folder / f"{neighbour}.holder", b"")
            self.members.add(neighbour)

    def keep_manifest(self, it: Manifest) -> None:
        """Have a manifest on disk; raises DiskError, and WireError beyond MOST_OBJECTS."""
        if it.id in self.manifests:
            return
        if len(self.manifests) >= MOST_OBJECTS:
            raise WireError(f"archive: {MOST_OBJECTS} objects are known already")
        atomic_file.write(self._folder / _manifest_name(it.id), it.frame)
        self.manifests[it.id] = it
        self._changed()

    def keep(self, it: Manifest, place: Place, shard: bytes | memoryview) -> None:
        """Have a right shard of an object on disk, and its manifest; raises as `keep_manifest` does."""
        self.keep_manifest(it)
        if place in self._held.get(it.id, ()) and self.check(it.id, place):
            return  # it was told twice
        atomic_file.write(self._path(it.id, place), bytes(shard))
        self._note(it.id, place)

    def check(self, object_id: bytes, place: Place) -> bytes | None:
        """Read a shard back; None for one that changed, which is deleted, for its place must be filled again."""
        it, data = self.manifests.get(object_id), self.read(object_id, place)
        with suppress(WireError):
            if it and data is not None and coded.is_right(it, place, data):
                return data
        if place in self._held.get(object_id, ()):
            self.damaged += 1
            self.drop(object_id, place)
        return None

    def drop(self, object_id: bytes, place: Place) -> None:
        """Have a shard here no more."""
        self._held.get(object_id, set()).discard(place)
        self._changed()
        with suppress(DiskError):
            atomic_file.remove(self._path(object_id, place))

    def delete(self, object_id: bytes, tomb: bytes = b"") -> None:
        """Have nothing of an object any more. tomb: what orders it, which is kept so that the object stays away."""
        for place in list(self._held.get(object_id, ())):
            self.drop(object_id, place)
        self._held.pop(object_id, None)
        if tomb and len(self.tombs) < MOST_TOMBS:
            atomic_file.write(self._folder / f"{object_id.hex()}.forgotten", tomb)
            self.tombs[object_id] = tomb
        atomic_file.remove(self._folder / _manifest_name(object_id))
        self.manifests.pop(object_id, None)
        self._changed()

    def digest(self) -> tuple[bytes, bytes]:
        """The list of what is here, and its SHA-256."""
        if self._list is None:
            body = frames.pack_list(self.held().items())
            self._list = body, sha256(body).digest()
        return self._list

    def _changed(self) -> None:
        self._list = self._used = None

    def _note(self, object_id: bytes, place: Place) -> None:
        self._held.setdefault(object_id, set()).add(place)
        self._changed()

    def _size(self, object_id: bytes) -> int:
        it = self.manifests.get(object_id)
        return it.shape.shard_length if it else MAX_SHARD  # of what no manifest explains, the most it can be

    def _path(self, object_id: bytes, place: Place) -> Path:
        return self._folder / f"{object_id.hex()}.{place[0]}.{place[1]}"


def _manifest_name(object_id: bytes) -> str:
    return f"{object_id.hex()}.manifest"
