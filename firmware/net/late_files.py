"""Windows over an outage, in flash: written there, found again, sent. For `store_and_forward.py`, which calls it then.

Two files take turns: when the newer is full, it takes the place of the older. Each function takes the StoreAndForward.
"""

import json
import os
from struct import calcsize, pack, unpack_from

from protocol import late_frame
from protocol.wire import WireError

OLDER, NEWER, COUNT = "late.old", "late.new", "late.json"
EACH = 64  # windows in a file
_RECORD = "<III"  # seconds since 1970 or 0, uptime, writes; then the window's frame
_HEAD = calcsize(_RECORD)


def found(it) -> "tuple[int, int]":
    """Writes so far, and windows that wait, as flash has it."""
    writes = 0
    try:
        with open(it.folder + COUNT) as file:
            writes = json.load(file)["writes"]
    except (OSError, ValueError, KeyError, TypeError):
        pass
    for name in (OLDER, NEWER):
        if count := _length(it, name):
            with open(it.folder + name, "rb") as file:
                file.seek((count - 1) * _size(it))
                writes = max(writes, unpack_from(_RECORD, file.read(_HEAD), 0)[2])
    return writes, _length(it, OLDER) + _length(it, NEWER)


def write(it) -> None:
    """Append what is lost to the newer file; a flash that fails leaves it where it is."""
    now, uptime = it.clock.now(), it.clock.uptime()
    try:
        _make_room(it, len(it.lost))
        with open(it.folder + NEWER, "ab") as file:
            for _, then, frame in it.lost:
                file.write(pack(_RECORD, now and now - (uptime - then), then, it.writes + 1) + frame)
    except OSError as error:
        print(NEWER, error)
        return
    it.writes += 1
    it.stored += len(it.lost)
    it.lost = []


async def send(it) -> None:
    """Send what waits, oldest first, for as long as it is taken."""
    for name in (OLDER, NEWER):
        if it.stored and not await _send_file(it, name):
            return
    if it.stored:
        it.stored = 0
        _keep_count(it)
    while it.lost:
        _, then, frame = it.lost[0]
        if not await _publish(it, it.clock.uptime() - then, frame):
            return
        it.lost.pop(0)


async def _send_file(it, name: str) -> bool:
    """Send a file's windows and forget it; False when the link went away first. One may be sent twice."""
    record = bytearray(_size(it))
    try:
        with open(it.folder + name, "rb") as file:
            while file.readinto(record) == len(record):
                frame = record[_HEAD:]
                if not await _publish(it, _age(it, record), frame):
                    return False
        os.remove(it.folder + name)
    except OSError:
        pass  # it is not there
    return True


async def _publish(it, age: int, frame) -> bool:
    """Send one; whether its receipt came in time. What is no window is as good as sent."""
    try:
        boot, number = late_frame.boot_and_number(frame)
    except WireError:
        it.dropped += 1
        return True
    it.expect(late_frame.pack_taken(boot, number, it.key))
    return await it.deliver(late_frame.pack_late(age, frame))


def _age(it, record) -> int:
    """Seconds since the window in a record was judged, or late_frame.UNKNOWN."""
    at, then, _ = unpack_from(_RECORD, record, 0)
    if int.from_bytes(record[_HEAD + 4 : _HEAD + 8], "little") == it.boot:
        return it.clock.uptime() - then
    now = it.clock.now()
    return max(0, now - at) if at and now else late_frame.UNKNOWN


def _make_room(it, count: int) -> None:
    """Let the newer file take the older one's place when it would become too long."""
    if _length(it, NEWER) + count > EACH:
        gone = _length(it, OLDER)
        it.dropped += gone
        it.stored -= gone
        os.rename(it.folder + NEWER, it.folder + OLDER)


def _size(it) -> int:
    """Bytes of a record."""
    return _HEAD + it.frame


def _length(it, name: str) -> int:
    try:
        return os.stat(it.folder + name)[6] // _size(it)
    except OSError:
        return 0


def _keep_count(it) -> None:
    """The files that told how often flash was written are gone."""
    it.writes += 1
    try:
        with open(it.folder + COUNT, "w") as file:
            json.dump({"writes": it.writes}, file)
    except OSError as error:
        print(COUNT, error)
