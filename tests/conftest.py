"""Settings for all tests: property tests draw equal examples every time; files that start programs are marked."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.programs import needs_a_program

settings.register_profile("same every time", derandomize=True, deadline=None)
settings.load_profile("same every time")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of every file that starts another program, by itself or by its helpers."""
    for item in items:
        if needs_a_program(Path(item.path)):
            item.add_marker("program")
