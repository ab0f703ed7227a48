"""The verdict on a part, in integers that sensor and gateway share: OK, NOK or unsure, and which class of NOK.

A model for parts gives, behind the n features it reconstructs, one logit for each class; the first class is OK. What
speaks against a part is one number, in eighths as logits are: how much likelier any fault is than OK, plus how rare the
part's score is among OK parts. All else travels inside the .tflite as the metadata buffer named
"reedmesh.parts":

    u8 version, u8 classes, u16 weight, u16 usual, u16 strange, i16 doubt, i16 reject,
    then each class's name: u8 length, UTF-8

    against = (log of the sum of all faults' exp(logit) - logit of OK) + (weight * (32 * log2(score + 1) - usual) >> 8)
    OK below doubt, NOK from reject on, unsure between them; without classes the logits count 0. A part that is not
    NOK is unsure, too, from a level of `strange` on: no classifier knows a fault that nobody ever labelled.

Runs under CPython and MicroPython.
"""

from struct import calcsize, pack, unpack_from

METADATA = "reedmesh.parts"
VERSION = 1
OK, NOK, UNSURE = 0, 1, 2
MAX_CLASSES = 16
MAX_NAME = 24  # bytes of a class's name
UNKNOWN = 255  # the class of a part that no known fault explains

# round(8 * log(1 + exp(-i / 8))): what the smaller of two logits that are i eighths apart adds to the larger.
_SUM = bytes((6, 5, 5, 4, 4, 3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1))

_HEADER = "<BBHHHhh"
HEADER = calcsize(_HEADER)


class Limits:
    """Where verdicts begin. classes: names, "OK" first; [] of a model that knows OK parts alone.

    weight: eighths for each 1/32 octave of score above `usual`, times 256. strange: in 1/32 octave. doubt, reject: in
    eighths, doubt first.
    """

    def __init__(self, weight: int, usual: int, strange: int, doubt: int, reject: int, classes: "list[str]") -> None:
        self.weight = weight
        self.usual = usual
        self.strange = strange
        self.doubt = doubt
        self.reject = reject
        self.classes = classes

    def against(self, level: int, logits: "list[int]") -> int:
        """Evidence against a part, in 1/32 octave; allocates nothing.

        level: `recipe.log2` of its score + 1. logits: int8 [classes].
        """
        out = (self.weight * (level - self.usual)) >> 8
        return out + margin(logits) if logits else out

    def verdict(self, against: int, level: int) -> int:
        """OK, NOK or UNSURE. against: as returned by `against`; level: the same that it was given."""
        return NOK if against >= self.reject else UNSURE if against >= self.doubt or level >= self.strange else OK


def margin(logits: "list[int]") -> int:
    """How much likelier any fault is than OK, in eighths: faults that a part may have all count, not the likeliest."""
    whole = logits[1]
    for i in range(2, len(logits)):
        apart = whole - logits[i]
        if apart < 0:
            whole, apart = logits[i], 0 - apart
        if apart < len(_SUM):
            whole += _SUM[apart]
    return whole - logits[0]


def fault(logits: "list[int]") -> int:
    """The class of a NOK part, by its logits, int8 [classes]: the likeliest; UNKNOWN where OK is the likeliest."""
    best = 0
    for i in range(1, len(logits)):
        if logits[i] > logits[best]:
            best = i
    return best or UNKNOWN


def to_bytes(limits: Limits) -> bytes:
    """The metadata of a model, in bytes; raises ValueError for too many classes, or a name that is too long."""
    names = [name.encode() for name in limits.classes]
    if len(names) > MAX_CLASSES or any(not 0 < len(name) <= MAX_NAME for name in names):
        raise ValueError("at most {} classes, with names of 1 to {} bytes".format(MAX_CLASSES, MAX_NAME))
    numbers = limits.weight, limits.usual, limits.strange, limits.doubt, limits.reject
    return pack(_HEADER, VERSION, len(names), *numbers) + b"".join(bytes([len(name)]) + name for name in names)


def from_bytes(buffer: "memoryview[int] | bytes") -> Limits:
    """The limits in metadata, in bytes as `to_bytes` makes them; raises ValueError for others."""
    buffer = bytes(buffer)
    if len(buffer) < HEADER or buffer[0] != VERSION:
        raise ValueError("no limits for parts of version {}".format(VERSION))
    _, count, weight, usual, strange, doubt, reject = unpack_from(_HEADER, buffer, 0)
    names, at = [], HEADER
    for _ in range(count):
        size = buffer[at] if at < len(buffer) else 0
        name = buffer[at + 1 : at + 1 + size]
        if not 0 < size <= MAX_NAME or len(name) != size:
            raise ValueError("a class's name is cut short")
        names.append(str(name, "utf-8"))
        at += 1 + size
    if at != len(buffer) or count > MAX_CLASSES or count == 1 or doubt > reject:
        raise ValueError("limits for parts of {} classes in {} bytes".format(count, len(buffer)))
    return Limits(weight, usual, strange, doubt, reject, names)
