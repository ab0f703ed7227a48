"""Verdicts on pins: a pulse for each part when it reaches the gate, a level that says the station is ready.

Several parts may be on their way to the gate: pulses wait in a queue, in milliseconds or counts of an encoder since the
trigger. Fail-safe: until a part can be judged, and whenever one could not be in time, ready is off and the gate gets
what is safe. After a failure ready stays off for FAULT_MS, so that a line that waits for it goes on by itself.
"""

from time import ticks_add, ticks_diff, ticks_ms

MOST_WAITING = 32  # parts between trigger and gate
FAULT_MS = 1000
OK, NOK, UNSURE = 0, 1, 2
_WORDS = {"ok": OK, "nok": NOK}
PINS = ("nok_pin", "ok_pin", "ready_pin", "encoder_pin")


class Outputs:
    """machine: MicroPython's module. settings: the table "outputs"; used: pins that others use, with their names.

    late: verdicts that came when the part had passed the gate. dropped: parts beyond MOST_WAITING. Raises ValueError,
    naming the key, for settings that are none or pins in use.
    """

    def __init__(self, machine, settings: dict, used: dict) -> None:
        _check(settings, used)
        self._machine = machine
        self._on = settings.get("active", 1)
        self._pins = {name: self._made(settings[name]) for name in PINS[:3] if name in settings}
        self._pulse_ms = settings.get("pulse_ms", 50)
        self._safe = _WORDS[settings.get("safe", "nok")]
        self._unsure = _WORDS[settings.get("unsure", "nok")]
        self.late = self.dropped = self.counts = 0
        self._far = settings.get("delay_counts", settings.get("delay_ms", 0))
        self._by_counts = "encoder_pin" in settings
        if self._by_counts:
            encoder = machine.Pin(settings["encoder_pin"], machine.Pin.IN)
            encoder.irq(self._count, machine.Pin.IRQ_RISING)
        self._waiting: "list[list]" = []  # [due, verdict] of each part on its way, the first first
        self._ends: "dict" = {}  # when the pulse of a pin ends
        self._failed = ticks_add(ticks_ms(), -FAULT_MS)

    def now(self):
        """Where the belt is: ticks in ms, or counts."""
        return self.counts if self._by_counts else ticks_ms()

    def begin(self, began) -> list:
        """A part passed the trigger at `began`: its place in the queue, in which its verdict is still to be written.

        A part nobody judges until it is at the gate gets what is safe.
        """
        place = [ticks_add(began, self._far), None]
        if len(self._waiting) < MOST_WAITING:
            self._waiting.append(place)
        else:
            self.dropped += 1
            self._fail()
            self._pulse(self._safe)
        return place

    def judged(self, place: list, verdict: "int | None") -> bool:
        """Write a verdict, None for a part that could not be judged; whether it was in time."""
        if place not in self._waiting:
            self.late += 1
            self._fail()
            return False
        if verdict is None:
            self._fail()
        place[1] = self._safe if verdict is None else self._unsure if verdict == UNSURE else verdict
        if not self._far:
            self._waiting.remove(place)
            self._pulse(place[1])
        return True

    def look(self, able: bool = True) -> None:
        """Begin pulses that are due, end those that are over, and say whether the station is ready, if it is able."""
        self._set("ready_pin", able and not 0 <= ticks_diff(ticks_ms(), self._failed) < FAULT_MS)
        while self._waiting and self._far and ticks_diff(self.now(), self._waiting[0][0]) >= 0:
            _, verdict = self._waiting.pop(0)
            if verdict is None:
                self._fail()
            self._pulse(self._safe if verdict is None else verdict)
        for name in list(self._ends):
            if ticks_diff(ticks_ms(), self._ends[name]) >= 0:
                del self._ends[name]
                self._set(name, False)

    def _fail(self) -> None:
        self._failed = ticks_ms()
        self._set("ready_pin", False)

    def _count(self, _=None) -> None:
        self.counts = ticks_add(self.counts, 1)  # type: ignore[type-var]

    def _pulse(self, verdict: int) -> None:
        name, other = ("nok_pin", "ok_pin") if verdict == NOK else ("ok_pin", "nok_pin")
        self._set(other, False)
        self._ends.pop(other, None)
        self._set(name, True)
        self._ends[name] = ticks_add(ticks_ms(), self._pulse_ms)

    def _set(self, name: str, on: bool) -> None:
        if name in self._pins:
            self._pins[name].value(self._on if on else 1 - self._on)

    def _made(self, number: int):
        """A pin that is off from the start."""
        return self._machine.Pin(number, self._machine.Pin.OUT, value=1 - self._on)


def _check(settings: dict, used: dict) -> None:
    taken = dict(used)
    for name in PINS:
        pin = settings.get(name)
        if pin is None:
            continue
        if not isinstance(pin, int) or pin < 0:
            raise ValueError("outputs.{}: {!r} is no pin".format(name, pin))
        if pin in taken:
            raise ValueError("outputs.{}: pin {} is in use by {}".format(name, pin, taken[pin]))
        taken[pin] = "outputs." + name
    for key, known in (("unsure", ("ok", "nok")), ("safe", ("ok", "nok")), ("active", (0, 1))):
        if key in settings and settings[key] not in known:
            raise ValueError("outputs.{}: {} or {}, not {!r}".format(key, known[0], known[1], settings[key]))
    for key in ("pulse_ms", "delay_ms", "delay_counts"):
        if not isinstance(settings.get(key, 1), int) or not 0 <= settings.get(key, 1) < 1 << 24:
            raise ValueError("outputs.{}: a whole number from 0, not {!r}".format(key, settings[key]))
    if ("encoder_pin" in settings) != ("delay_counts" in settings):
        raise ValueError("outputs: encoder_pin and delay_counts belong together")
