"""A station of parts on faked pins: `cycle_stories.py STORY` prints what came of it as a JSON line.

Readings count from 0 at 1 kHz, verdicts are given by the test.
"""

import asyncio
import json
import sys
from array import array
from time import ticks_diff

from cycle.station import Station
from fakes import pins
from protocol import part as frames
from protocol import wire
from protocol.recipe import Cycle

TRIGGER, END, BUTTON, NOK, OK, READY, ENCODER = 4, 5, 6, 12, 13, 14, 15
OUT = {"nok_pin": NOK, "ok_pin": OK, "ready_pin": READY, "pulse_ms": 20}
BY_PIN = {"trigger": {"kind": "pin", "pin": TRIGGER, "bounce_ms": 5}}


class Counting:
    measured_hz, limit, gapless = 0.0, 0, True

    def __init__(self, readings=None):
        self.n, self.readings, self.good = 0, readings, True
        self.ends = -1  # the reading at which the end edge comes

    async def read_into(self, samples):
        await asyncio.sleep_ms(len(samples))
        for i in range(len(samples)):
            samples[i] = self.readings[self.n % len(self.readings)] if self.readings else self.n
            self.n += 1
            if self.n == self.ends:
                pins.fall(END)
        return self.good


class Known:
    """A scorer whose verdicts are known before."""

    limits = True
    fault = 2

    def __init__(self, *verdicts):
        self.verdicts = list(verdicts)

    @property
    def verdict(self):
        return self.verdicts[0]


class Client:
    heard, said, taught = [], [], []

    @classmethod
    def subscribe(cls, topic, sink, qos):
        cls.heard.append((topic, sink))

    @classmethod
    async def publish(cls, topic, frame):
        if topic.endswith("/teach"):
            cls.taught.append(json.loads(frame))
        else:
            cls.said.append((topic, frames.unpack(bytes(frame)).number))


class Slots:
    judge = Known(0)


def station(cycle=BY_PIN, outputs=OUT, samples=10, driver=None, **sensor):
    settings = {"sensor": dict(sensor), "cycle": cycle, "outputs": outputs}
    made = Station(settings, Cycle(samples, 1, 2), driver or Counting(), pins)
    made.runs = made.join(Client, "reedmesh/gw/press/{}".format, Slots)
    return made


async def parts(it, verdicts, count=None, think_ms=0, samples=10):
    """What the Reporter does, for so many parts."""
    taken = array("h", bytes(2 * samples))
    window = wire.Window(b"", 7, 0)
    told = []
    for verdict in verdicts:
        good = await it.read_into(taken)
        window.number += 1
        if good:
            await asyncio.sleep_ms(think_ms)
            it.judged(window, None if verdict is None else Known(verdict))
            part = frames.unpack(bytes(it.frame))
            told.append([part.verdict, part.fault, part.missed, part.doubled, part.late, part.name.decode()])
        told.append(list(taken[:3]))
    return told


def pulses(number, since=0):
    """[begin, length] of each pulse of a pin, in ms."""
    ups = [at for at, pin, level in pins.log if pin == number and level == 1]
    downs = [at for at, pin, level in pins.log if pin == number and level == 0][1:]
    return [[ticks_diff(a, since), ticks_diff(b, a)] for a, b in zip(ups, downs)]


async def story_verdicts():
    """OK, NOK, unsure, and nobody judged: each on its pin."""
    it = station()
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [0, 1, 2, None]))
    for _ in range(4):
        await asyncio.sleep_ms(60)
        pins.rise(TRIGGER)
    told = await work
    ready = pins.made[READY].level
    await asyncio.sleep_ms(60)
    runner.cancel()
    return {"told": told[::2], "ok": len(pulses(OK)), "nok": [length for _, length in pulses(NOK)], "ready": ready}


