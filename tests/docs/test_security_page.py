"""docs/security.md says of attacks and tests what they are."""

import re

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
