"""Shorter names mean the same: what others can mean keeps its name."""

from reedmesh.provisioning import device_tree, shorten_names

ONE = """
FEW = 5
class Base:
    def __init__(self, first, second=0):
        self._kept = first
        self._told = second
        self.public = FEW

    def give(self, number):
        return self._kept + number + FEW

    def _own(self, mean):
        return [self._told for mean in range(mean)]

def _helper(first):
    return first

async def _asked():
    return _helper(FEW)

def _told():
    return 1
"""
OTHER = """
from one import _asked, Base
class Derived(Base):
    def __init__(self):
        self._mine = 1
        super().__init__(first=2)
        self._kept += 3
        print(self.implementation._mpy, "_told")
"""


def test_only_what_nobody_else_can_mean_is_renamed_and_the_same_everywhere() -> None:
    made = shorten_names.shortened({"one.py": ONE, "other.py": OTHER})
    one, other = made["one.py"], made["other.py"]
    assert "def _A(" in one and "return _A(FEW)" in one, "a function that its file alone calls"
    assert "async def _asked" in one and "def _told" in one, "another file, or a text, asks for it"
    assert "def __init__(self, first, second=0)" in one, "it is called by name, or may be"
    assert "self._told" in one and "._mpy" in other, "a text, or another object, may mean it"
    kept = one.partition(" = first")[0].rpartition("self.")[2]
    mine = other.partition(" = 1")[0].rpartition("self.")[2]
    assert len(kept) == len(mine) == 2 and kept != mine and f"self.{kept} += 3" in other
    assert "number" not in one and "def _own(self" in one


def test_the_program_does_the_same(tmp_path: object) -> None:
    space: dict[str, object] = {}
    exec(shorten_names.shortened({"one.py": ONE, "other.py": ""})["one.py"], space)
    base = space["Base"](2, 9)  # type: ignore[operator]
    assert (base.give(4), base._own(3), base.public) == (11, [9, 9, 9], 5)


def test_every_file_of_a_sensor_still_compiles_as_python() -> None:
    for path, text in device_tree.sources().items():
        compile(text, path, "exec")
