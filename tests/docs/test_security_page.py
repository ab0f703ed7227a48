"""docs/security.md says of attacks and tests what they are."""

import re

import pytest

from tests.broker.test_attacks import BROKER_ATTACKS
from tests.exchange.test_attacks import ATTACKS
from tests.support.paths import ROOT, TESTS

DOC = ROOT / "docs" / "security.md"


def rows() -> list[str]:
    """The tables as docs/security.md has them."""
    every = [(name, said, "test_attack_on_updates") for name, (_, said) in ATTACKS.items()]
    every += [(name, said, "test_attack_on_a_broker") for name, (_, said) in BROKER_ATTACKS.items()]
    return [f"| {name} | {said} | `{test}` |" for name, said, test in every]


def test_the_documentation_has_these_attacks_and_results() -> None:
    text = DOC.read_text()
    for row in rows():
        assert row in text, row
    assert len(re.findall("`test_attack_on_", text)) == len(rows())


def test_every_test_that_the_documentation_names_is_there() -> None:
    named = set(re.findall(r"`(?:[a-z_0-9]+/)*(test_\w+\.py)`", DOC.read_text()))
    assert len(named) > 15
    assert named <= {path.name for path in TESTS.rglob("test_*.py")}
    functions = set(re.findall(r"`(test_\w+)`", DOC.read_text()))
    written = "".join(path.read_text() for path in TESTS.rglob("test_*.py"))
    assert not [each for each in functions if f"def {each}(" not in written]


@pytest.mark.parametrize("page", ["security.md", "reliability.md"])
def test_each_row_of_what_is_stopped_or_survived_names_what_shows_it(page: str) -> None:
    """In tables whose last column is "test" or "shown by": a test by its path, or a target of the Makefile."""
    checked = 0
    for table in re.findall(r"(?:^\|.*\|\n)+", (ROOT / "docs" / page).read_text(), flags=re.M):
        head, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
        if head[-1] in ("test", "shown by"):
            unshown = [row for row in rows if not all(map(_is_there, _named(row[-1])))]
            assert not unshown and all(_named(row[-1]) or row[-1] == "the same" for row in rows), unshown or rows
            checked += len(rows)
    assert checked > 15


def _named(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)


def _is_there(name: str) -> bool:
    if name.startswith("make "):
        return re.search(rf"^{name.split()[1]}:", (ROOT / "Makefile").read_text(), flags=re.M) is not None
    if name.endswith(".py"):
        return (TESTS / name).exists() or bool(list(TESTS.rglob(name)))
    return any(f"def {name}(" in path.read_text() for path in TESTS.rglob("test_*.py"))
