"""Licences: what is needed may be needed, and what may not be would be seen."""

import pytest

from tools.check import licences


def test_everything_a_gateway_needs_may_be_needed(capsys: pytest.CaptureFixture[str]) -> None:
    assert licences.main() == 0
    shown = capsys.readouterr().out
    assert "esptool" in shown and "NOT ALLOWED" not in shown and "unknown" not in shown
    parts = licences.needed("reedmesh")
    assert licences.GATEWAY in parts["cryptography"] and parts["esptool"] and licences.GATEWAY not in parts["esptool"]


@pytest.mark.parametrize(
    ("expression", "allowed"),
    [
        ("MIT", True),
        ("MPL-2.0 AND (Apache-2.0 OR GPL-3.0-only)", True),
        ("MIT AND (GPL-2.0-only OR AGPL-3.0-only)", False),
        ("GPL-3.0-or-later", False),
        ("GPL OR BSD", True),
        ("unknown", False),
    ],
)
def test_a_choice_is_ours_and_a_condition_is_not(expression: str, allowed: bool) -> None:
    assert licences.is_allowed(expression) is allowed


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("Apache Software License", "Apache-2.0"),
        ("GNU General Public License v3 or later (GPLv3+)", "GPL"),
        ("BSD License", "BSD"),
        ("whatever", ""),
    ],
)
def test_licences_in_words_are_understood(words: str, meaning: str) -> None:
    assert licences._meaning(words) == meaning
