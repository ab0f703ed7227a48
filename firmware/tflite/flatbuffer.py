"""A bounds-checked reader of FlatBuffers: as much of the format (flatbuffers.dev/internals) as a .tflite file uses.

Every offset is checked against the buffer before it is read, every list before its length is believed, and nothing is
copied or followed that was not asked for: a damaged file, cyclic ones too, costs no more than its reader asks.
"""

from struct import calcsize, unpack_from

from tflite.kinds import ModelError


def root(buffer, identifier: bytes) -> "Table":
    """The root Table of `buffer`, whose bytes 4..7 must be `identifier`; raises ModelError."""
    if len(buffer) < 8 or bytes(buffer[4:8]) != identifier:
        raise ModelError("not a {} file".format(identifier.decode()))
    return Table(buffer, read(buffer, "<I", 0))


def read(buffer, form: str, at: int):
    """One number of struct format `form` at offset `at`; raises ModelError when that is outside the buffer."""
    if at < 0 or at + calcsize(form) > len(buffer):
        raise ModelError("offset {} lies outside the model's {} bytes".format(at, len(buffer)))
    return unpack_from(form, buffer, at)[0]


class Table:
    """One table: fields by their number in the schema, absent ones as None or the default."""

    def __init__(self, buffer, at: int) -> None:
        self._buffer = buffer
        self._at = at
        self._vtable = at - read(buffer, "<i", at)
        self._size = read(buffer, "<H", self._vtable)

    def number(self, field: int, form: str, default: int = 0) -> int:
        """A scalar of struct format `form`."""
        at = self._field(field)
        return read(self._buffer, form, at) if at else default

    def table(self, field: int):
        """The table that a field refers to, or None."""
        at = self._field(field)
        return Table(self._buffer, self._follow(at)) if at else None

    def vector(self, field: int, form: str) -> "Vector":
        """A Vector of scalars of struct format `form`; empty when absent."""
        at = self._field(field)
        return Vector(self._buffer, self._follow(at) if at else None, form)

    def text(self, field: int) -> bytes:
        """The first 64 bytes of a string; empty when absent."""
        return bytes(self.vector(field, "<B").slice()[:64])

    def tables(self, field: int) -> "Tables":
        """A Vector of references; `Table` of each through `at()`."""
        return Tables(self.vector(field, "<I"))

    def _field(self, field: int) -> int:
        slot = 4 + 2 * field
        if slot + 2 > self._size:
            return 0
        offset = read(self._buffer, "<H", self._vtable + slot)
        return self._at + offset if offset else 0

    def _follow(self, at: int) -> int:
        return at + read(self._buffer, "<I", at)


class Vector:
    """Scalars in the buffer: `len(v)`, `v.at(i)`, and `v.slice()` for their bytes in place."""

    def __init__(self, buffer, at, form: str) -> None:
        self.buffer = buffer
        self.start = 0
        self._form = form
        self._size = calcsize(form)
        self._count = 0
        if at is not None:
            self._count = read(buffer, "<I", at)
            self.start = at + 4
        if self.start + self._count * self._size > len(buffer):
            raise ModelError("a list of {} at offset {} ends outside the model".format(self._count, self.start))

    def __len__(self) -> int:
        return self._count

    def at(self, i):
        """Element i; raises ModelError when there is none."""
        return read(self.buffer, self._form, self.place(i))

    def place(self, i: int) -> int:
        """Offset of element i in the buffer; raises ModelError when there is none."""
        if not 0 <= i < self._count:
            raise ModelError("element {} of a list of {} at offset {}".format(i, self._count, self.start))
        return self.start + i * self._size

    def slice(self) -> memoryview:
        """The elements' bytes, a memoryview of the buffer."""
        return memoryview(self.buffer)[self.start : self.start + self._count * self._size]


class Tables:
    """Tables behind a vector of references."""

    def __init__(self, references: Vector) -> None:
        self._references = references

    def __len__(self) -> int:
        return len(self._references)

    def at(self, i):
        """Table i; raises ModelError when there is none."""
        place = self._references.place(i)
        return Table(self._references.buffer, place + self._references.at(i))
