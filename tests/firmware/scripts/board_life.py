"""A board's first and last things: Wi-Fi, the watchdog, starts in vain. `board_life.py CASE FOLDER`."""

import asyncio
import json
import sys

from board import boot_count
from board import watchdog as monitor
from net import wifi


class Station:
    """Connects when `answers` says so: a list of True, False or an OSError, one for each attempt."""

    def __init__(self, answers):
        self.answers = answers
        self.calls = []
        self.looks = 0
        self.up = False

    def active(self, on):
        self.calls.append("on" if on else "off")

    def disconnect(self):
        self.calls.append("disconnect")

    def connect(self, ssid, password):
        self.calls.append("connect " + ssid)
        answer = self.answers.pop(0)
        if answer is None:
            raise OSError("Wifi Internal Error")
        self.up = answer
        self.looks = 3

    def isconnected(self):
        """Up for three looks, then lost."""
        self.looks -= 1
        self.up = self.up and self.looks > 0
        return self.up


def wifi_comes_and_goes(_):
    wifi.PATIENCE_MS, wifi.LOOK_MS, wifi.LONGEST_MS = 4, 1, 2
    resets = []

    def reset():
        resets.append(1)
        raise EOFError

    station = Station([True, False, None, True] + [False] * wifi.MOST)
    it = wifi.Wifi("hall", "secret", station, reset)
    try:
        asyncio.run(it.keep())
    except EOFError:
        pass
    return {"calls": station.calls[:12], "resets": len(resets), "failures": it.failures, "left": len(station.answers)}


def rests(_):
    wifi.LONGEST_MS = 60000
    return [[min(wifi.rest_ms(n) for _ in range(50)), max(wifi.rest_ms(n) for _ in range(50))] for n in (0, 3, 99)]


def watchdog(_):
    class Link:
        up = asyncio.Event()

    it = monitor.Watchdog(None, Link, 1000)
    start = it._window
    Link.up.set()
    said = [it.well(start + 1000), it.well(start + monitor.SAMPLING_MS)]
    it._window = start + monitor.LINK_MS
    Link.up.clear()
    said += [it.well(start + monitor.LINK_MS), it.well(start + monitor.SAMPLING_MS + monitor.LINK_MS)]
    slow = monitor.Watchdog(None, Link, monitor.SAMPLING_MS)
    said += [slow.well(start + 2 * monitor.SAMPLING_MS), slow.well(start + 4 * monitor.SAMPLING_MS)]
    return said + [monitor.Watchdog(None, Link, 0).well(start + monitor.SAMPLING_MS)]


def starts(folder):
    said = []
    for _ in range(boot_count.MOST_STARTS + 1):
        it = boot_count.BootCount(folder)
        said.append(it.safe_mode)
    it.failed(ValueError("the pump is gone"))
    again = boot_count.BootCount(folder)
    said += [again.safe_mode, "the pump is gone" in again.error, boot_count.BootCount(folder, power_on=True).safe_mode]
    for _ in range(boot_count.GOOD):
        again.worked()
    good = boot_count.BootCount(folder)
    said += [good.starts, good.error]
    with open(folder + "/life.json", "w") as file:
        file.write("[")
    return said + [boot_count.BootCount(folder).starts]


print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