async def story_queue():
    """Three parts are on their way to a gate 200 ms on; each gets its pulse when it is there."""
    it = station(outputs=dict(OUT, delay_ms=200))
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [1, 0, 1]))
    fired = []
    for _ in range(3):
        await asyncio.sleep_ms(40)
        fired.append(pins.ticks_ms())
        pins.rise(TRIGGER)
    await work
    await asyncio.sleep_ms(280)
    runner.cancel()
    begun = [at for at, pin, level in pins.log if pin in (NOK, OK) and level == 1]
    which = [pin for _, pin, level in pins.log if pin in (NOK, OK) and level == 1]
    return {"after": [ticks_diff(a, b) for a, b in zip(begun, fired)], "which": which}


async def story_counts():
    """The gate is five counts of an encoder away; the belt stops meanwhile."""
    outputs = dict(OUT, encoder_pin=ENCODER, delay_counts=5)
    it = station(outputs=outputs)
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [1]))
    await asyncio.sleep_ms(10)
    pins.rise(TRIGGER)
    await work
    for _ in range(4):
        pins.rise(ENCODER)
    await asyncio.sleep_ms(100)
    early = len(pulses(NOK))
    pins.rise(ENCODER)
    await asyncio.sleep_ms(60)
    runner.cancel()
    return {"early": early, "then": len(pulses(NOK))}


async def story_late():
    """A verdict that takes longer than the way to the gate: the part got what is safe, and ready went off."""
    it = station(outputs=dict(OUT, delay_ms=50, safe="nok"))
    runner = asyncio.create_task(it.runs)
    await asyncio.sleep_ms(5)
    before = pins.made[READY].level
    work = asyncio.create_task(parts(it, [0], think_ms=120))
    await asyncio.sleep_ms(10)
    pins.rise(TRIGGER)
    told = await work
    await asyncio.sleep_ms(40)
    runner.cancel()
    return {
        "late": told[0][4],
        "ok": len(pulses(OK)),
        "nok": len(pulses(NOK)),
        "ready": [before, pins.made[READY].level],
    }


async def story_storm():
    """Bounces, and triggers while a cycle is taken: counted, and the gate gets what is safe for each part unseen."""
    it = station()
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [0, 0], samples=30))
    await asyncio.sleep_ms(10)
    for _ in range(4):
        pins.rise(TRIGGER)  # three of them bounces
    await asyncio.sleep_ms(10)
    pins.rise(TRIGGER)  # missed
    await asyncio.sleep_ms(60)
    pins.rise(TRIGGER)
    told = await work
    await asyncio.sleep_ms(40)
    runner.cancel()
    return {"told": told[::2], "nok": len(pulses(NOK))}


async def story_flood():
    """Thousands of triggers in a row, with a gate some way on: all counted, and the next part is judged."""
    it = station({"trigger": {"kind": "pin", "pin": TRIGGER, "bounce_ms": 0}}, dict(OUT, delay_ms=60))
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [0]))
    await asyncio.sleep_ms(10)
    waiting = 0
    for _ in range(50):
        for _ in range(100):
            pins.rise(TRIGGER)
        del pins.log[:]
        await asyncio.sleep_ms(1)
        waiting = max(waiting, len(it._outputs._waiting))
    await work
    await asyncio.sleep_ms(100)
    del pins.log[:]
    work = asyncio.create_task(parts(it, [0]))
    await asyncio.sleep_ms(10)
    pins.rise(TRIGGER)
    told = await work
    await asyncio.sleep_ms(120)
    runner.cancel()
    ok = sum(pin == OK and level == 1 for _, pin, level in pins.log)
    return {"told": told[0], "waiting": waiting, "ok": ok}


async def story_overrun():
    """Readings were lost: the part gets what is safe."""
    driver = Counting()
    driver.good = False
    it = station(driver=driver)
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [0]))
    await asyncio.sleep_ms(10)
    pins.rise(TRIGGER)
    told = await work
    ready = pins.made[READY].level
    await asyncio.sleep_ms(40)
    runner.cancel()
    return {"told": len(told), "nok": len(pulses(NOK)), "ok": len(pulses(OK)), "ready": ready}


