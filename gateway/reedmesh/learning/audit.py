"""Audit of a training: all that a model was learnt from in one file, and the learning done again from it. Pure.

Learning by sums gives the same bytes of model on every processor, so an audit is not an estimate: the model that comes
out is the model of the receipt, to the bit, or it is not. The file is a zip: `material.json`, `windows.int8` with the
features row by row, `before.tflite`, `told.0` ... with the sums of each neighbour, and `receipts`. It holds features of
readings: its owner decides who sees it.
"""

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import BytesIO

import numpy as np

from reedmesh.errors import WireError
from reedmesh.inference.family import Family
from reedmesh.learning import summed, told
from reedmesh.learning.arrays import Windows
from reedmesh.learning.told import Told
from reedmesh.provenance import merkle
from reedmesh.provenance.receipt import Receipt

MOST = 64 << 20  # bytes of all that is in a file
MOST_TOLD = 64  # neighbours
_SETTINGS, _WINDOWS, _BEFORE, _TOLD = "material.json", "windows.int8", "before.tflite", "told."
_RECEIPTS = "receipts"  # DSSE envelopes, one a line
_CODE = ("learning", "inference", "protocol")  # the packages that decide what is learnt


@dataclass(frozen=True)
class Material:
    """The training data of one model.

    windows: features, int8 [m, p], in their order. secret: of the salts of their Merkle tree, 32 bytes. neighbours:
    what they had told. before: the .tflite in service, b"" for the first. anew, day: as in `steps.TrainingSet`.
    """

    sensor: str
    family: str
    windows: Windows = field(repr=False)
    secret: bytes = field(repr=False)
    neighbours: tuple[Told, ...] = field(default=(), repr=False)
    before: bytes = field(default=b"", repr=False)
    anew: bool = False
    day: int = 0

    def leaves(self) -> list[bytes]:
        """Of the Merkle tree over the windows."""
        return merkle.leaves(self.secret, self.sensor, [row.tobytes() for row in self.windows])

    @property
    def root(self) -> bytes:
        """The root that is committed to before the model is learnt, 32 bytes."""
        return merkle.root(self.leaves())


def receipt(family: Family, material: Material, model: bytes, committed: int) -> Receipt:
    """The receipt of a model learnt from `material`; committed: number of the ledger entry with its root."""
    told_before = b"".join(sha256(each).digest() for each in _packed(material.neighbours))
    return Receipt(
        model=sha256(model).hexdigest(),
        sensor=material.sensor,
        family=material.family,
        root=material.root.hex(),
        windows=len(material.windows),
        committed=committed,
        code=code(family),
        inputs=sha256(told_before).hexdigest() if told_before else "",
        before=sha256(material.before).hexdigest() if material.before else "",
    )


def learn(family: Family, material: Material) -> bytes:
    """The model that `material` gives; raises DeployError when it gives none."""
    it = material
    return summed.candidate(family, it.windows, it.neighbours, it.before, it.anew, day=it.day).model


def check(family: Family, material: Material, stated: Receipt) -> list[str]:
    """Learn again, and say in what the outcome differs from the receipt; [] when it is the same to the bit.

    Raises DeployError when nothing can be learnt from the material.
    """
    return stated.faults(receipt(family, material, learn(family, material), stated.committed))


def code(family: Family) -> str:
    """SHA-256 over what decides what is learnt, in hex: source files, and the family's recipe and settings."""
    settings = json.dumps([family.recipe.table(), asdict(family.sums)], sort_keys=True)
    return sha256(program() + settings.encode()).hexdigest()


@cache
def program(packages: tuple[str, ...] = _CODE) -> bytes:
    """SHA-256 over the source files of packages of reedmesh, 32 bytes."""
    digest = sha256()
    for package in packages:
        for name, content in sorted(_sources(files("reedmesh") / package, package)):
            digest.update(sha256(name.encode()).digest() + sha256(content).digest())
    return digest.digest()


def pack(material: Material) -> bytes:
    """The file; the same material gives the same bytes."""
    settings = {
        "sensor": material.sensor,
        "family": material.family,
        "secret": material.secret.hex(),
        "length": material.windows.shape[1],
        "anew": material.anew,
        "day": material.day,
    }
    parts = {_SETTINGS: json.dumps(settings, sort_keys=True).encode(), _WINDOWS: material.windows.tobytes()}
    parts |= {_BEFORE: material.before} if material.before else {}
    parts |= {f"{_TOLD}{i}": each for i, each in enumerate(_packed(material.neighbours))}
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def with_receipts(data: bytes, receipts: bytes) -> bytes:
    """A file with the envelopes of its training, one a line; those that were in it go."""
    out = BytesIO()
    with zipfile.ZipFile(BytesIO(data)) as before, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for each in before.infolist():
            if each.filename != _RECEIPTS:
                file.writestr(zipfile.ZipInfo(each.filename), before.read(each), zipfile.ZIP_DEFLATED)
        file.writestr(zipfile.ZipInfo(_RECEIPTS), receipts, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def unpack(data: bytes) -> tuple[Material, list[bytes]]:
    """The material in a file, and its receipts; raises WireError for one that is damaged, too large or another."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as file:
            if sum(each.file_size for each in file.infolist()) > MOST or len(file.infolist()) > MOST_TOLD + 4:
                raise WireError(f"audit file: more than {MOST >> 20} MiB, or than {MOST_TOLD} neighbours")
            parts = {each.filename: file.read(each) for each in file.infolist()}
            return _material(parts), parts.get(_RECEIPTS, b"").splitlines()
    except (zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, ValueError, KeyError, TypeError, OSError) as error:
        raise WireError(f"audit file: {error}") from error


def _material(parts: dict[str, bytes]) -> Material:
    settings = json.loads(parts[_SETTINGS])
    length, secret, day = int(settings["length"]), bytes.fromhex(settings["secret"]), int(settings.get("day", 0))
    if not 0 < length <= 1024 or len(secret) != merkle.SECRET or not 0 <= day < 1 << 16:
        raise WireError(f"audit file: {length} features, a secret of {len(secret)} bytes, day {day}")
    windows = np.frombuffer(parts[_WINDOWS], np.int8).reshape(-1, length)
    count = sum(name.startswith(_TOLD) for name in parts)
    neighbours = tuple(told.unpack(parts[f"{_TOLD}{i}"], told.nothing(length)) for i in range(count))
    named = str(settings["sensor"]), str(settings["family"])
    return Material(*named, windows, secret, neighbours, parts.get(_BEFORE, b""), bool(settings["anew"]), day)


def _packed(neighbours: Sequence[Told]) -> list[bytes]:
    return [told.pack(each, told.nothing(len(each.scatter.matrix))) for each in neighbours]


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for each in folder.iterdir():
        if each.is_dir():
            found += _sources(each, f"{name}/{each.name}")
        elif each.name.endswith(".py"):
            found.append((f"{name}/{each.name}", each.read_bytes()))
    return found
