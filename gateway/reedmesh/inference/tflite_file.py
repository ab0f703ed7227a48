"""The few bytes of a .tflite that are ours: metadata buffers, and weights that are overwritten where they lie.

A .tflite is a flatbuffer (https://flatbuffers.dev/internals): its root table, Model, holds a vector of Buffers and one
of named Metadata, each of which points to a buffer. Reading and patching need only offsets, so no schema is imported;
`rewrite` moves things and does need the generated classes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from struct import error, unpack_from
from typing import Any

import numpy as np

# Numbers of the fields in TFLite's schema.fbs.
_MODEL_BUFFERS, _MODEL_METADATA = 4, 6
_METADATA_NAME, _METADATA_BUFFER = 0, 1
_BUFFER_DATA = 0


@contextmanager
def _whole() -> Iterator[None]:
    """Offsets that lead out of the file are the file's fault."""
    try:
        yield
    except (error, IndexError) as e:
        raise ValueError("the model is cut short or damaged") from e


@_whole()
def metadata(model: bytes, name: str) -> bytes | None:
    """The metadata called `name` in bytes, or None; raises ValueError for a model cut short, or no flatbuffer."""
    number = metadata_number(model, name)
    if number is None:
        return None
    start, size = _spans(model)[number]
    return model[start : start + size]


@_whole()
def metadata_number(model: bytes, name: str) -> int | None:
    """The number of the buffer that holds the metadata called `name`, or None; raises ValueError as `metadata` does."""
    for entry in _tables(model, _MODEL_METADATA):
        start, size = _vector(model, entry, _METADATA_NAME)
        if model[start : start + size] == name.encode():
            return int(unpack_from("<I", model, _field(model, entry, _METADATA_BUFFER))[0])
    return None


@_whole()
def buffers(model: bytes) -> list[bytes]:
    """The bytes of every buffer, b"" where it has none. Raises ValueError as `metadata` does."""
    return [model[start : start + size] for start, size in _spans(model)]


@_whole()
def patch(model: bytes, replaced: dict[int, bytes]) -> bytes:
    """`model` with the data of some buffers replaced, by number; raises ValueError unless each keeps its length."""
    spans, patched = _spans(model), bytearray(model)
    for number, data in replaced.items():
        start, size = spans[number]
        if len(data) != size:
            raise ValueError(f"buffer {number} of the model has {size} bytes, not {len(data)}")
        patched[start : start + size] = data
    return bytes(patched)


def rewrite(model: bytes, metadata: dict[str, bytes]) -> bytes:
    """`model` with this metadata and no other, and the data of every buffer at a multiple of 16 bytes.

    TFLite's schema asks for that alignment, and what writes a .tflite from Python (ai-edge-quantizer) leaves it out.
    """
    from ai_edge_litert import schema_py_generated as schema  # only where models are made: it costs 4 MB
    from flatbuffers import Builder  # type: ignore[import-untyped]

    class Aligning(Builder):  # type: ignore[misc]
        def CreateNumpyVector(self, x: Any) -> Any:  # noqa: N802 - flatbuffers' name
            if x.dtype == np.uint8:  # a buffer's data; all other vectors hold wider numbers
                self.Prep(16, len(x))
            return super().CreateNumpyVector(x)

    tree = schema.ModelT.InitFromPackedBuf(model)
    for old in tree.metadata or []:
        tree.buffers[old.buffer].data = None  # the buffer stays: others are known by their number
    tree.metadata = [schema.MetadataT(name, len(tree.buffers) + i) for i, name in enumerate(metadata)]
    tree.buffers += [schema.BufferT(np.frombuffer(content, dtype=np.uint8)) for content in metadata.values()]
    builder = Aligning(2 * len(model))
    builder.Finish(tree.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def _spans(model: bytes) -> list[tuple[int, int]]:
    """Where the data of each buffer starts, and how many bytes it has."""
    spans = [_vector(model, table, _BUFFER_DATA) for table in _tables(model, _MODEL_BUFFERS)]
    if any(start + size > len(model) for start, size in spans):
        raise IndexError("a buffer ends beyond the file")
    return spans


def _tables(model: bytes, field: int) -> Iterator[int]:
    """Where each table starts that the root's vector `field` points to."""
    root = unpack_from("<I", model, 0)[0]
    start, count = _vector(model, root, field)
    for at in range(start, start + 4 * count, 4):
        yield at + unpack_from("<I", model, at)[0]


def _vector(model: bytes, table: int, field: int) -> tuple[int, int]:
    """Start and length of a table's vector (or text); an absent one is empty."""
    at = _field(model, table, field)
    if not at:
        return 0, 0
    at += unpack_from("<I", model, at)[0]
    return at + 4, unpack_from("<I", model, at)[0]


def _field(model: bytes, table: int, field: int) -> int:
    """Where a table keeps a field; 0 when it leaves the field out."""
    vtable = table - unpack_from("<i", model, table)[0]
    if 4 + 2 * field >= unpack_from("<H", model, vtable)[0]:
        return 0
    offset = unpack_from("<H", model, vtable + 4 + 2 * field)[0]
    return int(table + offset) if offset else 0