async def story_no_model():
    """Without a model the station is never ready."""
    Slots.judge = None
    it = station()
    runner = asyncio.create_task(it.runs)
    await asyncio.sleep_ms(20)
    runner.cancel()
    Slots.judge = Known(0)
    return {"ready": [level for _, pin, level in pins.log if pin == READY]}


async def story_level():
    """A window around where the level is passed, three readings before it; and none within the hold-off."""
    readings = [0, 0, 0, 0, 0, 50, 60, 70, 80, 90, 0, 0, 0, 0, 99, 98, 97, 96, 95, 94]
    trigger = {"kind": "level", "level": 50, "before": 3, "holdoff_ms": 0}
    it = station({"trigger": trigger}, driver=Counting(readings), samples=8)
    taken, seen = array("h", bytes(16)), []
    for _ in range(2):
        await it.read_into(taken)
        seen.append(list(taken))
    return {"seen": seen}


async def story_end():
    """A cycle lasts until the end edge and is resampled to five readings."""
    cycle = dict(BY_PIN, end={"pin": END, "edge": "falling", "longest": 50})
    it = station(cycle, samples=5)
    it._driver.ends = 9
    it._driver.readings = [-300, 0, 300, 600, 900, 1200, 1500, 1800, 2100, 9999]
    taken = array("h", bytes(10))
    work = asyncio.create_task(it.read_into(taken))
    await asyncio.sleep_ms(5)
    pins.rise(TRIGGER)
    await work
    return {"count": it._driver.n, "told": list(taken)}


async def story_message():
    """A message begins a cycle and says the part's number; one of 10 kB is cut."""
    it = station({"trigger": {"kind": "message"}})
    runner, heard = asyncio.create_task(it.runs), Client.heard
    work = asyncio.create_task(parts(it, [0, 1]))
    for number in (b"A-17", b"x" * 10000):
        await asyncio.sleep_ms(40)
        heard[0][1](heard[0][0], memoryview(number), False)
    told = await work
    await asyncio.sleep_ms(20)
    runner.cancel()
    return {"topic": heard[0][0], "names": [each[5] for each in told[::2]], "said": Client.said}


async def story_teach():
    """A button labels the part that was judged last; bounces are one press."""
    it = station(dict(BY_PIN, teach={"pin": BUTTON, "label": "no weld"}))
    runner = asyncio.create_task(it.runs)
    work = asyncio.create_task(parts(it, [0, 0]))
    for _ in range(2):
        await asyncio.sleep_ms(30)
        pins.rise(TRIGGER)
    await work
    for _ in range(3):
        pins.rise(BUTTON)
    await asyncio.sleep_ms(10)
    runner.cancel()
    return {"said": Client.taught}


async def story_pins():
    """Outputs on pins in use, and settings that are none: one line each."""
    faults = []
    wrong = [
        (BY_PIN, {"nok_pin": TRIGGER}),
        (BY_PIN, {"nok_pin": 7, "ok_pin": 7}),
        (BY_PIN, {"nok_pin": "x"}),
        (BY_PIN, {"nok_pin": 34}),
        (BY_PIN, {"nok_pin": 7, "safe": "maybe"}),
        (BY_PIN, {"nok_pin": 7, "delay_ms": -1}),
        (BY_PIN, {"nok_pin": 7, "encoder_pin": 8}),
        ({"trigger": {"kind": "thought"}}, OUT),
        ({"trigger": {"kind": "pin"}}, OUT),
        ({"trigger": {"kind": "level", "level": 5, "before": 99}}, OUT),
        (dict(BY_PIN, teach={"pin": NOK}), OUT),
        (dict(BY_PIN, teach={"pin": BUTTON, "label": "x" * 25}), OUT),
    ]
    for cycle, outputs in wrong:
        try:
            station(cycle, outputs, pin=34)
        except ValueError as error:
            faults.append(str(error))
    return faults


print(json.dumps(asyncio.run(globals()["story_" + sys.argv[1]]())))
