"""Windows that matter and may not have arrived: kept over an outage of the link, and over restarts, and sent after it.

Windows go out at QoS 0, so nobody says whether one arrived. One above the threshold is remembered until the gateway was
heard of later. If the link is lost instead, it waits: in memory at first, and once a minute what waits is appended to a
file, for a board is reset when the link stays away. Back on the link all of it goes out under `late`, each window with
how long ago it was, until the gateway gave a receipt for it: a broker may be there before it. Two files take turns:
when the newer is full, it takes the place of the older.

Flash wears out by writing: one append a minute at most, counted for life in `writes`.
"""

import asyncio
import json
import os
from struct import calcsize, pack, unpack_from

from board.monotonic import ms
from protocol import wire

OLDER, NEWER, COUNT = "late.old", "late.new", "late.json"
EACH = 64  # windows in a file
RECENT, SOME = 16, 8  # windows in memory; those that are written at once
LOOK_MS, WRITE_MS = 250, 60000  # between two looks at the link; between two appends
MARGIN_MS = 1000  # sent so shortly before the gateway was heard, a window may still have been on its way
PATIENCE_MS = 5000  # for one late window
_RECORD = "<III"  # seconds since 1970 or 0, uptime, writes; then the window's frame
_HEAD = calcsize(_RECORD)


