"""The whole sensor in a heap of a board's size: judges windows of silence, prints what is then free and in one piece.

Usage: board_heap.py FOLDER, which holds main.py, fw_a, config.json and a model; its gateway is not there.
"""

import asyncio
import gc
import json
import sys

folder = sys.argv[1]
sys.path[:] = [folder, ".frozen"]

import main  # noqa: E402

node = main.load(folder)
import settings as stored  # noqa: E402
from life import Life  # noqa: E402

WINDOWS = 3


class Silence:
    """A transducer that has nothing to say, and in the end no more of it."""

    axes, rate_hz, lsb_per_g, measured_hz = 3, 200, 256, 0.0

    def __init__(self):
        self.left = WINDOWS

    async def read_into(self, samples):
        await asyncio.sleep_ms(10)
        if not self.left:
            raise EOFError
        self.left -= 1
        return True


node.sensors.make = lambda *_: Silence()
it = node.Node(stored.load(folder + "/config.json"), folder, Life(folder, power_on=True))
assert it.hello()["model"], "the model is not in service"
try:
    asyncio.run(it.run())
except EOFError:
    pass
gc.collect()
print(json.dumps({"used": gc.mem_alloc(), "free": gc.mem_free()}))
