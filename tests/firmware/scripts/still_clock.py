"""A clock for drivers under test: it goes on only while they sleep or when a test says so, however busy the machine."""

from board import monotonic


class Clock:
    """Stands in for what a driver's module has of `time` and `asyncio`."""

    def __init__(self):
        self.us = 0

    def put_into(self, module):
        monotonic.ticks_us = self.ticks_us
        for name in ("ticks_us", "sleep_us", "asyncio"):
            if hasattr(module, name):
                setattr(module, name, self if name == "asyncio" else getattr(self, name))

    def ticks_us(self):
        return self.us

    def sleep_us(self, us):
        self.us += us

    async def sleep_ms(self, ms):
        self.us += 1000 * ms
