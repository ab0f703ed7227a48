"""The sensor's program: reads its settings, joins its gateway's broker, judges every window, takes models and firmware.

`main.py` starts it, out of one of two trees.
"""

import asyncio
import gc
import json
import sys

from board import idf_memory
from board.boot_count import BootCount
from board.lazy import load, release
from board.watchdog import WATCHDOG_MS, Watchdog
from features import Extractor
from net.store_and_forward import StoreAndForward
from ota.firmware_slots import FirmwareSlots
from ota.model_slots import ModelSlots
from ota.offers import Offers
from protocol import wire
from reading import Reporter
from transducer import Transducer

HELLO_S = 900  # until the next hello, for what it says of memory
SETTLED_S = 120  # before that it starts anew for no offer, so that offers cannot keep it from its work


class Restart(Exception):
    """The board is to start anew: for new firmware, or because nothing else helps. Its text says why."""


class Node:
    """This sensor as its gateway sees it. machine: MicroPython's module of this name, None on a desktop.

    client: its link. updates: takes what it is offered. What `hello.py` tells of: settings, boot_count, transducer
    (None in safe mode), reporter, slots (models), trees (firmware), clock, backlog, longest_shard.
    """

    def __init__(self, settings: dict, folder: str, boot_count: BootCount, machine=None) -> None:
        self.settings = settings
        self.boot_count = boot_count
        self._machine = machine
        self._restart = asyncio.Event()
        recipe = settings.pop("recipe")
        frame = wire.WINDOW_HEADER + recipe.length
        idle = boot_count.safe_mode or boot_count.reduced
        self.transducer = None if idle else Transducer(self._driver(recipe), self._say_hello)
        extractor = Extractor(recipe) if self.transducer else None
        self._station = self._judging_parts(recipe)
        rate = settings["sensor"]["rate_hz"]  # 0: a replay's, which has none of its own
        timed = rate and self.transducer and not self._station  # nobody knows when the next part comes
        self._window_ms = int(1000 * recipe.hop / rate) if timed else 0
        self.slots = ModelSlots(folder, settings["model_bytes"], recipe.length)
        del recipe
        release("protocol.recipe")
        self.slots.boot(not boot_count.reduced)
        self.trees = FirmwareSlots(folder, "key" in settings)
        self._join(folder)
        self.backlog = StoreAndForward(folder, self.client, self._topic("late"), frame, self.clock, settings.get("key"))
        self._watch_over()
        if self.transducer:
            done = [boot_count.worked, self._worked]
            self.reporter = Reporter(
                settings,
                extractor,
                self.slots,
                self.client,
                self._station or self.transducer,
                self.backlog,
                self._watchdog.sampled,
                done,
            )
        places = {"model": self.slots, "firmware": self.trees}
        self.updates = Offers(places, self.client, self._topic, self._renewed, settings.get("key"), self._make_room)
        self._announce()
        print("hello", self.client.announcements[self._topic("hello")].decode())  # for whoever flashed us and waits

    async def run(self) -> None:
        """Watch the machine until the recording ends (a board's never does); raises what any part of it raised."""
        tasks = [asyncio.create_task(work) for work in self._works()]
        gc.threshold(-1)  # from now on little is allocated, and a collection takes time that a FIFO may not have
        try:
            await asyncio.gather(*tasks)
        finally:
            await self.client.close()
            for task in tasks:
                task.cancel()

    def _works(self) -> list:
        """What goes on at the same time."""
        works = [self.client.run(), self.updates.run(), self._until_restart()]
        works += [self.backlog.run(self._say_hello), self.clock.keep(self.client), self._keep_telling()]
        if self._machine:
            works.append(self._watchdog.beat())
        if self._machine and "wifi" in self.settings:
            from net import wifi

            works.append(wifi.on_board(self.settings["wifi"], self.settings["name"], self.reset).keep())
        if self.transducer:
            works.append(self.reporter.watch(self._say_hello))
            if self._station:
                works.append(self._station.join(self.client, self._topic, self.slots))
        elif self._machine:
            works.append(self._leave_safe_mode())
        return works

    def _judging_parts(self, recipe):
        """What has windows begin at triggers, where the settings say so."""
        if "cycle" not in self.settings or not self.transducer:
            return None
        return load("cycle.station").Station(self.settings, recipe, self.transducer, self._machine)

    def reset(self, reason: str, reduced: bool = False) -> None:
        """Start anew, by choice: no start in vain, and no failure of what is on probation."""
        self.slots.spare()
        self.trees.spare()
        self.boot_count.choose(reason, reduced)
        self._reason = reason
        self._restart.set()

    def _driver(self, recipe):
        """What makes the transducer's driver."""
        settings, overlap = self.settings, recipe.hop < recipe.samples

        def make():
            try:
                driver = load("drivers").make(settings["sensor"], settings.get("i2c"))
            finally:
                release("drivers")
            if overlap and not getattr(driver, "gapless", False):
                name = settings["sensor"]["driver"]
                raise ValueError("features.hop: windows of driver {} cannot overlap at this rate".format(name))
            return driver

        return make

    def _join(self, folder: str) -> None:
        connect = load("net.connect")
        self.longest_shard = connect.longest_shard(self.settings)
        self.client = connect.client(self.settings, self._topic("availability"), self._take_shard)
        self.clock = connect.clock(self.settings, self._machine, folder, self.trees.sequence)
        release("net.connect")
        self.client.told = lambda words: print("link:", words)  # for whoever looks at the serial line

    def _watch_over(self) -> None:
        feed = self._machine.WDT(timeout=WATCHDOG_MS).feed if self._machine else None
        self._watchdog = Watchdog(feed, self.client, self._window_ms, self.reset)

    def _take_shard(self, body: bytes) -> None:
        self.updates.collect_compact(body)

    async def _renewed(self, kind: str) -> None:
        """Something new was taken: say so; start it, or in safe mode try whether it was the remedy."""
        if kind == "firmware":
            self._again("new firmware")
            return
        await self._say_hello()
        if not self.transducer and self._machine:
            self._again("new model")

    def _make_room(self, place, sequence: int) -> str:
        """Why an offer cannot be taken now for want of ESP-IDF's memory, without which Wi-Fi fails; "" when it can.

        Without the transducer, the features and the model there is more: the board starts anew without them.
        """
        longest = idf_memory.longest()
        if longest is None or longest >= idf_memory.FOR_UPDATES or sequence <= place.sequence:
            return ""
        says = "{} bytes in a row are left to ESP-IDF, {} are needed".format(longest, idf_memory.FOR_UPDATES)
        if not self.transducer or self.clock.uptime() < SETTLED_S:
            return says
        self.reset("memory for an update", reduced=True)
        return says + "; it starts anew without its transducer, to take it then"

    def _again(self, reason: str) -> None:
        self.boot_count.forgive(reason)
        self._reason = reason
        self._restart.set()

    async def _leave_safe_mode(self) -> None:
        """Try to work again after a while: what broke may have been mended by others, or no update came."""
        await asyncio.sleep(self.boot_count.retry_s)
        self.boot_count.try_again()
        self._reason = "to work again"
        self._restart.set()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(HELLO_S)
            self.boot_count.ran()
            await self._say_hello()

    async def _until_restart(self) -> None:
        await self._restart.wait()
        await asyncio.sleep(1)  # for what is being said of it
        raise Restart(self._reason)

    def _worked(self) -> None:
        """A window came to its end; new firmware proves good by those that are sent."""
        if self.client.up.is_set() and self.trees.worked():
            self._saying = asyncio.create_task(self._say_hello())

    def _announce(self) -> None:
        """What a gateway must know of us, at every connect."""
        self.client.announcements[self._topic("availability")] = b'{"state": "online"}'
        self.client.announcements[self._topic("hello")] = self._hello()

    def _hello(self) -> bytes:
        """What it says of itself; what says it is loaded for that and let go."""
        try:
            return json.dumps(load("hello").hello(self)).encode()
        finally:
            release("hello")

    async def _say_hello(self) -> None:
        """Something changed that the gateway should know, now and at every connect."""
        self._announce()
        topic = self._topic("hello")
        await self.client.publish(topic, self.client.announcements[topic], 1, True)

    def _topic(self, *leaf: str) -> str:
        return wire.topic(self.settings["gateway"], self.settings["name"], *leaf)


