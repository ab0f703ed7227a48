"""The sensor's program: reads its settings, joins its gateway's broker, judges every window, takes models and firmware.

`main.py` starts it, out of one of two trees.
"""

import asyncio
import gc
import json
import sys

from board.boot_count import BootCount
from board.lazy import load, release
from board.watchdog import WATCHDOG_MS, Watchdog
from features import Extractor
from net.store_and_forward import StoreAndForward
from ota.firmware_slots import FirmwareSlots
from ota.model_slots import ModelSlots
from ota.offers import ROOM, Offers
from protocol import wire
from reading import Reporter

FIRMWARE = "0.1.0"
HELLO_S = 900  # until the next hello, for what it says of memory


class Restart(Exception):
    """New firmware is to take over."""


class Node:
    """This sensor as its gateway sees it. machine: MicroPython's module of this name, None on a desktop.

    client: its link. updates: takes what it is offered.
    """

    def __init__(self, settings: dict, folder: str, boot_count: BootCount, machine=None) -> None:
        self._settings = settings
        self._boot_count = boot_count
        self._machine = machine
        self._driver = None if boot_count.safe_mode else _driver(settings)
        self._extractor = self._made()
        release("protocol.recipe")
        self._slots = ModelSlots(folder, settings["model_bytes"], self._length)
        self._slots.boot()
        self._trees = FirmwareSlots(folder, "key" in settings)
        self._join()
        self._restart = asyncio.Event()
        frame = wire.WINDOW_HEADER + self._length
        self._store_and_forward = StoreAndForward(
            folder, self.client, self._topic("late"), frame, self._clock, settings.get("key")
        )
        places = {"model": self._slots, "firmware": self._trees}
        self.updates = Offers(places, self.client, self._topic, self._renewed, settings.get("key"))
        self._announce()
        print("hello", json.dumps(self.hello()))  # for whoever flashed us and now waits on the serial line

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
        works += [self._store_and_forward.run(self._say_hello), self._clock.keep(self.client), self._keep_telling()]
        done = [self._boot_count.worked, self._worked]
        if self._machine:
            watchdog = Watchdog(self._machine.WDT(timeout=WATCHDOG_MS).feed, self.client, self._window_ms())
            works.append(watchdog.beat())
            done.append(watchdog.judged)
        if self._machine and "wifi" in self._settings:
            from net import wifi

            works.append(wifi.on_board(self._settings["wifi"], self._settings["name"]).keep())
        if self._driver:
            reporter = Reporter(
                self._settings, self._extractor, self._slots, self.client, self._driver, self._store_and_forward, done
            )
            works.append(reporter.watch(self._say_hello))
        return works

    def _window_ms(self) -> int:
        """How long a window takes; 0 when there will be none."""
        return int(1000 * self._extractor.samples / self._driver.rate_hz) if self._driver else 0

    def hello(self) -> dict:
        """What the gateway is told, so that nobody configures a sensor twice."""
        return {
            "v": wire.VERSION,
            "firmware": FIRMWARE,
            "micropython": ".".join(str(part) for part in sys.implementation.version[:3]),
            "board": self._settings["board"],
            "sensor": self._settings["sensor"],
            "measured_hz": self._driver.measured_hz if self._driver else 0.0,
            "features": self._settings["features"],
            "shard": self._longest_shard,
            "room": ROOM,
            "tree": self._trees.hello(),
            "model": self._slots.digest,
            "sequence": self._slots.sequence,
            "relapse": self._slots.relapse,
            "memory": _memory(),
            "time": self._clock.now(),
            "late": {
                "waiting": self._store_and_forward.waiting,
                "dropped": self._store_and_forward.dropped,
                "writes": self._store_and_forward.writes,
            },
            "starts": self._boot_count.starts,
            "safe_mode": self._boot_count.safe_mode,
            "error": self._boot_count.error,
        }

    def _made(self):
        """What makes features of windows, if there will be any; the recipe is needed no more then."""
        recipe = self._settings.pop("recipe")
        self._length = recipe.length
        return Extractor(recipe) if self._driver else None

    def _join(self) -> None:
        connect = load("net.connect")
        self._longest_shard = connect.longest_shard(self._settings)
        self.client = connect.client(self._settings, self._topic("availability"), self._take_shard)
        self._clock = connect.clock(self._settings, self._machine)
        release("net.connect")

    def _take_shard(self, body: bytes) -> None:
        self.updates.collect_compact(body)

    async def _renewed(self, kind: str) -> None:
        """Something new was taken: say so; start it, or in safe mode try whether it was the remedy."""
        if kind == "firmware":
            self._boot_count.forgive()
            self._restart.set()
            return
        await self._say_hello()
        if self._boot_count.safe_mode and self._machine:
            self._boot_count.forgive()
            self._machine.reset()

    async def _keep_telling(self) -> None:
        while True:
            await asyncio.sleep(HELLO_S)
            await self._say_hello()

    async def _until_restart(self) -> None:
        await self._restart.wait()
        raise Restart

    def _worked(self) -> None:
        """A window came to its end; new firmware proves good by those that are sent."""
        if self.client.up.is_set() and self._trees.worked():
            self._saying = asyncio.create_task(self._say_hello())

    def _announce(self) -> None:
        """What a gateway must know of us, at every connect."""
        self.client.announcements[self._topic("availability")] = b'{"state": "online"}'
        self.client.announcements[self._topic("hello")] = json.dumps(self.hello()).encode()

    async def _say_hello(self) -> None:
        """Something changed that the gateway should know, now and at every connect."""
        self._announce()
        topic = self._topic("hello")
        await self.client.publish(topic, self.client.announcements[topic], 1, True)

    def _topic(self, *leaf: str) -> str:
        return wire.topic(self._settings["gateway"], self._settings["name"], *leaf)


def _driver(settings: dict):
    try:
        return load("drivers").make(settings["sensor"], settings.get("i2c"))
    finally:
        release("drivers")


def _memory() -> dict:
    """Bytes of Python's heap, and of the chip's: its longest free piece, and what is free for code."""
    gc.collect()
    memory = {"free": gc.mem_free(), "used": gc.mem_alloc()}
    try:
        import esp32
    except ImportError:
        return memory
    pieces, code = esp32.idf_heap_info(esp32.HEAP_DATA), esp32.idf_heap_info(esp32.HEAP_EXEC)
    return dict(memory, longest=max(piece[2] for piece in pieces), code=sum(piece[1] for piece in code))


def _settings(folder: str) -> dict:
    try:
        return load("board.settings").load(folder + "/config.json")
    finally:
        release("board.settings")


def hardware():
    """MicroPython's module machine where there is one; None on a desktop."""
    import machine

    return machine if hasattr(machine, "reset_cause") else None


def main(folder: str) -> bool:
    """Run the sensor whose settings are in `folder`; on a board, start again after an error nobody foresaw.

    Returns whether new firmware is to be started, which a board does by a reset.
    """
    machine = hardware()
    settings = _settings(folder)
    boot_count = BootCount(folder, bool(machine) and machine.reset_cause() == machine.PWRON_RESET)
    if machine and "mhz" in settings:
        machine.freq(settings["mhz"] * 1000000)
    try:
        asyncio.run(Node(settings, folder, boot_count, machine).run())
    except EOFError as end:
        print(end)
    except Restart:
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
