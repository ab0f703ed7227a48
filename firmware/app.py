"""The sensor's program: reads its settings, joins its gateway's broker, judges every window, takes models and firmware.

`main.py` starts it, out of one of two trees. What is needed at the start alone is in `assembly.py`, what it says of
itself in `hello.py`, both loaded for that and let go.
"""

import asyncio
import gc
import json
import sys

from board.lazy import call
from protocol import wire

HELLO_S = 900  # until the next hello, for what it says of memory
SETTLED_S = 120  # before that it starts anew for no offer, so that offers cannot keep it from its work


class Restart(Exception):
    """The board is to start anew: for new firmware, or because nothing else helps. Its text says why."""


class Node:
    """This sensor as its gateway sees it. machine: MicroPython's module of this name, None on a desktop.

    client: its link. updates: takes what it is offered. What `hello.py` tells of: settings, boot_count, transducer
    (None in safe mode), reporter, slots (models), trees (firmware), clock, backlog, longest_shard.
    """

    def __init__(self, settings: dict, folder: str, boot_count, machine=None) -> None:
        self.settings = settings
        self.boot_count = boot_count
        self.machine = machine
        self._restart = asyncio.Event()
        call("assembly", "assemble", self, folder)
        self._announce()
        print("hello", self.client.announcements[self.topic("hello")].decode())  # for whoever flashed us and waits

    async def run(self) -> None:
        """Watch the machine until the recording ends (a board's never does); raises what any part of it raised."""
        tasks = [asyncio.create_task(work) for work in call("assembly", "works", self)]
        gc.threshold(-1)  # from now on little is allocated, and a collection takes time that a FIFO may not have
        try:
            await asyncio.gather(*tasks)
        finally:
            await self.client.close()
            for task in tasks:
                task.cancel()

    def make_driver(self):
        """The transducer's driver, made at the start and again after errors."""
        return call("assembly", "driver", self.settings, self.overlap)

    def reset(self, reason: str, reduced: bool = False) -> None:
        """Start anew, by choice: no start in vain, and no failure of what is on probation."""
        self.slots.spare()
        self.trees.spare()
        self.boot_count.choose(reason, reduced)
        self._leave(reason)

    def _leave(self, reason: str) -> None:
        self._reason = reason
        self._restart.set()

    def tell(self, words: str) -> None:
        """Of the link, to whoever looks at the serial line."""
        print("link:", words)

    def take_shard(self, body: bytes) -> None:
        """Off a wire."""
        self.updates.collect_compact(body)

    async def renewed(self, kind: str) -> None:
        """Something new was taken: say so; start it, or in safe mode try whether it was the remedy."""
        if kind == "model":
            await self.say_hello()
            if self.transducer or not self.machine:
                return
        reason = "new " + kind
        self.boot_count.forgive(reason)
        self._leave(reason)

    def make_room(self, place, sequence: int) -> str:
        """Why an offer cannot be taken now for want of ESP-IDF's memory, without which Wi-Fi fails; "" when it can.

        Without the transducer, the features and the model there is more: the board starts anew without them.
        """
        wired = "serial" in self.settings  # then nothing else lives on that memory
        says = "" if wired or sequence <= place.sequence else call("board.idf_memory", "lacks", not self.transducer)
        if not says or not self.transducer or self.clock.uptime() < SETTLED_S:
            return says
        self.reset("memory for an update", reduced=True)
        return says + "; it starts anew without its transducer, to take it then"

    async def leave_safe_mode(self) -> None:
        """Try to work again after a while: what broke may have been mended by others, or no update came."""
        await asyncio.sleep(self.boot_count.retry_s)
        self.boot_count.try_again()
        self._leave("to work again")

    async def keep_telling(self) -> None:
        """A hello now and then."""
        while True:
            await asyncio.sleep(HELLO_S)
            self.boot_count.ran()
            await self.say_hello()

    async def until_restart(self) -> None:
        """Raise Restart, once somebody asks for it."""
        await self._restart.wait()
        await asyncio.sleep(1)  # for what is being said of it
        raise Restart(self._reason)

    def worked(self) -> None:
        """A window came to its end; new firmware proves good by those that are sent."""
        if self.client.up.is_set() and self.trees.worked():
            self._saying = asyncio.create_task(self.say_hello())

    def _announce(self) -> None:
        """What a gateway must know of us, at every connect."""
        self.client.announcements[self.topic("availability")] = b'{"state": "online"}'
        self.client.announcements[self.topic("hello")] = json.dumps(call("hello", "hello", self)).encode()

    async def say_hello(self) -> None:
        """Something changed that the gateway should know, now and at every connect."""
        self._announce()
        topic = self.topic("hello")
        await self.client.publish(topic, self.client.announcements[topic], 1, True)

    def topic(self, *leaf: str) -> str:
        """Of this sensor."""
        return wire.topic(self.settings["gateway"], self.settings["name"], *leaf)


def main(folder: str) -> bool:
    """Run the sensor whose settings are in `folder`; on a board, start again after an error nobody foresaw.

    Returns whether new firmware is to be started, which a board does by a reset.
    """
    settings, boot_count, machine = call("assembly", "prepare", folder)
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
