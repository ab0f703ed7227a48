"""MicroPython's module machine as far as pins go: edges come when a test says so, and levels are logged with times."""

from time import ticks_ms

made = {}  # by number
log = []  # (ticks in ms, number, level) of each output that changed


class Pin:
    IN, OUT, IRQ_RISING, IRQ_FALLING = 0, 1, 1, 2

    def __init__(self, number, mode=0, value=0):
        self.number, self.mode, self.level, self.handler, self.edge = number, mode, value, None, 0
        made[number] = self
        if mode == Pin.OUT:
            log.append((ticks_ms(), number, value))

    def irq(self, handler, edge):
        self.handler, self.edge = handler, edge

    def value(self, level):
        if level != self.level:
            self.level = level
            log.append((ticks_ms(), self.number, level))


def rise(number):
    """A rising edge, as an interrupt brings it."""
    if made[number].edge == Pin.IRQ_RISING:
        made[number].handler(made[number])


def fall(number):
    if made[number].edge == Pin.IRQ_FALLING:
        made[number].handler(made[number])
