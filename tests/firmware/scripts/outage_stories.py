"""What a sensor keeps over an outage, with a link in memory; prints a JSON line. `outage_stories.py CASE FOLDER`."""

import asyncio
import json
import os
import sys

from net import late_files, store_and_forward
from protocol import late_frame, wire

FRAME = wire.WINDOW_HEADER + 3


def ms():
    """Time stands still: a busy machine must not be taken for an outage."""
    return 1000000


store_and_forward.ms = ms


class Link:
    """sent: (age, number) of late windows. takes: how many it still takes."""

    def __init__(self):
        self.up = asyncio.Event()
        self.sessions = 0
        self.heard = self.lost_at = ms() - 5000
        self.sent = []
        self.takes = 1000
        self.mute = False
        self.key = None

    def rise(self):
        self.sessions += 1
        self.heard = ms()
        self.up.set()

    def fall(self, unheard_ms=0):
        self.lost_at = ms() - unheard_ms
        self.up.clear()

    async def publish(self, topic, payload, qos):
        if not self.takes:
            return False
        self.takes -= 1
        age, window = late_frame.unpack_late(payload)
        self.sent.append([None if age == late_frame.UNKNOWN else age, window.number])
        if not self.mute:
            self.receipt(topic, late_frame.pack_taken(window.boot, window.number - 1), False)  # of another one
            self.receipt(topic, late_frame.pack_taken(window.boot, window.number, self.key), False)
        return True

    def subscribe(self, topic, sink, qos):
        self.receipt = sink


class Clock:
    def __init__(self, now=0):
        self.up, self.known = 100, now

    def uptime(self):
        return self.up

    def now(self):
        return self.known

    def wait(self, seconds):
        self.up += seconds
        self.known += seconds if self.known else 0


def kept(folder, link, clock, boot=7):
    it = store_and_forward.StoreAndForward(folder, FRAME)
    it.join(link, "late", clock)
    it.boot = boot
    return it


def judged(it, *numbers, boot=7):
    frame = bytearray(FRAME)
    for number in numbers:
        window = wire.Window(b"abc", boot, number)
        window.score = 9
        wire.pack_window(window, frame)
        it.note(frame)


def told(it, **more):
    return dict(more, waiting=it.waiting, dropped=it.dropped, writes=it.writes)


def sent(it):
    it.look()
    asyncio.run(it.send())
    return it.client.sent


def memory(folder):
    """A short outage: what was sent before the link was heard has arrived; the rest comes late, with its age."""
    link, clock = Link(), Clock()
    it = kept(folder, link, clock)
    link.rise()
    it.look()
    judged(it, 1)
    link.heard = ms() + 2000
    it.look()
    arrived = len(it._recent)
    link.heard = ms()
    judged(it, 2)
    it.look()
    link.fall(500)
    it.look()
    clock.wait(30)
    judged(it, 3)
    it.look()
    waiting = it.waiting
    link.rise()
    return told(it, arrived=arrived, sent=sent(it), was=waiting, files=os.listdir(folder))


def blink(folder):
    """The link was lost and is back before anybody looked."""
    link = Link()
    it = kept(folder, link, Clock())
    link.rise()
    it.look()
    judged(it, 1)
    link.fall(2000)
    link.rise()
    return told(it, sent=sent(it))


def restart(folder):
    """A long outage with a restart: the same boot's age by its uptime, the other's by the clock, or not at all."""
    said = []
    for now in (0, 1800000000):
        link, clock = Link(), Clock(now)
        it = kept(folder, link, clock)
        judged(it, 1, 2)
        it.look()
        it.write()
        again, later = Link(), Clock(now and now + 90)
        it = kept(folder, again, later, boot=8)
        judged(it, 3, boot=8)
        later.wait(5)
        waiting = it.waiting
        again.rise()
        said.append(told(it, was=waiting, sent=sent(it), files=sorted(os.listdir(folder))))
    return said


