"""Constants in place of names mean the same, and go only where nobody asks for them by name."""

from reedmesh.provisioning import inline_constants

ONE = """
from struct import calcsize
FEW, MANY = 5, 70000
TOTAL = FEW + MANY  # a sum
HEAD = "<BH"
SIZE = calcsize(HEAD)
TEXT = b"one"
BOTH = b"two"
HUGE = 1 << 40
SPOKEN = 6
CHANGED = 1
def late():
    return LATE
def give():
    global CHANGED
    CHANGED = 2
    return FEW + MANY + TOTAL, SIZE, TEXT, BOTH, BOTH, HUGE, SPOKEN
LATE = 7
"""
OTHER = """
import one
from one import MANY, TEXT, give
from parts import two
print(MANY, one.FEW, one.give, TEXT, "SPOKEN", two.DEEP)
"""
TWO = "DEEP = 9"


def test_known_values_stand_where_they_are_asked_for() -> None:
    made = inline_constants.inlined({"one.py": ONE, "other.py": OTHER, "parts/two.py": TWO})
    one, other = made["one.py"], made["other.py"]
    assert "5 + 70000 + 70005, 3," in one and "return 7" in one
    for gone in ("FEW", "MANY", "TOTAL", "SIZE", "LATE", "HEAD"):
        assert gone not in one
    assert 'TEXT = b"one"' in one, "another file asks for it"
    assert "BOTH, BOTH" in one and "HUGE = 1 << 40" in one, "one name is shorter than two texts, or a large number"
    assert "SPOKEN = 6" in one, "a text has the word"
    assert "CHANGED = 1" in one
    assert 'print(70000, 5, one.give, TEXT, "SPOKEN", 9)' in other and made["parts/two.py"].strip() == ""


def test_the_program_does_the_same() -> None:
    was: dict[str, object] = {}
    made: dict[str, object] = {}
    exec(ONE, was)
    exec(inline_constants.inlined({"one.py": ONE})["one.py"], made)
    assert was["give"]() == made["give"]() and was["late"]() == made["late"]()  # type: ignore[operator]
