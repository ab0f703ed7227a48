"""Windows that matter and may not have arrived: kept over an outage of the link, and over restarts, and sent after it.

Windows go out at QoS 0, so nobody says whether one arrived. One above the threshold is remembered until the gateway was
heard of later. If the link is lost instead, it waits: in memory at first, and once a minute what waits is appended to a
file (`late_files.py`, loaded for that), for a board is reset when the link stays away. Back on the link all of it goes
out under `late`, each window with how long ago it was, until the gateway gave a receipt for it: a broker may be there
before it.

Flash wears out by writing: one append a minute at most, counted for life in `writes`.
"""

import asyncio

from board.lazy import call, load, release
from board.monotonic import ms

RECENT, SOME = 16, 8  # windows in memory; those that are written at once
LOOK_MS, WRITE_MS = 250, 60000  # between two looks at the link; between two appends
MARGIN_MS = 1000  # sent so shortly before the gateway was heard, a window may still have been on its way
PATIENCE_MS = 5000  # for one late window
_FILES = "net.late_files"
_ON_CALL = _FILES, "protocol.late_frame", "hmac"


class StoreAndForward:
    """frame: bytes of a window's frame. key: when given, only a receipt with a tag under it counts. It is made before
    the link, as it looks through its files while there is room for that; then `join` is called.

    lost: when, uptime and frame of the windows that did not arrive and are not in flash; stored: how many are there.
    waiting: windows to be sent late. dropped: those that made room for others. writes: to flash, ever.
    """

    def __init__(self, folder: str, frame: int, key: "bytes | None" = None) -> None:
        self.folder = folder + "/"
        self.frame = frame
        self.key = key
        self._awaited = b""  # the receipt for what is being sent
        self._taken = asyncio.Event()
        self._recent: "list[tuple]" = []  # as lost: those that may be on their way
        self.lost: "list[tuple]" = []
        self.written = ms() - WRITE_MS
        self.boot = -1  # of the windows of this start
        self.dropped = 0
        self.writes, self.stored = self._by_files("found")

    def join(self, client, topic: str, clock) -> None:
        """client: has up, heard, sessions, lost_at, publish. topic: of late windows. clock: see ntp.py."""
        self.client, self.clock, self._topic = client, clock, topic
        self._session = client.sessions
        client.subscribe(topic + "/taken", self._receive, 1)

    @property
    def waiting(self) -> int:
        return self.stored + len(self.lost)

    def note(self, frame) -> None:
        """A window above the threshold was sent, or would have been."""
        self._recent.append((ms(), self.clock.uptime(), bytes(frame)))
        if len(self._recent) > RECENT:
            self._recent.pop(0)

    async def run(self, sent) -> None:
        """See to what was noted. sent: a coroutine function, awaited when all that waited has gone out."""
        while True:
            self.look()
            try:
                if self.client.up.is_set():
                    await self._send(sent)
                elif self.due(ms()):
                    self.write()
            except MemoryError as error:  # it waits on
                print(_FILES, error)
            await asyncio.sleep_ms(LOOK_MS)

    async def _send(self, sent) -> None:
        if self.waiting:
            await self.send()
            if not self.waiting:
                await sent()

    def look(self) -> None:
        """Forget what arrived; what did not is lost for now."""
        client, stays = self.client, self.client.up.is_set() and self.client.sessions == self._session
        if stays and not self._recent:
            return
        arrived = (client.heard if stays else client.lost_at) - MARGIN_MS
        left = [each for each in self._recent if each[0] >= arrived]
        self._recent = left if stays else []
        if not stays:
            self._session = client.sessions
            self.lost += left
            self.dropped += max(0, len(self.lost) - RECENT)
            self.lost = self.lost[-RECENT:]

    def due(self, now) -> bool:
        """Whether to write: some windows at once or the first after a minute, and only once a minute."""
        if not self.lost or now - self.written < WRITE_MS:
            return False
        return len(self.lost) >= SOME or now - self.lost[0][0] >= WRITE_MS

    def write(self) -> None:
        """Append what is lost to the newer file; a flash that fails leaves it where it is. Raises MemoryError."""
        self.written = ms()
        self._by_files("write")

    def _by_files(self, function: str):
        try:
            return call(_FILES, function, self)
        finally:
            release(*_ON_CALL)

    async def send(self) -> None:
        """Send what waits, oldest first, for as long as it is taken. Raises MemoryError."""
        try:
            await load(_FILES).send(self)
        finally:
            release(*_ON_CALL)

    def expect(self, receipt: bytes) -> None:
        """This is the receipt for what `deliver` sends next."""
        self._awaited = receipt
        self._taken.clear()

    async def deliver(self, late: bytes) -> bool:
        """Send one; whether its receipt came in time."""
        try:
            return await asyncio.wait_for_ms(self._delivered(late), PATIENCE_MS)
        except asyncio.TimeoutError:
            return False

    async def _delivered(self, late: bytes) -> bool:
        if not await self.client.publish(self._topic, late, 1):
            return False
        await self._taken.wait()
        return True

    def _receive(self, _topic: str, receipt, _retained: bool) -> None:
        if self._awaited and bytes(receipt).startswith(self._awaited):  # who has no key does not mind a tag
            self._taken.set()