def same_boot(folder):
    link, clock = Link(), Clock()
    it = kept(folder, link, clock)
    judged(it, 1)
    it.look()
    it.write()
    clock.wait(61)
    link.rise()
    return told(it, sent=sent(it))


def ring(folder):
    """Far too many: the newest are kept, the rest is counted."""
    link, clock = Link(), Clock()
    it = kept(folder, link, clock)
    number = 0
    for _ in range(40):
        judged(it, *range(number + 1, number + store_and_forward.RECENT + 1))
        number += store_and_forward.RECENT
        it.look()
        it.write()
    size = sum(os.stat(folder + "/" + name)[6] for name in os.listdir(folder))
    before = told(it, bytes=size)
    it = kept(folder, link, clock)
    recovered = it.waiting, it.writes
    link.rise()
    numbers = [each[1] for each in sent(it)]
    it = kept(folder, link, clock)
    ordered = numbers == list(range(number - len(numbers) + 1, number + 1))
    return dict(before, count=len(numbers), ordered=ordered, recovered=recovered, ever=it.writes)


def broken_off(folder):
    """The link is lost again while late windows go out: none is lost, some may come twice."""
    link, clock = Link(), Clock()
    it = kept(folder, link, clock)
    judged(it, 1, 2, 3)
    it.look()
    it.write()
    judged(it, 4)
    link.takes = 2
    link.rise()
    sent(it)
    waiting = it.waiting
    link.takes = 9
    return told(it, was=waiting, sent=[each[1] for each in sent(it)])


def unheard(folder):
    """The broker is there and the gateway is not: what it gave no receipt for is sent again."""
    store_and_forward.PATIENCE_MS = 20
    link = Link()
    it = kept(folder, link, Clock())
    judged(it, 1, 2)
    it.look()
    link.mute = True
    link.rise()
    sent(it)
    waiting = it.waiting
    link.mute = False
    return told(it, was=waiting, sent=[each[1] for each in sent(it)])


def forged(folder):
    """Receipts without a tag, and of another key, to a sensor that has one; then its own. One without takes any."""
    store_and_forward.PATIENCE_MS = 20
    key, left = bytes(range(32)), []
    link = Link()
    it = store_and_forward.StoreAndForward(folder, FRAME, key)
    it.join(link, "late", Clock())
    it.boot = 7
    judged(it, 1)
    it.look()
    link.rise()
    for link.key in (None, bytes(32), key):
        sent(it)
        left.append(it.waiting)
    link = Link()
    it = kept(folder, link, Clock())
    judged(it, 2)
    it.look()
    link.rise()
    link.key = key
    sent(it)
    return left + [it.waiting]


def often(folder):
    """When flash is written: some at once, or one after a minute, and once a minute."""
    link, clock = Link(), Clock()
    it = kept(folder, link, clock)
    start = ms()
    judged(it, 1)
    it.look()
    said = [it.due(start + 1000 * seconds) for seconds in (1, 59, 61)]
    judged(it, *range(2, store_and_forward.SOME + 1))
    it.look()
    said.append(it.due(ms()))
    it.write()
    judged(it, *range(20, 20 + store_and_forward.SOME))
    it.look()
    return said + [it.due(ms() + 1000 * seconds) for seconds in (30, 61)]


def flash_fails(folder):
    """Flash takes nothing: what is in memory goes out all the same."""
    link = Link()
    it = kept(folder, link, Clock())
    it.folder = folder + "/nowhere/"
    judged(it, 1)
    it.look()
    it.write()
    link.rise()
    return told(it, sent=sent(it))


def damaged(folder):
    for name in (late_files.OLDER, late_files.NEWER, late_files.COUNT):
        with open(folder + "/" + name, "w") as file:
            file.write("{")
    it = kept(folder, Link(), Clock())
    it.client.rise()
    return told(it, sent=sent(it))


if __name__ == "__main__":
    print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
