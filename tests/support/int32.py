"""Runs the sensor's viper kernels under CPython, where every integer step is checked to fit the boards' 32 bits.

`load("features")` gives the module of that name in `firmware/`, whose `@micropython.viper` functions take buffers as
memory that is bounds-checked and compute with `Word`, an int that refuses to leave the signed 32-bit range. What passes
here neither wraps on a board nor depends on the desktop's 64 bits, and reads and writes no byte beyond its buffers.
"""

import ast
import builtins
import gc
import importlib
import inspect
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

from tests.support.paths import ROOT

SMALL = 1 << 30  # what crosses between viper and Python within this is no allocation on a 32-bit board


class Word(int):
    """A signed 32-bit integer: a result outside it raises OverflowError."""

    def __new__(cls, value: int) -> "Word":
        if not -(1 << 31) <= value < 1 << 31:
            raise OverflowError(f"{value} does not fit in 32 bits")
        return super().__new__(cls, value)


def _checked(name: str) -> Callable[..., Any]:
    plain = getattr(int, name)

    def operate(self: int, other: int) -> Any:
        if "shift" in name and not 0 <= (self if name in ("__rlshift__", "__rrshift__") else other) < 32:
            raise OverflowError(f"{name} of {self} and {other}")
        result = plain(self, other)
        return result if result is NotImplemented else Word(result)

    return operate


for _name in ("add", "sub", "mul", "floordiv", "and", "or", "xor", "lshift", "rshift"):
    for _full in (f"__{_name}__", f"__r{_name}__"):
        setattr(Word, _full, _checked(_full))


class Pointer:
    """Unsigned items of `size` bytes in a buffer; bytes moved by adding, as `ptr8(int(p) + 8)` does."""

    size = 1

    def __init__(self, memory: Any) -> None:
        if isinstance(memory, Pointer):
            self.memory, self.start = memory.memory, memory.start
        else:
            self.memory, self.start = memoryview(memory).cast("B"), 0

    def __add__(self, step: int) -> "Pointer":
        moved = type(self)(self)
        moved.start += step
        return moved

    def __sub__(self, step: int) -> "Pointer":
        return self + -step

    def __getitem__(self, i: int) -> Word:
        return Word(int.from_bytes(self.memory[self._place(i)], "little"))

    def __setitem__(self, i: int, value: int) -> None:
        self.memory[self._place(i)] = int(value).to_bytes(self.size, "little")  # a negative one raises OverflowError

    def _place(self, i: int) -> slice:
        start = self.start + i * self.size
        if start < 0 or start + self.size > len(self.memory):
            raise IndexError(f"item {i} of size {self.size} at byte {self.start} of {len(self.memory)}")
        return slice(int(start), int(start) + self.size)


POINTERS = {f"ptr{8 * size}": type(f"ptr{8 * size}", (Pointer,), {"size": size}) for size in (1, 2, 4)}


def _cast(value: Any) -> Any:
    return value if isinstance(value, Pointer) else Word(value)


def viper(function: types.FunctionType) -> Callable[..., Any]:
    """A stand-in for `micropython.viper` that computes with Word and Pointer."""
    spaces = {**POINTERS, "int": _cast}
    kinds = [p.annotation for p in inspect.signature(function).parameters.values()]

    def run(*arguments: Any) -> Any:
        body = types.FunctionType(function.__code__, {**function.__globals__, **spaces})
        result = body(*[_argument(kind, value) for kind, value in zip(kinds, arguments, strict=True)])
        return None if result is None else _small(result)

    return run


def _argument(kind: Any, value: Any) -> Any:
    if kind is object:
        return value
    return Word(_small(value)) if kind is int else kind(value)


def _small(value: int) -> int:
    if not -SMALL <= value < SMALL:
        raise OverflowError(f"{value} would be allocated between Python and viper")
    return int(value)


@contextmanager
def _stand_ins() -> Iterator[None]:
    fake = types.ModuleType("micropython")
    fake.viper, fake.const = viper, lambda value: value  # type: ignore[attr-defined]
    hidden = _take_out()
    sys.modules |= {"micropython": fake, "gc": _garbage_collector()}
    sys.path[:0] = [str(ROOT / "firmware"), str(ROOT / "gateway" / "reedmesh")]
    try:
        yield
    finally:
        del sys.path[:2]
        _take_out()
        sys.modules |= hidden | {"gc": gc}


def _garbage_collector() -> types.ModuleType:
    """MicroPython's module gc, which collects nothing: in a process with many tests that takes half a second."""
    fake = types.ModuleType("gc")
    fake.collect, fake.threshold = lambda: 0, lambda *_: -1  # type: ignore[attr-defined]
    return fake


def _take_out() -> dict[str, types.ModuleType]:
    """Forget what a sensor would import: others, such as fuzzing, load it with kernels of another kind."""
    found = {name: module for name, module in sys.modules.items() if _is_of_a_sensor(name, module)}
    for name in found:
        del sys.modules[name]
    return found


def _is_of_a_sensor(name: str, module: types.ModuleType) -> bool:
    place = str(getattr(module, "__file__", None))
    shared = place.startswith(str(ROOT / "gateway")) and not name.startswith("reedmesh")
    return name == "micropython" or shared or place.startswith(str(ROOT / "firmware"))


def load(name: str) -> types.ModuleType:
    """The firmware's module `name` with checked kernels, imported afresh."""
    with loaded(name) as module:
        return module


@contextmanager
def loaded(name: str) -> Iterator[types.ModuleType]:
    """As `load`, for a module that imports others when it is used: within the context they are found."""
    with _stand_ins(), mock.patch.multiple(builtins, create=True, **POINTERS):
        yield importlib.import_module(name)


def wide_literals(path: Path) -> list[int]:
    """Integer literals in the viper functions of a file that do not fit a board's small integers."""
    functions = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef)]
    kernels = [node for node in functions if any("viper" in ast.unparse(d) for d in node.decorator_list)]
    constants = [node.value for kernel in kernels for node in ast.walk(kernel) if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, int) and not -SMALL <= value < SMALL]
