"""A station that judges parts: a driver whose windows are cycles, with outputs for their verdicts.

The Reporter sees it as a driver; `judged` writes each verdict to the pins, before anything is published.
"""

from asyncio import sleep_ms
from time import ticks_diff, ticks_us

from protocol import part as frames

from cycle.capture import AfterTrigger, AtLevel, UntilEnd
from cycle.outputs import Outputs
from cycle.trigger import Trigger, on_pin

KINDS = ("pin", "level", "message")


class _NoModel:
    judge = None


class Station:
    """settings: of the sensor, with "cycle" and maybe "outputs". driver: its transducer. machine: MicroPython's
    module, None on a desktop, which has no pins. Raises ValueError, naming the key, for settings that are none.

    frame: what is to be told of the last part, packed; untold: whether that is still to be done.
    """

    gapless = False

    def __init__(self, settings: dict, recipe, driver, machine) -> None:
        self._driver = driver
        cycle = settings["cycle"]
        self.kind = cycle.get("trigger", {}).get("kind")
        if self.kind not in KINDS:
            raise ValueError("cycle.trigger.kind: {}, not {!r}".format(", ".join(KINDS), self.kind))
        self._outputs = _outputs(machine, settings)
        where = self._outputs.now
        self.trigger = Trigger(cycle["trigger"].get("bounce_ms", 5), where)
        self._slots = _NoModel()
        self._unseen = 0  # triggers missed of which the gate knows
        self._capture = _capture(cycle, driver, self.trigger, recipe, machine)
        self._teach = _teach(cycle, machine)
        self._ended = ticks_us()
        self._place: list = []
        self._part = frames.Part(0, 0)
        self.frame = bytearray(frames.SIZE)
        self.untold = False

    @property
    def measured_hz(self) -> float:
        return self._driver.measured_hz

    @property
    def limit(self) -> int:
        return self._driver.limit

    def join(self, client, topic, slots):
        """What sees to pins and tells verdicts, every millisecond and without end. slots: has the model in use.

        Triggers that are messages are heard, if it is by those that cycles begin.
        """
        self._slots = slots
        if self.kind == "message":
            client.subscribe(topic("trigger"), self.trigger.say, 1)
            client.skipped = self.trigger.skipped
        return self._run(client, topic("part"), topic("teach"))

    async def _run(self, client, topic, teach) -> None:
        while True:
            self.look()
            if self.untold:
                self.untold = False
                await client.publish(topic, self.frame)
            if self._teach and self._teach.pressed:
                label = self._teach.said(self._part.boot, self._part.number)
                await client.publish(teach, label)
            await sleep_ms(1)

    def look(self) -> None:
        """Parts nobody looked at get what is safe when they are at the gate."""
        while self._unseen != self.trigger.missed:
            self._unseen += 1
            self._outputs.judged(self._outputs.begin(self._outputs.now()), None)
        scorer = self._slots.judge
        self._outputs.look(bool(scorer and scorer.limits))

    async def read_into(self, samples) -> bool:
        """Fill `samples` with a cycle; False, and the part gets what is safe, when readings were lost."""
        good = await self._capture.read_into(samples)
        self._ended = ticks_us()
        self._place = self._outputs.begin(self.trigger.place)
        if not good:
            self._outputs.judged(self._place, None)
        return good

    def judged(self, window, scorer) -> None:
        """The cycle that was read last has its verdict; scorer: None without a model, or with one for no parts."""
        verdict = scorer.verdict if scorer and scorer.limits else None
        self._outputs.judged(self._place, verdict)
        part, trigger = self._part, self.trigger
        part.latency_us = ticks_diff(ticks_us(), self._ended)
        part.verdict = frames.UNJUDGED if verdict is None else verdict
        part.fault = scorer.fault if verdict else frames.UNJUDGED
        part.boot, part.number, part.name = window.boot, window.number, trigger.part
        part.missed, part.doubled, part.late = (
            trigger.missed,
            trigger.doubled,
            self._outputs.late if self._outputs else 0,
        )
        trigger.part = b""
        frames.pack(part, self.frame)
        self.untold = True


def _outputs(machine, settings: dict) -> Outputs:
    """With none, verdicts are only told."""
    table = settings.get("outputs", {})
    return Outputs(_pins(machine) if table else None, table, _used(settings))


def _capture(cycle: dict, driver, trigger, recipe, machine):
    begin, end = cycle["trigger"], cycle.get("end")
    if begin["kind"] == "level":
        return AtLevel(driver, trigger, begin, recipe)
    if begin["kind"] == "pin":
        on_pin(_pins(machine), begin, "cycle.trigger", trigger.fire)
    if end is None:
        return AfterTrigger(driver, trigger)
    capture = UntilEnd(driver, trigger, recipe, end.get("longest", 2 * recipe.samples))
    on_pin(_pins(machine), end, "cycle.end", capture.end)
    return capture


def _teach(cycle: dict, machine):
    """A button to label parts; None without one."""
    if "teach" not in cycle:
        return None
    from cycle.teach import Teach

    return Teach(_pins(machine), cycle["teach"])


def _pins(machine):
    if machine is None:
        raise ValueError("cycle: this machine has no pins; a trigger can be a level or a message")
    return machine


def _used(settings: dict) -> dict:
    """Pins that are not free for outputs, and what they are for."""
    used = {}
    for name, table in (("sensor", settings["sensor"]), ("sensor.i2c", settings["sensor"].get("i2c", {}))):
        used.update({table[key]: name for key in ("pin", "sck", "ws", "sd", "scl", "sda") if key in table})
    used.update({settings["i2c"][key]: "i2c" for key in ("scl", "sda") if key in settings.get("i2c", {})})
    used.update({each["pin"]: "sensor.channels" for each in settings["sensor"].get("channels", []) if "pin" in each})
    for name in ("trigger", "end", "teach"):
        used.update({settings["cycle"].get(name, {}).get("pin", -1): "cycle." + name})
    used.pop(-1, None)
    return used
