"""Shorter names mean the same: what others can mean keeps its name."""

from reedmesh.provisioning import device_tree, shorten_names

ONE = """
FEW = 5
MANY = 70000
SHARED = 3
HUGE = 1 << 40
LATE_USER = lambda: LATE
class Base:
    def __init__(self, first, second=0):
        self._kept = first
        self._told = second
        self.public = FEW

    def give(self, number):
        return self._kept + number + FEW

    def _own(self, mean):
        return [self._told for mean in range(mean)]
LATE = 7
"""
OTHER = """
from one import SHARED, Base
class Derived(Base):
    def __init__(self):
        self._mine = 1
        super().__init__(first=2)
        self._kept += SHARED
        print(self.implementation._mpy, "_told")
"""


def test_only_what_nobody_else_can_mean_is_renamed_and_the_same_everywhere() -> None:
    made = shorten_names.shortened({"one.py": ONE, "other.py": OTHER})
    one, other = made["one.py"], made["other.py"]
    assert "_FEW = const(5)" in one and "self.public = _FEW" in one and "_MANY = const(70000)" in one
    assert "SHARED = 3" in one and "HUGE = 1 << 40" in one and "\nLATE = 7" in one and "lambda: LATE" in one
    assert "def __init__(self, first, second=0)" in one, "it is called by name, or may be"
    assert "self._told" in one and "._mpy" in other, "a text, or another object, may mean it"
    kept = one.partition(" = first")[0].rpartition("self.")[2]
    mine = other.partition(" = 1")[0].rpartition("self.")[2]
    assert len(kept) == len(mine) == 2 and kept != mine and f"self.{kept} += SHARED" in other
    assert "number" not in one and "def _own(self" in one


def test_the_program_does_the_same(tmp_path: object) -> None:
    made = shorten_names.shortened({"one.py": "from micropython import const\n" + ONE, "other.py": ""})["one.py"]
    space: dict[str, object] = {"const": int}
    exec(made.replace("from micropython import const", ""), space)
    base = space["Base"](2, 9)  # type: ignore[operator]
    assert (base.give(4), base._own(3), base.public) == (11, [9, 9, 9], 5)


def test_every_file_of_a_sensor_still_compiles_as_python() -> None:
    for path, text in device_tree.sources().items():
        compile(text, path, "exec")
