"""Valid messages made hostile: numbers no field can hold, text no name may be, structures without end, torn frames."""

import json
from collections.abc import Callable
from random import Random
from struct import pack_into
from typing import Any

INTEGERS = (
    -1,
    0,
    2**15,
    2**16,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**32,
    2**53,
    2**63 - 1,
    2**63,
    2**64 - 1,
    2**64,
    -(2**63),
)
HUGE = int("9" * 400)  # no float holds it
FLOATS = (0.5, -0.0, 1e-320, 1e308, -1e308, float("inf"), float("-inf"), float("nan"))
NAMES = ("", ".", "..", "../../key", "a/b", "+", "#", "x" * 3000, "press'; drop table sensors; --", "<script>alert(1)")
TEXTS = (*NAMES, '"} 1\nreedmesh_up 1', "\ud800", "\u202e", "\0", "é" * 40, "9" * 300, "request", "{{ 7 * 7 }}")
OTHERS: tuple[Any, ...] = (None, True, False, {}, [], [[]], {"": {}}, [0] * 900, "nested")
FILLS = (b"\0", b"\1", b"\x7f", b"\x80", b"\xff")
SIZES = (1, 2, 4, 8)


def value(dice: Random) -> Any:
    """Something that a field does not expect."""
    kind = dice.randrange(5)
    if kind == 4:
        chosen = dice.choice(OTHERS)
        return _deep(dice.randrange(2, 900)) if chosen == "nested" else chosen
    return dice.choice((INTEGERS, FLOATS, TEXTS, (HUGE, -HUGE))[kind])


def table(good: Any, dice: Random) -> Any:
    """The same JSON with one to three of its places, at any depth, changed, left out or added."""
    made = json.loads(json.dumps(good))
    for _ in range(dice.choice((1, 1, 1, 2, 3))):
        made = _changed(made, dice)
    return made


def _changed(at: Any, dice: Random) -> Any:
    if isinstance(at, dict) and at and dice.random() < 0.95:
        key = dice.choice(list(at))
        if dice.random() < 0.1:
            at.pop(key)
        elif dice.random() < 0.1:
            at[dice.choice(TEXTS)] = value(dice)
        else:
            at[key] = _changed(at[key], dice)
        return at
    if isinstance(at, list) and at and dice.random() < 0.8:
        at[dice.randrange(len(at))] = value(dice)
        return at
    return value(dice)


def said(good: dict[str, Any], dice: Random) -> bytes:
    """JSON bytes of a changed table; sometimes torn, or no JSON at all."""
    made = json.dumps(table(good, dice)).encode("utf-8", "surrogatepass")
    return torn(made, dice) if dice.random() < 0.1 else made


def frame(good: bytes, dice: Random) -> bytes:
    """The same frame with whole fields at any offset filled with extremes, or torn."""
    made = bytearray(good)
    for _ in range(dice.choice((1, 1, 2, 4))):
        size = dice.choice(SIZES)
        at = dice.randrange(max(1, len(made) - size))
        made[at : at + size] = dice.choice(FILLS) * size
    return torn(bytes(made), dice) if dice.random() < 0.2 else bytes(made)


def torn(good: bytes, dice: Random) -> bytes:
    """Cut short, doubled, lengthened or with bits turned."""
    at = dice.randrange(len(good) + 1)
    ways: tuple[Callable[[], bytes], ...] = (
        lambda: good[:at],
        lambda: good + good,
        lambda: good + bytes(at),
        lambda: good[:at] + dice.randbytes(8) + good[at + 8 :],
    )
    return dice.choice(ways)()


def floats(good: bytes, at: int, dice: Random) -> bytes:
    """The frame with a float32 at `at` that is no number, or endless."""
    made = bytearray(good)
    pack_into("<f", made, at, dice.choice((float("nan"), float("inf"), -1.0, 3e38)))
    return bytes(made)


def _deep(levels: int) -> Any:
    made: Any = 0
    for _ in range(levels):
        made = [made]
    return made
