"""Which files of tests start another program (MicroPython, mosquitto, a browser, ...): found by what they import."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

STARTERS = ("subprocess", "playwright", "multiprocessing", "tests.support.micropython", "tests.support.systemd")
OF_BROKERS = ("mosquitto", "mosquitto_by")  # tests.support.brokers has ports and brokers in this process as well


@cache
def needs_a_program(path: Path) -> bool:
    """Whether a file of tests starts a program, by itself or by a file of tests that it imports."""
    return "e2e" in path.parts or any(_starts(module, name) for module, name in _imports(path))


def _starts(module: str, name: str) -> bool:
    if module.startswith(STARTERS) or f"{module}.{name}" in STARTERS:
        return True
    if module == "tests.support.brokers":
        return name in OF_BROKERS
    if not module.startswith("tests"):
        return False
    return any(file.exists() and needs_a_program(file) for file in (_file(module), _file(f"{module}.{name}")))


def _file(module: str) -> Path:
    return ROOT / f"{module.replace('.', '/')}.py"


def _imports(path: Path) -> Iterator[tuple[str, str]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            yield from ((node.module or "", each.name) for each in node.names)
        elif isinstance(node, ast.Import):
            yield from ((each.name, "") for each in node.names)
