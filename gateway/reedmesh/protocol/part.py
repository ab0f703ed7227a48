"""The frame with a verdict on a part, sent beside the window of that part, under `<sensor>/part`.

Runs under CPython and MicroPython, where only a sensor that judges parts loads it.
"""

from struct import calcsize, pack_into, unpack_from

from .wire import VERSION, WireError

# version, verdict, fault, length of the part's number, boot and number of its window, latency in us, triggers missed
# and doubled, verdicts that came late, since boot; the part's number
_PART = "<BBBBIIIIII24s"
SIZE = calcsize(_PART)
MAX_NAME = 24
UNJUDGED = 255  # the verdict on a part that nobody judged; and the fault of one that has none


class Part:
    """The decision of a sensor on the part whose window has this boot and number.

    verdict: as `verdict.py` has it, or UNJUDGED. fault: the class of one that is not OK. latency_us: from its last
    reading to the pin. missed, doubled: triggers of which no cycle came; late: verdicts the gate did not wait for.
    name: the part's own number, at most 24 bytes.
    """

    def __init__(self, boot: int, number: int) -> None:
        self.boot = boot
        self.number = number
        self.verdict = self.fault = UNJUDGED
        self.latency_us = self.missed = self.doubled = self.late = 0
        self.name = b""


def pack(part: Part, into: bytearray) -> None:
    """Write the frame of `part`, SIZE bytes, at the start of `into`."""
    which = VERSION, part.verdict, part.fault, len(part.name), part.boot, part.number
    pack_into(_PART, into, 0, *which, part.latency_us, part.missed, part.doubled, part.late, part.name)


def unpack(frame: bytes) -> Part:
    """The part in `frame`, SIZE bytes; raises WireError for another length, version or verdict."""
    if len(frame) != SIZE or frame[0] != VERSION:
        raise WireError("part: {} bytes of version {}".format(len(frame), frame[0] if frame else None))
    if frame[3] > MAX_NAME or frame[1] not in (0, 1, 2, UNJUDGED):
        raise WireError("part: verdict {}, a number of {} bytes".format(frame[1], frame[3]))
    part = Part(0, 0)
    _, part.verdict, part.fault, size, part.boot, part.number, *rest, name = unpack_from(_PART, frame, 0)
    part.latency_us, part.missed, part.doubled, part.late = rest
    if any(name[size:]):
        raise WireError("part: bytes behind its number")
    part.name = name[:size]
    return part
