"""Cuts the power at every single write to flash of an update of the firmware, and starts again after each.

Usage: power_cut_firmware.py OFFER BEFORE OLD NEW LATER: a model, and packages with rising numbers. Prints a JSON line
for each story: the writes it takes, and how often which firmware started after a cut, "old" or "new"; "none" where the
tree that main.py chose, or would go back to, is not whole, to the byte; "no model" where it did not judge, run from
that very tree; "stuck" where a later update was not taken.
"""

import asyncio
import json
import os
import sys

import vfs
from flash_memory import Flash, torn

BLOCKS = 192  # 768 KiB; the smallest board has 960 for files
ROOM = 16384
NOTHING = {"slot": "a", "left": -1, "numbers": {}, "newest": 0, "relapse": ""}
EACH = 50  # after one cut in so many, firmware is run from the tree, and later firmware is taken
EVERY, MANY = int(os.getenv("EVERY") or 1), 100  # of stories with more writes than MANY only one in EVERY is cut


class Manifest:
    """As much of a manifest as trees look at."""

    def __init__(self, data):
        head = firmware_package.unpack_head(data)
        self.family = firmware_package.FAMILY + head.code
        self.sequence = head.sequence
        self.sha256 = hashlib.sha256(data).digest()
        self.shape = shards.Shape(16, 1024, len(data))


def mounted(content):
    flash = Flash(BLOCKS, content)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    return flash


def told(before, story):
    """The flash after a story."""
    flash = mounted(before)
    story()
    vfs.umount("/flash")
    return flash


def update(data):
    """Take a package in blocks, as they come over the air."""

    async def take():
        both, manifest = firmware_slots.FirmwareSlots("/flash", True), Manifest(data)
        taker = firmware_writer.Writer(both)
        taker.admit(manifest)
        for at in range(0, len(data), ROOM):
            await taker.take(memoryview(data)[at : at + ROOM])
        both.install(await taker.finish(manifest))

    asyncio.run(take())


def prove():
    taker = firmware_slots.FirmwareSlots("/flash", True)
    while not taker.worked():
        pass


def entries(data):
    """Path and size of every file in a package."""
    at, found = firmware_package.HEAD, []
    for _ in range(firmware_package.unpack_head(data).files):
        path, size = firmware_package.unpack_entry(data[at : at + 100])
        found.append((path, size))
        at += firmware_package.ENTRY + len(path) + size
    return found


def digest(folder, data):
    """SHA-256 of the package, made anew from what is on flash."""
    total = hashlib.sha256(firmware_package.pack_head(firmware_package.unpack_head(data)))
    for path, size in entries(data):
        total.update(firmware_package.pack_entry(path, size))
        with open(folder + "/" + path, "rb") as file:
            total.update(file.read())
    return total.digest()


def holds(slot, data):
    """Whether a tree is this package, to the byte."""
    try:
        made = digest("/flash/fw_" + slot, data)
    except OSError:
        return False
    return made == hashlib.sha256(data).digest()


def started(state):
    """The firmware in the tree that is chosen; "none" also when that to go back to is spoilt."""
    there = {slot: next((name for name in packages if holds(slot, packages[name])), "none") for slot in "ab"}
    if any(there[slot] == "none" for slot in state["numbers"]):
        return "none"
    return there[state["slot"]]


def judges(slot):
    """Whether the model judges as it should, when modules come from this tree alone."""
    kept = dict(sys.modules), sys.path[:]
    sys.modules.clear()
    sys.path[:] = ["/flash/fw_" + slot, ".frozen"]
    try:
        from ota.model_slots import ModelSlots

        slots = ModelSlots("/flash", ROOM, len(offer.trial))
        slots.boot()
        return bool(slots.judge) and slots.judge.score(offer.trial) == offer.trial_score
    finally:
        sys.modules.clear()
        sys.modules.update(kept[0])
        sys.path[:] = kept[1]


def after_cut(content, further):
    """Which firmware starts from this flash; `further`: it must run, and later firmware be taken."""
    mounted(content)
    state = main.choose("/flash")
    who = started(state)
    if further and who != "none":
        if not judges(state["slot"]):
            who = "no model"
        elif not takes_later():
            who = "stuck"
    vfs.umount("/flash")
    return who


def takes_later():
    if main.read("/flash")["left"] != main.PROVED:
        prove()
    update(packages["later"])
    return holds(main.choose("/flash")["slot"], packages["later"])


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


def install():
    slots = ModelSlots("/flash", ROOM, len(offer.trial))
    with open(slots.arriving, "wb") as file:
        file.write(offer.model)
    arrived = offer_frame.unpack_offer(frame)
    arrived.model = slots.room[: len(offer.model)]
    slots.install(arrived)


import hashlib  # noqa: E402

import main  # noqa: E402
from ota import firmware_slots, firmware_writer  # noqa: E402
from ota.model_slots import ModelSlots  # noqa: E402
from protocol import firmware_package, offer_frame, shards  # noqa: E402

contents = []
for path in sys.argv[1:]:
    with open(path, "rb") as file:
        contents.append(file.read())
frame, packages = contents[0], dict(zip(("before", "old", "new", "later"), contents[1:]))
offer = offer_frame.unpack_offer(frame)

flash = Flash(BLOCKS)
vfs.VfsLfs2.mkfs(flash)
flash = told(flash.content, lambda: (install(), main.write("/flash", NOTHING)))
flash = told(flash.content, lambda: (update(packages["before"]), main.choose("/flash"), prove()))
flash = told(flash.content, lambda: (update(packages["old"]), main.choose("/flash"), prove()))
tell("new firmware", flash.content, lambda: update(packages["new"]))
flash = told(flash.content, lambda: update(packages["new"]))
tell("its first start", flash.content, lambda: main.choose("/flash"))
flash = told(flash.content, lambda: main.choose("/flash"))
tell("it proves good", flash.content, prove)
for _ in range(main.STARTS - 1):
    flash = told(flash.content, lambda: main.choose("/flash"))
tell("back to the firmware before", flash.content, lambda: main.choose("/flash"))
told(flash.content, lambda: print(json.dumps(main.choose("/flash"))))
