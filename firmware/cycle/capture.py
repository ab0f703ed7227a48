"""One cycle from a driver: after a trigger, around a level, or up to an end, resampled to the family's length."""

from array import array
from time import ticks_add, ticks_diff, ticks_ms

import micropython

LONGEST = 2048  # readings until an end


class AfterTrigger:
    """A window from the trigger on."""

    def __init__(self, driver, trigger) -> None:
        self._driver, self._trigger = driver, trigger

    async def read_into(self, samples) -> bool:
        """Wait for the trigger, then fill `samples`; False when the driver overran."""
        await self._trigger.wait()
        return await self._driver.read_into(samples)


class UntilEnd:
    """Readings from the trigger until `end` fires, `longest` at most, resampled.

    Raises ValueError for a driver with gaps between windows.
    """

    def __init__(self, driver, trigger, recipe, longest: int) -> None:
        if not getattr(driver, "gapless", False) or not 2 <= longest <= LONGEST:
            raise ValueError("cycle.end: longest is 2 to {}, of a driver whose windows go on".format(LONGEST))
        self._driver, self._trigger = driver, trigger
        self._longest = longest
        self._axes = axes = recipe.axes
        self._taken = array("H", bytes(2 * longest * axes))
        whole = memoryview(self._taken)
        self._each = [whole[i * axes : (i + 1) * axes] for i in range(longest)]
        self._ended = False

    def end(self, _=None) -> None:
        """The end edge came; an interrupt calls it."""
        self._ended = True

    async def read_into(self, samples) -> bool:
        """Fill `samples` with all of the cycle; False when a reading was lost, or fewer than two were taken."""
        await self._trigger.wait()
        self._ended, count = False, 0
        while count < self._longest and not (self._ended and count):
            if not await self._driver.read_into(self._each[count]):
                return False
            count += 1
        if count > 1:
            resample(self._taken, count, samples, len(samples) // self._axes, self._axes)  # type: ignore[arg-type]
        return count > 1


class AtLevel:
    """A window that begins `before` readings ahead of where the first axis passes a level. It fires the trigger itself.

    Raises ValueError for settings that are none, or a driver with gaps between windows.
    """

    def __init__(self, driver, trigger, settings: dict, recipe) -> None:
        level, before, rising = settings.get("level"), settings.get("before", 0), settings.get("rising", True)
        if not getattr(driver, "gapless", False):
            raise ValueError("cycle.trigger: a level needs a driver whose windows go on, such as adc up to 20 Hz")
        if not isinstance(level, int) or not isinstance(before, int) or not 0 <= before < recipe.samples - 1:
            raise ValueError("cycle.trigger: level is a number, before 0 to {} readings".format(recipe.samples - 2))
        self._driver, self._trigger, self._axes = driver, trigger, recipe.axes
        self._level, self._rising, self._before = level, rising is not False, before
        self._holdoff_ms = settings.get("holdoff_ms", 0)
        self._over = ticks_add(ticks_ms(), -100000)  # when the last cycle was

    async def read_into(self, samples) -> bool:
        """Fill `samples`; False when a reading was lost."""
        axes, view = self._axes, memoryview(samples)
        at = self._before * axes
        seen, old, here = view[:at], view[axes : at + axes], view[at : at + axes]
        below, had = False, 0
        while True:
            seen[:] = old[:at]
            if not await self._driver.read_into(here):
                return False
            high = (samples[at] >= self._level) == self._rising
            held = 0 <= ticks_diff(ticks_ms(), self._over) < self._holdoff_ms  # below 0: six days ago
            if high and below and had >= self._before and not held:
                break
            below, had = below or not high, had + 1
            if high and below:
                below = False  # it passed the level too early: it has to come back first
        self._trigger.mark()
        good = await self._driver.read_into(view[at + axes :])
        self._over = ticks_ms()
        return good


@micropython.viper
def resample(source: ptr16, count: int, into: ptr16, samples: int, axes: int):
    """`count` readings of `source` -> `samples`, evenly over the same time, by straight lines between readings."""
    i = 0
    while i < samples:
        place = i * (count - 1)
        at = place // (samples - 1)
        rest = place - at * (samples - 1)
        axis = 0
        while axis < axes:
            here = source[at * axes + axis] ^ 32768
            if rest:
                there = source[(at + 1) * axes + axis] ^ 32768
                wide = (there - here) * rest
                if wide < 0:
                    here -= (0 - wide) // (samples - 1)
                else:
                    here += wide // (samples - 1)
            into[i * axes + axis] = here ^ 32768
            axis += 1
        i += 1
