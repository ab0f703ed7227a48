"""Readers of the archive: manifests, messages, recovery codes, backups, as a neighbour that lies would make them."""

import hmac
from functools import cache, partial

from reedmesh.archive import coded, forgetting, frames, manifest, paper, sealed
from reedmesh.archive.coded import Wanted
from reedmesh.archive.frames import Frame
from reedmesh.archive.manifest import Manifest
from reedmesh.archive.node import Archive
from reedmesh.archive.paper import Paper, Place
from reedmesh.config.settings import FEDERATION
from reedmesh.links.message import Message
from tools.check.fuzz_targets.target import CONFIG, KEY, MIB, WIRE, Target, folder

ME, LIAR = "hall1", "hall2"
PROOF = bytes(32)


@cache
def _object() -> tuple[Manifest, dict[coded.Place, memoryview]]:
    return coded.code(b"content" * 40, Wanted("press3 7", "model", 0, 1, (KEY.public,)), LIAR, KEY, 8, 1, FEDERATION)


def take_manifest(data: bytes) -> None:
    """A manifest, whoever signed it; what it declares is calculated with."""
    it = manifest.unpack(data)
    assert it.coded and it.share and it.hash_of(0, 0) and not it.is_over(0.0)
    manifest.is_by(it, [KEY.public], FEDERATION)


def take_message(data: bytes) -> None:
    """A message as it is; then its bytes as a body, signed."""
    kind = 1 + len(data) % 11
    said = Frame(kind, LIAR, "" if kind == frames.OFFER else ME, 1, bytes(16), data)
    assert frames.unpack(frames.pack(said, KEY, FEDERATION), LIAR, ME, [KEY.public], FEDERATION).body == data
    frames.unpack(data, LIAR, ME, [KEY.public], FEDERATION)


def take_body(data: bytes) -> None:
    """A body of each kind, by the first byte."""
    readers = (frames.offer, frames.listed, frames.object_id, frames.place, frames.put, frames.reason, take_order)
    readers[data[0] % len(readers) if data else 0](data[1:])


def take_order(data: bytes) -> None:
    """An order to delete an object."""
    forgetting.counted(_object()[0], data, FEDERATION)


@cache
def _node() -> Archive:
    trusted = partial(lambda name: [KEY.public] if name == LIAR else [])
    about = folder() / "archive-node", MIB, FEDERATION, lambda: 1e9, lambda: 1.0
    return Archive(ME, KEY, [LIAR], trusted, trusted, *about)


def take_signed(data: bytes) -> None:
    """All that a neighbour that lies may say: any kind, any body, rightly signed."""
    kind = 1 + data[0] % 11 if data else 1
    to = "" if kind == frames.OFFER else ME
    raw = frames.pack(Frame(kind, LIAR, to, 1, bytes(16), data[1:]), KEY, FEDERATION)
    _node().hear(Message(frames.topic(LIAR, to), raw))


def take_backup(data: bytes) -> None:
    """A backup that its gateway authenticated."""
    sealed.unpack_backup(hmac.digest(PROOF, data, "sha256") + data, PROOF)


def _manifests() -> list[bytes]:
    return [_object()[0].frame]


def _messages() -> list[bytes]:
    return [frames.pack(Frame(frames.LIST, LIAR, ME, 1, bytes(16), b""), KEY, FEDERATION)]


def _bodies() -> list[bytes]:
    it, shards = _object()
    order = forgetting.pack(it.id, {0: forgetting.signature(it.id, KEY, FEDERATION)})
    offer = frames.Offer(1, 2, 3, bytes(32)).pack()
    put = frames.pack_put(it.frame, 0, 1, shards[0, 1])
    listed, place = frames.pack_list([(it.id, 3)]), frames.pack_place(it.id, 0, 1)
    return [bytes([i]) + each for i, each in enumerate((offer, listed, it.id, place, put, b"no", order))]


def _codes() -> list[bytes]:
    places = (Place(LIAR, "192.168.4.2", 8883, "5" * 64, bytes(31) + b"1"),)
    return [paper.code(Paper(ME, bytes(16), places)).encode()]


TARGETS = {
    "manifest of an object": Target(take_manifest, WIRE, _manifests, weight=5),
    "message of the archive": Target(take_message, WIRE, _messages, weight=3),
    "body of an archive's message": Target(take_body, WIRE, _bodies, weight=5),
    "signed message of the archive": Target(take_signed, WIRE, _bodies, weight=3),
    "recovery code": Target(lambda data: paper.read(data.decode("utf-8", "replace")), CONFIG, _codes, weight=3),
    "backup": Target(take_backup, WIRE, lambda: [sealed.pack_backup(b"a = 1", b"tar", PROOF)[32:]], weight=3),
}
