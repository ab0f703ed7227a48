"""Cuts the power at every single write to flash of what slots.py does, and starts again after each.

Usage: power_cut.py OFFER0 ... OFFER3, frames with rising sequence numbers. Prints a JSON line for each story: the
writes it takes, and how often which model served after a cut: "0" to "3", "none", or "stuck" where no later one was
taken.

The flash is memory under a real littlefs. A story is told once and its writes are noted; then each of them in turn is
the one that is cut: all before it came through, half of its bytes, and nothing after it.
"""

import json
import sys

import vfs

BLOCK = 4096
BLOCKS = 20
ROOM = 16384
EACH = 5  # after one cut in so many, a later model is offered, too


class Flash:
    """A block device in memory that notes its writes: (offset, bytes)."""

    def __init__(self, content=None):
        self.content = bytearray(content or b"\xff" * (BLOCK * BLOCKS))
        self.writes = []

    def readblocks(self, block, buffer, offset=0):
        at = block * BLOCK + offset
        buffer[:] = memoryview(self.content)[at : at + len(buffer)]

    def writeblocks(self, block, buffer, offset=0):
        self._write(block * BLOCK + offset, bytes(buffer))

    def ioctl(self, op, argument):
        if op == 4:
            return BLOCKS
        if op == 5:
            return BLOCK
        if op == 6:
            self._write(argument * BLOCK, b"\xff" * BLOCK)
        return 0

    def _write(self, at, data):
        self.writes.append((at, data))
        self.content[at : at + len(data)] = data


def started(flash):
    """The slots of a board that starts from this flash."""
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    slots = Slots("/flash", ROOM, len(offers[0].trial))
    slots.boot()
    return slots


def told(before, story):
    """The flash after a start and a story."""
    flash = Flash(before)
    story(started(flash))
    vfs.umount("/flash")
    return flash


def install(slots, frame):
    slots.incoming[: len(frame)] = frame
    slots.install(memoryview(slots.incoming)[: len(frame)])


def prove(slots):
    for _ in range(PROBATION):
        slots.judged()


def serves(slots):
    """Which offer's model judges, and rightly."""
    for i, offer in enumerate(offers):
        if slots.judge and slots.digest == offer.sha256.hex():
            return str(i) if slots.judge.score(offer.trial) == offer.trial_score else "none"
    return "none"


def after_cut(content, further):
    """Who serves when a board starts from this flash; `further`: it must take a later model, too."""
    slots = started(Flash(content))
    who = serves(slots)
    if further:
        install(slots, frames[3])
        if serves(slots) != "3":
            who = "stuck"
    vfs.umount("/flash")
    return who


def tell(name, before, story):
    """Cut at each write of a story in turn."""
    served = {}
    content = bytearray(before)
    writes = told(before, story).writes
    for number, (at, data) in enumerate(writes):
        torn = bytearray(content)
        torn[at : at + len(data) // 2] = data[: len(data) // 2]
        who = after_cut(torn, number % EACH == 0)
        served[who] = served.get(who, 0) + 1
        content[at : at + len(data)] = data
    print(json.dumps({"story": name, "cuts": len(writes), "served": served}))


frames = []
for path in sys.argv[1:5]:
    with open(path, "rb") as file:
        frames.append(file.read())

import wire  # noqa: E402
from slots import MOST_BOOTS, PROBATION, Slots  # noqa: E402

offers = [wire.unpack_offer(frame) for frame in frames]
flash = Flash()
vfs.VfsLfs2.mkfs(flash)
flash = told(flash.content, lambda slots: (install(slots, frames[0]), prove(slots)))
tell("a new model", flash.content, lambda slots: install(slots, frames[1]))
flash = told(flash.content, lambda slots: install(slots, frames[1]))
tell("it proves good", flash.content, prove)
tell("another before it has", flash.content, lambda slots: install(slots, frames[2]))
for _ in range(MOST_BOOTS - 1):
    tell("a start on probation", flash.content, lambda slots: None)
    flash = told(flash.content, lambda slots: None)
tell("back to the model before", flash.content, lambda slots: None)
slots = started(told(flash.content, lambda slots: None))
print(json.dumps({"serves": serves(slots), "sequence": slots.sequence}))
