"""Cuts the power at every write to flash of what a sensor keeps over an outage, and starts again after each.

Prints a JSON line: the cuts, and how often how many windows waited then, beside how many there were before and after;
"broken" counts starts after which what waited was not sent, each window whole and in order, the newest last.
"""

import json

import vfs
from flash_memory import Flash, torn
from outage_stories import Clock, Link, judged, kept, sent

BLOCKS = 64


def mounted(content):
    flash = Flash(BLOCKS, content)
    vfs.mount(vfs.VfsLfs2(flash), "/flash")
    return flash


def story(content, number):
    """Eight more windows are written; the flash after it, and how many wait."""
    flash = mounted(content)
    it = kept("/flash", Link(), Clock())
    judged(it, *range(number, number + 8))
    it.look()
    it.write()
    waiting = it.waiting
    vfs.umount("/flash")
    return flash, waiting


def after(content):
    """Windows that wait after a start from this flash, and whether they are in order and whole."""
    mounted(content)
    it = kept("/flash", Link(), Clock())
    waiting = it.waiting
    it.client.rise()
    numbers = [each[1] for each in sent(it)]
    vfs.umount("/flash")
    return waiting, len(numbers) == waiting and numbers == list(
        range(numbers[0], numbers[0] + waiting)
    ) if numbers else True


flash = Flash(BLOCKS)
vfs.VfsLfs2.mkfs(flash)
content, before, cuts, odd, broken = flash.content, 0, 0, 0, 0
for turn in range(20):
    flash, waits = story(content, 1 + 8 * turn)
    for cut in torn(content, flash.writes):
        cuts += 1
        found, good = after(cut)
        odd += found not in (before, waits, waits - 8)  # the last: older ones had made room, and these had not come
        broken += not good
    content, before = flash.content, waits
print(json.dumps({"cuts": cuts, "odd": odd, "broken": broken, "kept": before}))