def _settings(folder: str) -> dict:
    try:
        return load("board.settings").load(folder + "/config.json")
    finally:
        release("board.settings")


def hardware():
    """MicroPython's module machine where there is one; None on a desktop."""
    import machine

    return machine if hasattr(machine, "reset_cause") else None


def _counted(folder: str, settings: dict, machine) -> BootCount:
    if not machine:
        return BootCount(folder)
    try:
        return BootCount(folder, load("board.reset_cause").name(machine, settings.get("reset_register")))
    finally:
        release("board.reset_cause")


def main(folder: str) -> bool:
    """Run the sensor whose settings are in `folder`; on a board, start again after an error nobody foresaw.

    Returns whether new firmware is to be started, which a board does by a reset.
    """
    machine = hardware()
    settings = _settings(folder)
    boot_count = _counted(folder, settings, machine)
    if machine and "mhz" in settings:
        machine.freq(settings["mhz"] * 1000000)
    try:
        asyncio.run(Node(settings, folder, boot_count, machine).run())
    except EOFError as end:
        print(end)
    except Restart as restart:
        print("restart:", restart)
        if machine:
            machine.reset()
        return True
    except Exception as error:
        boot_count.failed(error)
        if not machine:
            raise
        sys.print_exception(error)
        machine.reset()
    return False
