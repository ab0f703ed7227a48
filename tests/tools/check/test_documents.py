"""Documents name files that exist."""

import re

import pytest

from tests.support.paths import ROOT

FOLDERS = ("boards", "docs", "firmware", "gateway", "models", "recordings", "tests", "tools")
FILES = [str(each.relative_to(ROOT)) for folder in FOLDERS for each in (ROOT / folder).rglob("*.*") if each.is_file()]
DOCUMENTS = ["README.md", "CONTRIBUTING.md", *sorted(each for each in FILES if each.endswith(".md"))]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_file_that_is_named_exists(document: str) -> None:
    named = re.findall(r"(?<![\w/.-])((?:[\w-]+/)*[\w-]+\.(?:py|sql))\b", (ROOT / document).read_text())
    assert [each for each in named if not any(f"/{file}".endswith(f"/{each}") for file in FILES)] == []
