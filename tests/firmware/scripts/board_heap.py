"""The whole sensor in a heap of a board's size: judges windows of silence; may take a model and firmware, too.

Usage: board_heap.py FOLDER [MODEL FIRMWARE]. FOLDER holds main.py, fw_a, config.json and a model; its gateway is not
there. MODEL and FIRMWARE: files of frames, each after its length in two bytes, a manifest before its shards. Prints
what is then in use and free.
"""

import asyncio
import gc
import json
import os
import sys

folder, updates = sys.argv[1], dict(zip(("model", "firmware"), sys.argv[2:]))
sys.path[:] = [folder, ".frozen"]

frame = bytearray(1100)  # of the measuring, which must not hunt for a long piece in what it measures

import main  # noqa: E402

node = main.load(folder)
import drivers as sensors  # noqa: E402
from board.boot_count import BootCount  # noqa: E402
from board.lazy import call  # noqa: E402

WINDOWS = 3


class Silence:
    """A transducer that has nothing to say."""

    axes, rate_hz, lsb_per_g, measured_hz = 3, 200, 256, 0.0

    def __init__(self):
        self.told = 0

    async def read_into(self, samples):
        await asyncio.sleep_ms(10)
        self.told += 1
        return True


class Gateway:
    """In place of the link: gives what the sensor asks for."""

    def __init__(self, updates):
        self._updates = updates
        self._said = asyncio.Event()

    async def publish(self, topic, payload, qos=0, retain=False):
        if topic.endswith("/status"):
            self._status = json.loads(payload)
            self._said.set()
        return True

    async def give(self, kind, path):
        """Give the sensor what is in a file of frames; AssertionError unless it takes it."""
        with open(path, "rb") as file:
            self._updates._announce("s/{}/manifest".format(kind), read(file, frame), False)
            while await self.status() == 206:
                for _ in range(self._status["missing"]):
                    if not (shard := read(file, frame)):
                        break
                    self._updates._collect("", shard, False)
                    await asyncio.sleep_ms(0)
        must(self._status["code"] == 200, self._status)

    async def status(self):
        await until(self._said.is_set)
        self._said.clear()
        return self._status["code"]


def must(holds, words):
    """Raise unless it holds: an `assert` is left out of what is compiled."""
    if not holds:
        raise AssertionError(words)


def read(file, into):
    size = file.read(2)
    return memoryview(into)[: file.readinto(into, int.from_bytes(size, "little"))] if size else None


async def story(it):
    """Windows, then a model, windows under it, and firmware, after which the sensor would start anew."""
    global working
    working = asyncio.create_task(it.run())
    gateway = Gateway(it.updates)
    it.client.publish = gateway.publish
    for kind in ("", "model", "firmware"):
        if kind in updates:
            await gateway.give(kind, updates[kind])
        if kind != "firmware" and not reduced:
            silence.told = 0
            await until(lambda: silence.told >= WINDOWS)
    working.cancel()


async def until(happened):
    """Wait for it while the sensor is at work; raises what ended that."""
    while not happened():
        if working.done():
            await working
        await asyncio.sleep_ms(1)


silence = Silence()
sensors.make = lambda *_: silence
del sensors
reduced = bool(os.getenv("REDUCED"))  # as it starts once to have memory for an update
boot_count = BootCount(folder, "power-on")
boot_count.reduced = reduced
it = node.Node(call("board.settings", "load", folder + "/config.json"), folder, boot_count)
model = it.slots.digest
must(model, "the model is not in service")
asyncio.run(story(it))
must((it.slots.digest != model) == bool(updates), "the model did not take over")
gc.collect()
print(json.dumps({"used": gc.mem_alloc(), "free": gc.mem_free()}))
