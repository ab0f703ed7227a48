"""Which readings a sensor's windows are made of where they overlap: prints a JSON line. `sliding.py SAMPLES HOP LOST`.

The driver's readings count from 0, and those that it was asked for at the times LOST (numbers, by comma) are lost.
"""

import asyncio
import json
import sys

from features import Extractor
from protocol.recipe import Trend
from reading import Reporter


class Counter:
    measured_hz = 0.0
    limit = 0

    def __init__(self, lost):
        self.n = 0
        self.asked = 0
        self.lost = lost

    async def read_into(self, samples):
        self.asked += 1
        if self.asked > 9:
            raise EOFError
        for i in range(len(samples)):
            samples[i] = self.n
            self.n += 1
        return self.asked not in self.lost


class Nobody:
    key = bytes(8)
    judge = None

    async def publish(self, topic, frame):
        seen.append((reporter._window.number, reporter._window.lost, list(reporter._samples)))


async def measured():
    pass


samples, hop = int(sys.argv[1]), int(sys.argv[2])
lost = [int(each) for each in sys.argv[3].split(",")] if len(sys.argv) > 3 else []
seen: "list[tuple]" = []
made_of = Extractor(Trend(samples, 1, hop))
settings = {"gateway": "gw", "name": "pump", "sensor": {"driver": "counter"}}
reporter = Reporter(settings, made_of, Nobody(), Nobody(), Counter(lost), Nobody(), int)
try:
    asyncio.run(reporter.watch(measured))
except EOFError:
    pass
print(json.dumps(seen))
