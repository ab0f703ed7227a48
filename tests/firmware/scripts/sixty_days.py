"""Sixty days on a clock of 32 bits that is moved by hand: what on a sensor has a deadline keeps it. Prints a JSON line.

Milliseconds wrap at 2**30 (12.4 days), microseconds at 2**30 (18 minutes), as on a chip; a difference of more than half
of that comes out wrong, and a sum of as much raises OverflowError (extmod/modtime.c).
"""

import asyncio
import json
import sys
from array import array

from board import monotonic

PERIOD = 1 << 30
DAYS = int(sys.argv[1])
DAY_MS = 86400000
now_us = [PERIOD * 1000 - 5000000]  # milliseconds wrap after five seconds


def ticks_diff(a, b):
    return ((a - b + PERIOD // 2) & (PERIOD - 1)) - PERIOD // 2


def sleep_us(us):
    now_us[0] += us


class Sleeps:
    @staticmethod
    async def sleep_ms(ms):
        now_us[0] += 1000 * ms


monotonic.ticks_ms = lambda: now_us[0] // 1000 % PERIOD
monotonic.ticks_us = lambda: now_us[0] % PERIOD
monotonic.ticks_diff = ticks_diff
monotonic._ticks = monotonic.ticks_ms()
began_us = now_us[0]

import cycle.outputs  # noqa: E402
import cycle.trigger  # noqa: E402
from board import watchdog  # noqa: E402
from board.boot_count import Proof  # noqa: E402
from drivers import adc  # noqa: E402
from net import ntp, store_and_forward  # noqa: E402

adc.asyncio, adc.sleep_us = Sleeps, sleep_us


class Link:
    up = asyncio.Event()
    sessions = 1
    heard = lost_at = 0

    def subscribe(self, *_):
        pass


class Level:
    def read_u16(self):
        return 1000


class Pin:
    OUT = 1

    def __init__(self, *_, value):
        self.level = value

    def value(self, level):
        self.level = level


class Machine:
    pass


Machine.Pin = Pin


def station_that_rests(hours, days):
    """Hours without a part, again and again: after which of them a trigger was a bounce, or the station not ready."""
    for module in (cycle.outputs, cycle.trigger):
        module.ticks_ms, module.ticks_diff = monotonic.ticks_ms, ticks_diff
        module.ticks_add = lambda ticks, more: (ticks + more) & (PERIOD - 1)
    trigger, outputs = cycle.trigger.Trigger(), cycle.outputs.Outputs(Machine, {"ready_pin": 4}, {})
    found = []
    for rest in range(hours, days * 24, hours):
        outputs._fail()
        trigger._open = True
        now_us[0] += rest * 3600000000
        trigger.fire()
        outputs.look()
        if trigger._open or not outputs._pins["ready_pin"].level:
            found.append(rest)
    return found


def passed_ms():
    return (now_us[0] - began_us) // 1000


def windows(period_s, days):
    """Windows of 20 readings, one in period_s, judged in 30 ms; the worst error of the rate that is told, in parts."""
    driver = adc.Adc([adc.Channel(Level())], 1 / period_s, 0)
    samples, new, worst = array("h", bytes(40)), array("h", bytes(2)), 0.0
    end, good = now_us[0] + days * DAY_MS * 1000, asyncio.run(driver.read_into(samples))
    while now_us[0] < end and good:
        worst = max(worst, abs(driver.measured_hz * period_s - 1))
        now_us[0] += 30000 if period_s > 0.1 else 0
        good = asyncio.run(driver.read_into(new if driver.gapless else samples))
        monotonic.ms()
    return good, worst


link, resets, fed = Link(), [], []
clock = ntp.Clock()
dog = watchdog.Watchdog(fed.append, link, 1000, resets.append)
backlog = store_and_forward.StoreAndForward("/nonexistent", 31)
backlog.join(link, "late", clock)
proof = Proof()
faults = []
link.up.set()
for minute in range(DAYS * 1440):
    now_us[0] += 60000000
    now = monotonic.ms()
    dog.sampled()
    if now != passed_ms() or clock.uptime() != now // 1000:
        faults.append(("uptime", minute))
    if not dog.well(now):
        faults.append(("watchdog", minute))
    if minute % 1000 == 500:  # an outage of three minutes, with a window that matters
        link.heard = link.lost_at = now - 5000
        backlog.written = now - 60000 if minute < 1000 else backlog.written
        backlog.note(bytes(31))
        link.up.clear()
        backlog.look()
        early = backlog.due(monotonic.ms())
        now_us[0] += 61000000
        if early or not backlog.due(monotonic.ms()):
            faults.append(("backlog", minute))
        backlog.written, backlog.lost = monotonic.ms(), []
        link.up.set()
        link.sessions += 1
        dog.well(monotonic.ms())
if resets:
    faults.append(("link", resets))
link.up.clear()
now_us[0] += 1000 * (watchdog.LINK_MS - 60000)
dog.sampled()
before = dog.well(monotonic.ms()) and not resets
now_us[0] += 60000000
dog.sampled()
dog.well(monotonic.ms())
rates = {
    "{}".format(period): windows(period, days)
    for period, days in ((600, DAYS), (60, 3), (1, 0.1), (0.05, 0.02), (0.001, 0.001))
}
print(
    json.dumps(
        {
            "days": passed_ms() / DAY_MS,
            "faults": faults,
            "reset": [before, len(resets)],
            "proved": proof.lasted(),
            "rests": station_that_rests(6, 14),
            "rates": rates,
        }
    )
)
