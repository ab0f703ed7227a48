"""How fast a station judges: `cycle_speed.py MODEL RECIPE SECONDS PARTS_PER_SECOND DELAY_MS` prints a JSON line.

Triggers come on a faked pin at an even pace (one that this machine delays delays the next), readings are there at once.
Times are from the last reading, in us; from trigger to output, in ms, less what a gate DELAY_MS away takes. missed:
triggers that came too early or were not judged. stalls: triggers that this machine delayed by a whole pace or more:
triggers and station share its one thread, so that after such a stall the next trigger may come before the judging.
"""

import asyncio
import json
import sys
from array import array
from time import ticks_add, ticks_diff, ticks_ms, ticks_us

from cycle.station import Station
from fakes import pins
from features import Extractor
from protocol import wire
from protocol.recipe import from_table
from score import Scorer
from tflite import Model

TRIGGER, NOK, OK, READY = 4, 12, 13, 14
path, table = sys.argv[1], json.loads(sys.argv[2])
seconds, pace, delay = [int(each) for each in sys.argv[3:6]]
recipe = from_table(table)


class Instant:
    measured_hz, limit, gapless = 0.0, 0, True
    n = 0

    async def read_into(self, samples):
        self.n += 1
        for i in range(len(samples)):
            samples[i] = (i * 97 + self.n * 31) % 20000 - 10000
        return True


class Slots:
    judge: "Scorer"


class Client:
    async def publish(self, topic, frame):
        pass


with open(path, "rb") as file:
    Slots.judge = Scorer(Model(file.read()))
extractor = Extractor(recipe)
taken, vector = array("h", bytes(2 * recipe.samples * recipe.axes)), bytearray(recipe.length)
settings = {
    "sensor": {},
    "cycle": {"trigger": {"kind": "pin", "pin": TRIGGER, "bounce_ms": 2}},
    "outputs": {"nok_pin": NOK, "ok_pin": OK, "ready_pin": READY, "pulse_ms": 10, "delay_ms": delay},
}
station = Station(settings, recipe, Instant(), pins)
window = wire.Window(vector, 1, 0)
stages = {"features": array("L"), "model": array("L"), "pin": array("L")}
fired, begun = array("L"), array("L")  # arrays: hours of parts fit in a small heap
stalls = 0
wanted = seconds * pace


async def triggers():
    global stalls
    due = ticks_add(ticks_ms(), 50)
    for _ in range(wanted):
        while ticks_diff(due, ticks_ms()) > 0:
            await asyncio.sleep_ms(max(1, ticks_diff(due, ticks_ms()) - 1))
        fired.append(ticks_ms())
        stalls += ticks_diff(fired[-1], due) >= 1000 // pace
        begun.extend(array("L", [at for at, pin, level in pins.log if pin in (OK, NOK) and level == 1]))
        pins.log.clear()
        pins.rise(TRIGGER)
        due = ticks_add(fired[-1], 1000 // pace)


async def judge():
    for _ in range(wanted - station.trigger.missed):
        await station.read_into(taken)
        began = ticks_us()
        extractor.extract(taken, vector)
        made = ticks_us()
        window.number += 1
        Slots.judge.score(vector)
        scored = ticks_us()
        station.judged(window, Slots.judge)
        done = ticks_us()
        stages["features"].append(ticks_diff(made, began))
        stages["model"].append(ticks_diff(scored, made))
        stages["pin"].append(ticks_diff(done, began))


def share(values, part):
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


async def main():
    runner = asyncio.create_task(station.join(Client(), "{}".format, Slots))
    judging = asyncio.create_task(judge())
    await triggers()
    try:
        await asyncio.wait_for_ms(judging, 2000 + delay)
    except asyncio.TimeoutError:
        pass
    await asyncio.sleep_ms(delay + 50)
    runner.cancel()


asyncio.run(main())
begun.extend(array("L", [at for at, pin, level in pins.log if pin in (OK, NOK) and level == 1]))
after = [ticks_diff(a, b) - delay for a, b in zip(begun, fired)] if len(begun) == len(fired) else []
told = {name: {"p50": share(v, 0.5), "p99": share(v, 0.99), "most": max(v)} for name, v in stages.items()}
jitter = {"p50": share(after, 0.5), "p99": share(after, 0.99), "most": max(after)} if after else None
missed = wanted - len(stages["pin"]) + station._outputs.late
print(json.dumps({"parts": wanted, "missed": missed, "stalls": stalls, "stages": told, "trigger_to_pin": jitter}))
