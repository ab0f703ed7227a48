"""Firmware on its way: the files of a package are written as its blocks come, then read back.

Loaded when some is offered (`receiver.py`).
"""

import asyncio
import hashlib
import os

from board.lazy import call
from ota.offers import Refused
from protocol import firmware_package, wire

_NO_HEAD = firmware_package.PackageHeader(0, 0, "")
_PIECE = 1024  # bytes written in a row, before others have their turn


class Writer:
    """Writes a package to the idle one of `trees`."""

    def __init__(self, trees) -> None:
        self._trees = trees
        self._writer: "FileWriter | None" = None

    def admit(self, manifest) -> None:
        """Raise Refused for a package that cannot be taken, before any of it comes."""
        trees = self._trees
        if not trees.sealed:
            raise Refused(403, "a sensor without a key takes no firmware")
        if manifest.family != firmware_package.FAMILY + trees.code:
            raise Refused(400, "made for {}, this sensor runs {}".format(manifest.family, trees.code))
        if manifest.sequence == trees.sequence:
            raise Refused(304, "already running")
        if manifest.sequence <= trees.newest:
            raise Refused(403, "sequence {} is not above {}".format(manifest.sequence, trees.newest))
        if manifest.shape.length > firmware_package.LARGEST:
            raise Refused(400, "{} bytes, {} are the most".format(manifest.shape.length, firmware_package.LARGEST))
        if not trees.proved:
            raise Refused(409, "firmware {} is still on probation".format(trees.sequence))

    async def take(self, payload) -> None:
        """Write the next bytes of the package; raises Refused."""
        try:
            if not self._writer:
                await remove(call("ota.firmware_switch", "vacated", self._trees))
                os.mkdir(self._trees.idle)
                self._writer = FileWriter(self._trees.idle)
            for at in range(0, len(payload), _PIECE):
                self._writer.feed(payload[at : at + _PIECE])
                await asyncio.sleep_ms(0)
        except wire.WireError as error:
            raise Refused(400, str(error))
        except OSError as error:
            raise Refused(500, "{}: {}".format(self._trees.idle, error))

    async def finish(self, manifest) -> int:
        """The number under which it may take over, for every file was read back; raises Refused."""
        writer, self._writer = self._writer, None
        if not writer or not writer.whole:
            raise Refused(400, "the package is cut short")
        if writer.head.sequence != manifest.sequence or writer.head.code != self._trees.code:
            raise Refused(400, "the package is not what its manifest says")
        return manifest.sequence


class FileWriter:
    """Writes the files of a package below `folder` as its bytes are fed in, however they are cut; reads each back.

    head: _NO_HEAD until it came.
    """

    def __init__(self, folder: str) -> None:
        self.head = _NO_HEAD
        self._begun = 0  # files
        self._piece = bytearray(256)
        self._folder = folder
        self._start = b""  # of a head or an entry that is not complete
        self._file = None
        self._left = 0

    @property
    def whole(self) -> bool:
        """Whether all files the head announced are there."""
        return 0 < self._begun == self.head.files and not self._left and not self._start

    def feed(self, data) -> None:
        """Take the next bytes; raises WireError and OSError."""
        while data:
            if not self._left:
                data = self._read_entry(data)
            part = data[: self._left]
            if part:
                self._file.write(part)
                self._sum.update(part)
                self._left -= len(part)
                data = data[len(part) :]
                if not self._left:
                    self._read_back()

    def _read_entry(self, data):
        """Collect a head or an entry, byte by byte as it may be cut; returns what follows it."""
        needed = firmware_package.HEAD if self.head is _NO_HEAD else firmware_package.entry_length(self._start or data)
        count = needed - len(self._start)
        self._start += bytes(data[:count])
        if len(self._start) == needed:
            self._begin() if self.head is _NO_HEAD else self._open()
            self._start = b""
        return data[count:]

    def _begin(self) -> None:
        self.head = firmware_package.unpack_head(self._start)

    def _open(self) -> None:
        path, size = firmware_package.unpack_entry(self._start)
        if self._begun == self.head.files:
            raise wire.WireError("package: more than its {} files".format(self.head.files))
        self._begun += 1
        if "/" in path:
            make_folder(self._folder + "/" + path.split("/")[0])
        self._path, self._left, self._sum = self._folder + "/" + path, size, hashlib.sha256()
        self._file = open(self._path, "wb")  # noqa: SIM115 - closed with its last byte

    def _read_back(self) -> None:
        """Raise OSError unless what is on flash is what was written."""
        self._file.close()
        found, piece = hashlib.sha256(), self._piece
        with open(self._path, "rb") as file:
            while count := file.readinto(piece):
                found.update(memoryview(piece)[:count])
        if found.digest() != self._sum.digest():
            raise OSError(self._path + " reads back differently")


async def remove(path: str) -> None:
    """A folder with all that is in it, if it is there."""
    try:
        entries = list(os.ilistdir(path))
    except OSError:
        return
    for entry in entries:
        inner = path + "/" + entry[0]
        if entry[1] == 0x4000:
            await remove(inner)
        else:
            os.remove(inner)
        await asyncio.sleep_ms(0)
    os.rmdir(path)


def make_folder(path: str) -> None:
    """A folder, unless it is there."""
    try:
        os.mkdir(path)
    except OSError:
        os.stat(path)
