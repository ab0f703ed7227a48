"""Every link between the pages of this repository leads to a file, and to a heading where it names one."""

import re

import pytest

from tests.support.paths import ROOT

LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
FOLDERS = ("", "docs", "docs/decisions", "boards", "models", "models/*", "recordings")
PAGES = sorted(str(path.relative_to(ROOT)) for folder in FOLDERS for path in ROOT.glob(f"{folder}/*.md".lstrip("/")))


def anchors(text: str) -> set[str]:
    """The headings' names in links: lower case, words joined by hyphens, other signs left out."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in HEADING.findall(text)}


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    wrong = []
    for link in LINK.findall((ROOT / page).read_text()):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        there = (ROOT / page).parent / path if path else ROOT / page
        if not there.exists() or (anchor and there.suffix == ".md" and anchor not in anchors(there.read_text())):
            wrong.append(link)
    assert not wrong, f"{page}: {wrong}"
