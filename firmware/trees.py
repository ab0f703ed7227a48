"""The two places a sensor keeps its firmware in, fw_a and fw_b: the one that runs, and the one the next is written to.

A parcel is written file by file as its blocks come, read back, and takes over by one rename of `firmware.json`, which
`main.py` reads at the next start. It is on probation then, until enough windows were sent while the link was up:
firmware that can do that can also be updated again.
"""

import asyncio
import hashlib
import os
import sys

import main
import parcel
import shards
import wire
from refused import Refused

PROOF = 20  # windows sent while the link is up
_NO_HEAD = parcel.Head(0, 0, "")
_PIECE = 1024  # bytes written in a row, before others have their turn


class Trees:
    """Both trees below `folder`. sealed: whether offers are; without a seal none is taken."""

    def __init__(self, folder: str, sealed: bool) -> None:
        self._folder = folder
        self._state = main.read(folder)
        self._sealed = sealed
        self._to_prove = PROOF
        self._writer: "Writer | None" = None

    @property
    def sequence(self) -> int:
        """The number of the firmware that runs; 0 as it was flashed."""
        return self._state["numbers"].get(self._state["slot"], 0)

    @property
    def proved(self) -> bool:
        return self._state["left"] == main.PROVED

    def hello(self) -> dict:
        """What the gateway should know of it."""
        state = self._state
        about = {"sequence": self.sequence, "newest": state["newest"], "code": code()}
        return dict(about, proved=self.proved, relapse=state["relapse"])

    def worked(self) -> bool:
        """A window was sent while the link was up; True for the one that ends the probation."""
        if self.proved:
            return False
        self._to_prove -= 1
        if self._to_prove > 0:
            return False
        self._state["left"] = main.PROVED
        try:
            main.write(self._folder, self._state)
        except OSError as error:  # at worst it has to prove itself once more
            print(main.STATE, error)
        return True

    def admit(self, manifest: shards.Manifest) -> None:
        """Raise Refused for a parcel that cannot be taken, before any of it comes."""
        if not self._sealed:
            raise Refused(403, "a sensor without a key takes no firmware")
        if manifest.family != parcel.FAMILY + code():
            raise Refused(400, "made for {}, this sensor runs {}".format(manifest.family, code()))
        if manifest.sequence == self.sequence:
            raise Refused(304, "already running")
        if manifest.sequence <= self._state["newest"]:
            raise Refused(403, "sequence {} is not above {}".format(manifest.sequence, self._state["newest"]))
        if manifest.shape.length > parcel.LARGEST:
            raise Refused(400, "{} bytes, {} are the most".format(manifest.shape.length, parcel.LARGEST))
        if not self.proved:
            raise Refused(409, "firmware {} is still on probation".format(self.sequence))
        self._writer = None

    async def take(self, payload) -> None:
        """Write the next bytes of the parcel; raises Refused."""
        try:
            if not self._writer:
                self._writer = await self._begin()
            for at in range(0, len(payload), _PIECE):
                self._writer.feed(payload[at : at + _PIECE])
                await asyncio.sleep_ms(0)
        except wire.WireError as error:
            raise Refused(400, str(error))
        except OSError as error:
            raise Refused(500, "{}: {}".format(self._idle, error))

    async def finish(self, manifest: shards.Manifest) -> None:
        """Read all of it back and let it take over at the next start; raises Refused."""
        writer, self._writer = self._writer, None
        if not writer or not writer.whole:
            raise Refused(400, "the parcel is cut short")
        head = writer.head
        if head.sequence != manifest.sequence or head.code != code():
            raise Refused(400, "the parcel is not what its manifest says")
        try:
            if await digest(self._idle, head, writer.files) != manifest.sha256:
                raise Refused(500, "{} reads back differently".format(self._idle))
            self._switch(manifest.sequence)
        except OSError as error:
            raise Refused(500, "{}: {}".format(self._idle, error))

    @property
    def _idle(self) -> str:
        return self._folder + "/fw_" + main.other(self._state["slot"])

    async def _begin(self) -> "Writer":
        """Forget the idle tree before it is touched: half of one must never be gone back to."""
        slot = main.other(self._state["slot"])
        if slot in self._state["numbers"]:
            numbers = {self._state["slot"]: self.sequence}
            self._write(dict(self._state, numbers=numbers))
        await remove(self._idle)
        os.mkdir(self._idle)
        return Writer(self._idle)

    def _switch(self, sequence: int) -> None:
        slot = main.other(self._state["slot"])
        numbers = dict(self._state["numbers"])
        numbers[slot] = sequence
        self._write({"slot": slot, "left": main.STARTS, "numbers": numbers, "newest": sequence, "relapse": ""})

    def _write(self, state: dict) -> None:
        main.write(self._folder, state)
        self._state = state


class Writer:
    """Writes the files of a parcel below `folder` as its bytes are fed in, however they are cut.

    head: _NO_HEAD until it came. files: path and size of each that was begun.
    """

    def __init__(self, folder: str) -> None:
        self.head = _NO_HEAD
        self.files: "list[tuple[str, int]]" = []
        self._folder = folder
        self._start = b""  # of a head or an entry that is not complete
        self._file = None
        self._left = 0

    @property
    def whole(self) -> bool:
        """Whether all files the head announced are there."""
        return 0 < len(self.files) == self.head.files and not self._left and not self._start

    def feed(self, data) -> None:
        """Take the next bytes; raises WireError and OSError."""
        while data:
            if not self._left:
                data = self._read_entry(data)
            part = data[: self._left]
            if part:
                self._file.write(part)
                self._left -= len(part)
                data = data[len(part) :]
                if not self._left:
                    self._file.close()

    def _read_entry(self, data):
        """Collect a head or an entry, byte by byte as it may be cut; returns what follows it."""
        needed = parcel.HEAD if self.head is _NO_HEAD else parcel.entry_length(self._start or data)
        count = needed - len(self._start)
        self._start += bytes(data[:count])
        if len(self._start) == needed:
            self._begin() if self.head is _NO_HEAD else self._open()
            self._start = b""
        return data[count:]

    def _begin(self) -> None:
        self.head = parcel.unpack_head(self._start)

    def _open(self) -> None:
        path, size = parcel.unpack_entry(self._start)
        if len(self.files) == self.head.files:
            raise wire.WireError("parcel: more than its {} files".format(self.head.files))
        self.files.append((path, size))
        if "/" in path:
            make_folder(self._folder + "/" + path.split("/")[0])
        self._file = open(self._folder + "/" + path, "wb")  # noqa: SIM115 - closed with its last byte
        self._left = size


def code() -> str:
    """What this MicroPython can run, as a parcel's head says it."""
    version = sys.implementation._mpy
    return parcel.code_name(version >> 8 & 255, version & 255)


async def digest(folder: str, head: parcel.Head, files: list) -> bytes:
    """SHA-256 of the parcel, made anew from what is on flash."""
    total, piece = hashlib.sha256(parcel.pack_head(head)), bytearray(_PIECE)
    for path, size in files:
        total.update(parcel.pack_entry(path, size))
        with open(folder + "/" + path, "rb") as file:
            while count := file.readinto(piece):
                total.update(memoryview(piece)[:count])
                await asyncio.sleep_ms(0)
    return total.digest()


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