class StoreAndForward:
    """client: has up, heard, sessions, lost_at, publish. frame: bytes of a window's frame. clock: see ntp.py. key:
    when given, only a receipt with a tag under it counts.

    waiting: windows to be sent late. dropped: those that made room for others. writes: to flash, ever.
    """

    def __init__(self, folder: str, client, topic: str, frame: int, clock, key: "bytes | None" = None) -> None:
        self._folder = folder + "/"
        self._client = client
        self._topic = topic
        self._awaited = b""  # the receipt for what is being sent
        self._key = key
        self._taken = asyncio.Event()
        self._record = bytearray(_HEAD + frame)
        self._clock = clock
        self._recent: "list[tuple]" = []  # when, uptime, frame of those that may be on their way
        self._lost: "list[tuple]" = []  # those that are not, and are not in flash
        self._session = client.sessions
        self._written = ms() - WRITE_MS
        self.boot = -1  # of the windows of this start
        self.dropped = 0
        self.writes, self._stored = self._found()
        client.subscribe(topic + "/taken", self._receive, 1)

    @property
    def waiting(self) -> int:
        return self._stored + len(self._lost)

    def hello(self) -> dict:
        """What the gateway should know of it."""
        return {"waiting": self.waiting, "dropped": self.dropped, "writes": self.writes}

    def note(self, frame) -> None:
        """A window above the threshold was sent, or would have been."""
        self._recent.append((ms(), self._clock.uptime(), bytes(frame)))
        if len(self._recent) > RECENT:
            self._recent.pop(0)

    async def run(self, sent) -> None:
        """See to what was noted. sent: a coroutine function, awaited when all that waited has gone out."""
        while True:
            self.look()
            if self._client.up.is_set():
                waited = self.waiting
                await self.send()
                if waited and not self.waiting:
                    await sent()
            elif self.due(ms()):
                self.write()
            await asyncio.sleep_ms(LOOK_MS)

    def look(self) -> None:
        """Forget what arrived; what did not is lost for now."""
        client, stays = self._client, self._client.up.is_set() and self._client.sessions == self._session
        if stays and not self._recent:
            return
        arrived = (client.heard if stays else client.lost_at) - MARGIN_MS
        left = [each for each in self._recent if each[0] >= arrived]
        self._recent = left if stays else []
        if not stays:
            self._session = client.sessions
            self._lost += left
            self.dropped += max(0, len(self._lost) - RECENT)
            self._lost = self._lost[-RECENT:]

    def due(self, now) -> bool:
        """Whether to write: some windows at once or the first after a minute, and only once a minute."""
        if not self._lost or now - self._written < WRITE_MS:
            return False
        return len(self._lost) >= SOME or now - self._lost[0][0] >= WRITE_MS

    def write(self) -> None:
        """Append what is lost to the newer file; a flash that fails leaves it where it is."""
        now, uptime = self._clock.now(), self._clock.uptime()
        self._written = ms()
        try:
            self._make_room(len(self._lost))
            with open(self._folder + NEWER, "ab") as file:
                for _, then, frame in self._lost:
                    file.write(pack(_RECORD, now and now - (uptime - then), then, self.writes + 1) + frame)
        except OSError as error:
            print(NEWER, error)
            return
        self.writes += 1
        self._stored += len(self._lost)
        self._lost = []

    async def send(self) -> None:
        """Send what waits, oldest first, for as long as it is taken."""
        for name in (OLDER, NEWER):
            if self._stored and not await self._send_file(name):
                return
        if self._stored:
            self._stored = 0
            self._keep_count()
        while self._lost:
            _, then, frame = self._lost[0]
            if not await self._publish(self._clock.uptime() - then, frame):
                return
            self._lost.pop(0)

    async def _send_file(self, name: str) -> bool:
        """Send a file's windows and forget it; False when the link went away first. One may be sent twice."""
        try:
            with open(self._folder + name, "rb") as file:
                while file.readinto(self._record) == len(self._record):
                    frame = self._record[_HEAD:]
                    if not await self._publish(self._age(frame), frame):
                        return False
            os.remove(self._folder + name)
        except OSError:
            pass  # it is not there
        return True

    async def _publish(self, age: int, frame) -> bool:
        """Send one; whether its receipt came in time. What is no window is as good as sent."""
        try:
            window = wire.unpack_window(bytes(frame))
        except wire.WireError:
            self.dropped += 1
            return True
        self._awaited = wire.pack_taken(window.boot, window.number, self._key)
        self._taken.clear()
        try:
            return await asyncio.wait_for_ms(self._deliver(wire.pack_late(age, frame)), PATIENCE_MS)
        except asyncio.TimeoutError:
            return False

    async def _deliver(self, late: bytes) -> bool:
        if not await self._client.publish(self._topic, late, 1):
            return False
        await self._taken.wait()
        return True

    def _receive(self, _topic: str, receipt, _retained: bool) -> None:
        if self._awaited and bytes(receipt).startswith(self._awaited):  # who has no key does not mind a tag
            self._taken.set()

    def _age(self, frame) -> int:
        """Seconds since the window in `_record` was judged, or wire.UNKNOWN."""
        at, then, _ = unpack_from(_RECORD, self._record, 0)
        if int.from_bytes(frame[4:8], "little") == self.boot:
            return self._clock.uptime() - then
        now = self._clock.now()
        return max(0, now - at) if at and now else wire.UNKNOWN

    def _make_room(self, count: int) -> None:
        """Let the newer file take the older one's place when it would become too long."""
        if self._length(NEWER) + count > EACH:
            gone = self._length(OLDER)
            self.dropped += gone
            self._stored -= gone
            os.rename(self._folder + NEWER, self._folder + OLDER)

    def _length(self, name: str) -> int:
        try:
            return os.stat(self._folder + name)[6] // len(self._record)
        except OSError:
            return 0

    def _found(self) -> "tuple[int, int]":
        """Writes so far, and windows that wait, as flash has it."""
        writes = 0
        try:
            with open(self._folder + COUNT) as file:
                writes = json.load(file)["writes"]
        except (OSError, ValueError, KeyError, TypeError):
            pass
        for name in (OLDER, NEWER):
            if count := self._length(name):
                with open(self._folder + name, "rb") as file:
                    file.seek((count - 1) * len(self._record))
                    writes = max(writes, unpack_from(_RECORD, file.read(_HEAD), 0)[2])
        return writes, self._length(OLDER) + self._length(NEWER)

    def _keep_count(self) -> None:
        """The files that told how often flash was written are gone."""
        self.writes += 1
        try:
            with open(self._folder + COUNT, "w") as file:
                json.dump({"writes": self.writes}, file)
        except OSError as error:
            print(COUNT, error)
