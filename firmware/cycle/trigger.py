"""What begins a cycle: the edge of a pin, or a message. Bounces and triggers that come too early are counted."""

import asyncio
from time import ticks_add, ticks_diff, ticks_ms

LONGEST_PART = 24  # bytes of a part's number
EDGES = ("rising", "falling")


class Trigger:
    """Waits to be fired.

    bounce_ms: a trigger that comes sooner after the one before belongs to that. where: a function that says where the
    belt is; place: what it said at the last trigger that counted, as late as an interrupt is. part: the number of the
    part that is next, b"" where nobody says. doubled: triggers that were bounces. missed: those that came while a cycle
    was still being taken or judged: a part nobody looked at.
    """

    def __init__(self, bounce_ms: int = 5, where=ticks_ms) -> None:
        self._bounce_ms = bounce_ms
        self._where = where
        self._flag = asyncio.ThreadSafeFlag()
        self._last = ticks_add(ticks_ms(), -100000)
        self._open = False
        self.place = where()
        self.part = b""
        self.doubled = self.missed = 0

    async def wait(self) -> None:
        """Until it fires; from then on it is shut until the next wait."""
        self._flag.clear()
        self._open = True
        await self._flag.wait()

    def fire(self, _=None) -> None:
        """The edge came; allocates nothing, for an interrupt calls it."""
        now = ticks_ms()
        if 0 <= ticks_diff(now, self._last) < self._bounce_ms:  # below 0: six days ago, ticks wrap after twelve
            self.doubled += 1
        elif self._open:
            self._open = False
            self.place = self._where()
            self._flag.set()
        else:
            self.missed += 1
        self._last = now

    def mark(self) -> None:
        """A cycle began that nobody fired: a level was passed."""
        self.place = self._where()

    def say(self, _topic, payload, _retained) -> None:
        """A message fires it, with a part's number; one that is too long is cut."""
        if self._open:
            self.part = bytes(payload[:LONGEST_PART])
        self.fire()

    def skipped(self, topic) -> None:
        """A message was too long to be read: the part is there all the same, without its number."""
        if topic.endswith("/trigger"):
            print("trigger: the part's number was too long, the part goes without")
            self.say(topic, b"", False)


def on_pin(machine, settings: dict, path: str, fire) -> None:
    """Have `fire` called at an edge of a pin; raises ValueError, naming the key, for settings that are none."""
    pin, edge = settings.get("pin"), settings.get("edge", "rising")
    if not isinstance(pin, int) or edge not in EDGES:
        raise ValueError("{}: needs a pin, and edge rising or falling".format(path))
    made = machine.Pin(pin, machine.Pin.IN)
    made.irq(fire, machine.Pin.IRQ_RISING if edge == "rising" else machine.Pin.IRQ_FALLING)
