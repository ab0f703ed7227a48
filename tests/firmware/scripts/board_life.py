"""A board's first and last things: Wi-Fi, the watchdog, starts in vain. `board_life.py CASE FOLDER`."""

import asyncio
import json
import sys

import hello
from board import boot_count, monotonic
from board import watchdog as dog
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

    def reset(reason):
        resets.append(reason)
        raise EOFError

    station = Station([True, False, None, True] + [False] * wifi.MOST)
    it = wifi.Wifi("hall", "secret", station, reset)
    try:
        asyncio.run(it.keep())
    except EOFError:
        pass
    return {"calls": station.calls[:12], "resets": resets, "failures": it.failures, "left": len(station.answers)}


def rests(_):
    wifi.LONGEST_MS = 60000
    return [[min(wifi.rest_ms(n) for _ in range(50)), max(wifi.rest_ms(n) for _ in range(50))] for n in (0, 3, 99)]


def watchdog(_):
    class Link:
        up = asyncio.Event()

    resets = []
    it = dog.Watchdog(None, Link, 1000, resets.append)
    start = it._sampled
    Link.up.set()
    said = [it.well(start + 1000), it.well(start + dog.SAMPLING_MS)]
    Link.up.clear()
    it._sampled = start = start + dog.SAMPLING_MS + dog.LINK_MS
    said += [it.well(start - 2), len(resets), it.well(start), resets]
    slow = dog.Watchdog(None, Link, dog.SAMPLING_MS, resets.append)
    start = slow._sampled
    said += [slow.well(start + 2 * dog.SAMPLING_MS), slow.well(start + 4 * dog.SAMPLING_MS)]
    return said + [dog.Watchdog(None, Link, 0, resets.append).well(start)]


def starts(folder):
    said = []
    for _ in range(boot_count.MOST_STARTS + 1):
        it = boot_count.BootCount(folder)
        said.append(it.safe_mode)
    it.failed(ValueError("the pump is gone"))
    again = boot_count.BootCount(folder)
    said += [again.safe_mode, "the pump is gone" in again.error, boot_count.BootCount(folder, "power-on").safe_mode]
    for _ in range(20):
        again.worked()
    good = boot_count.BootCount(folder)
    said += [good.starts, good.error]
    with open(folder + "/life.json", "w") as file:
        file.write("[")
    return said + [boot_count.BootCount(folder).starts]


def chosen(folder):
    """Resets that the firmware chose are no failures, however many; a watchdog's are."""
    for _ in range(20):
        boot_count.BootCount(folder, "hard").choose("no Wi-Fi in 10 attempts")
    it = boot_count.BootCount(folder, "hard")
    said = [hello.starts(it)]
    for _ in range(boot_count.MOST_STARTS):
        it = boot_count.BootCount(folder, "watchdog")
    return said + [hello.starts(it)]


def leaves_safe_mode(folder):
    """It tries to work after ten minutes, then hourly; one failure leads back, a start that lasts ends it."""
    for _ in range(boot_count.MOST_STARTS + 1):
        it = boot_count.BootCount(folder)
    waits = [it.retry_s]
    modes = []
    for _ in range(2):
        it.try_again()
        modes.append(boot_count.BootCount(folder, "hard").safe_mode)  # and fails
        it = boot_count.BootCount(folder, "watchdog")
        modes.append(it.safe_mode)
        waits.append(it.retry_s)
    it.try_again()
    it = boot_count.BootCount(folder, "hard")
    it.ran()  # too early
    early = it.starts
    monotonic._ms += 600000
    it.ran()
    return [waits, modes, early > 0, it.starts, boot_count.BootCount(folder).safe_mode]


def slow_windows(folder):
    """A window in ten minutes: the second one is proof."""
    it = boot_count.BootCount(folder)
    it.worked()
    before = it.starts
    monotonic._ms += 600000
    it.worked()
    return [before, it.starts]


def memory(_):
    """Why no update can be received: of a classic ESP32 over Wi-Fi, of one in reduced mode, over TLS, over TLS in
    reduced mode with room and without, of chips with more."""
    from board.idf_memory import reason

    heap = 112 * 1024
    wifi, tls = (heap, 32768, 33860), (heap, 6400, 8544)
    said = [reason(13000, *wifi, False), reason(40000, *wifi, True), reason(40000, *tls, False)]
    said += [reason(35000, *tls, True), reason(20000, *tls, True)]
    return said + [reason(9000, heap, 150000, 160000, False), reason(9000, 60000, 200000, 210000, False)]


def causes(_):
    """What a reset is called, by MicroPython's constants and the chip's register."""
    from board import reset_cause

    class Machine:
        PWRON_RESET, HARD_RESET, WDT_RESET, DEEPSLEEP_RESET, SOFT_RESET = range(1, 6)

        def reset_cause(self):
            return self.cause

    it, said = Machine(), []
    it.mem32 = {0x34: 1, 0x38: 0xF << 6 | 15}
    for it.cause in (1, 2, 3, 4, 5, 9):
        said.append(reset_cause.name(it))
    it.cause = 1
    return said + [reset_cause.name(it, 0x34), reset_cause.name(it, 0x38)]


print(json.dumps(globals()[sys.argv[1]](sys.argv[2])))
