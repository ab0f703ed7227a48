"""A button beside the machine: whoever presses it labels the part that was judged last."""

from json import dumps
from time import ticks_add, ticks_diff, ticks_ms

from cycle.trigger import on_pin

BOUNCE_MS = 300  # a press within it is the same press
LONGEST_LABEL = 24  # bytes


class Teach:
    """settings: the table cycle.teach, with "pin", "edge" and "label", else NOK. Raises ValueError, naming the key."""

    def __init__(self, machine, settings: dict) -> None:
        self._label = settings.get("label", "NOK")
        if not isinstance(self._label, str) or not 0 < len(self._label.encode()) <= LONGEST_LABEL:
            raise ValueError("cycle.teach.label: 1 to 24 bytes of text, not {!r}".format(self._label))
        self._last = ticks_add(ticks_ms(), -BOUNCE_MS)
        self.pressed = False
        on_pin(machine, settings, "cycle.teach", self._press)

    def said(self, boot: int, number: int) -> bytes:
        """The label of a part, as the gateway takes it."""
        self.pressed = False
        return dumps({"boot": boot, "number": number, "label": self._label}).encode()

    def _press(self, _=None) -> None:
        """Allocates nothing, for an interrupt calls it."""
        now = ticks_ms()
        if ticks_diff(now, self._last) >= BOUNCE_MS:
            self.pressed = True
        self._last = now
