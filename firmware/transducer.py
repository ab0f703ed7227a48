"""A transducer that outlives its faults: what failed is tried again, set up anew, made anew on a freed bus, and told.

A contactor that switches beside an I2C cable spoils a transfer now and then. One error costs one window.
"""

from asyncio import sleep_ms

RENEW, REMAKE, FAULT = 3, 5, 8  # errors in a row: then the chip is set up anew, the bus is freed, the fault is told
SHORTEST_MS, LONGEST_MS = 50, 5000  # pause after an error, doubled with each


class Transducer:
    """make: gives the driver; raises OSError or ValueError. changed: a coroutine function, awaited when a fault begins
    or ends.

    fault: why no readings come; "" when they do. failed: errors so far. renewed: how often it was set up anew.
    """

    def __init__(self, make, changed) -> None:
        self._make = make
        self._changed = changed
        self._row = 0  # errors in a row
        self.fault = ""
        self.failed = self.renewed = 0
        self.driver = None
        self._try(self._open)

    @property
    def measured_hz(self) -> float:
        """Readings a second of the last window; 0 before the first."""
        return self.driver.measured_hz if self.driver else 0.0

    @property
    def limit(self) -> int:
        """Magnitude of a reading at the end of the range; 0 when that says nothing."""
        return getattr(self.driver, "limit", 0)

    @property
    def gapless(self) -> bool:
        """Whether windows may overlap."""
        return getattr(self.driver, "gapless", False)

    async def read_into(self, samples) -> bool:
        """Fill the array('h') as a driver does; False as well after an error."""
        try:
            driver = self.driver or self._open()
            good = await driver.read_into(samples)
        except (OSError, ValueError) as error:
            await self._failed(error)
            return False
        self._row = 0
        if self.fault:
            self.fault = ""
            await self._changed()
        return good

    def _open(self):
        self.driver = self._make()
        return self.driver

    async def _failed(self, error: Exception) -> None:
        self._note(error)
        if self._row >= REMAKE:
            self.driver = None  # the next try makes it anew, on a bus that was freed
        elif self._row >= RENEW and self.driver:
            self._try(self.driver.renew)
        self.renewed += self._row >= RENEW
        if self._row == FAULT:
            self.fault = str(error)
            await self._changed()
        await sleep_ms(min(LONGEST_MS, SHORTEST_MS << min(self._row, 9)))

    def _try(self, work) -> None:
        """At the start an error is told at once: who just wired the board waits for it."""
        try:
            work()
        except (OSError, ValueError) as error:
            if not self._row:
                self.fault = str(error)
            self._note(error)

    def _note(self, error: Exception) -> None:
        self.failed += 1
        self._row += 1
        print("transducer:", error)
