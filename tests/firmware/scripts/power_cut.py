"""Cuts the power at every single write to flash of what ota/model_slots.py does, and starts again after each.

Usage: power_cut.py OFFER0 ... OFFER3, frames with rising sequence numbers. Prints a JSON line for each story: the
writes it takes, and how often which model served after a cut: "0" to "3", "none", or "stuck" where no later one was
taken.

The flash is memory under a real littlefs. A story is told once and its writes are noted; then each of them in turn is
the one that is cut: all before it came through, half of its bytes, and nothing after it.
"""

import asyncio
import json
import os
import sys

import vfs
from flash_memory import Flash, torn

BLOCKS = 20
ROOM = 16384
BLOCK = 4096
EACH = 5  # after one cut in so many, a later model is offered, too
EVERY, MANY = int(os.getenv("EVERY") or 1), 100  # of stories with more writes than MANY only one in EVERY is cut


class Manifest:
    """As much of a manifest as is looked at."""

    def __init__(self, data):
        self.shape = shards.Shape(4, 1024, len(data))


def started(flash):
    """The slots of a board that starts from this flash."""
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    slots = ModelSlots("/flash", ROOM, len(offers[0].trial))
    slots.boot()
    return slots


def told(before, story):
    """The flash after a start and a story."""
    flash = Flash(BLOCKS, before)
    story(started(flash))
    vfs.umount("/flash")
    return flash


def install(slots, frame):
    """Take an offer in blocks, as they come over the air."""

    async def take():
        taker, manifest = Writer(slots), Manifest(frame)
        taker.admit(manifest)
        for at in range(0, len(frame), BLOCK):
            await taker.take(memoryview(frame)[at : at + BLOCK])
        slots.install(await taker.finish(manifest))

    asyncio.run(take())


def prove(slots):
    for _ in range(WINDOWS):
        slots.judged()


def serves(slots):
    """Which offer's model judges, and rightly."""
    for i, offer in enumerate(offers):
        if slots.judge and slots.digest == offer.sha256.hex():
            return str(i) if slots.judge.score(offer.trial) == offer.trial_score else "none"
    return "none"


def after_cut(content, further):
    """Who serves when a board starts from this flash; `further`: it must take a later model, too."""
    slots = started(Flash(BLOCKS, content))
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
    writes = told(before, story).writes
    step = EVERY if len(writes) > MANY else 1
    for number, content in enumerate(torn(before, writes)):
        if number % step == 0:
            who = after_cut(content, number // step % EACH == 0)
            served[who] = served.get(who, 0) + 1
    print(json.dumps({"story": name, "writes": len(writes), "cuts": sum(served.values()), "served": served}))


frames = []
for path in sys.argv[1:5]:
    with open(path, "rb") as file:
        frames.append(file.read())

from board import lazy  # noqa: E402

lazy.release = lambda *_: None  # compiling from source anew at every start would take most of the time

from board.boot_count import WINDOWS  # noqa: E402
from ota.model_files import MOST_BOOTS  # noqa: E402
from ota.model_slots import ModelSlots  # noqa: E402
from ota.model_writer import Writer  # noqa: E402
from protocol import offer_frame, shards  # noqa: E402

offers = [offer_frame.unpack_offer(frame) for frame in frames]
flash = Flash(BLOCKS)
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
