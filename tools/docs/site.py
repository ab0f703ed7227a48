"""`make docs`: the documentation as a site, in build/site, with every link checked.

Pages keep their places and their links. Links to files that are no pages, such as code, lose their target: the site
stands without the checkout.

    python -m tools.docs.site
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from tools.checkout import BUILD, ROOT
from tools.docs import reference

SOURCE, OUT = BUILD / "docs-source", BUILD / "site"
CONFIG = ROOT / "docs" / "mkdocs.yml"
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "boards/README.md", "recordings/README.md")
LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
FILES = (".md", ".png", ".svg", ".csv", ".json", ".yaml", ".yml", ".ipynb")


def main() -> int:
    """Build it; the exit status of mkdocs, which is 1 for a link that leads nowhere."""
    stage()
    words = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(BUILD / "mkdocs.yml")]
    quiet = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}  # the theme's note on its successor
    done = subprocess.run(
        words, check=False, env=quiet, capture_output=True, text=True
    )  # --quiet would count no warnings
    if done.returncode:
        print("\n".join(line for line in done.stderr.splitlines() if not line.startswith("INFO")), file=sys.stderr)
    else:
        print(f"{OUT}/index.html: {len(list(OUT.rglob('*.html')))} pages, no link leads nowhere")
    return done.returncode


def stage() -> None:
    """Lay out what the site is made of."""
    shutil.rmtree(SOURCE, ignore_errors=True)
    for page in _found():
        target = SOURCE / page.relative_to(ROOT)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(page, target)
    for name, text in reference.pages().items():
        (SOURCE / "docs" / name).write_text(text)
    for page in SOURCE.rglob("*.md"):
        page.write_text(_without_code(page))
    (BUILD / "mkdocs.yml").write_text(CONFIG.read_text())


def _found() -> list[Path]:
    listed = [ROOT / each for each in PAGES] + sorted((ROOT / "models").rglob("*.md"))
    inside = [each for each in sorted((ROOT / "docs").rglob("*")) if each.suffix in FILES and each != CONFIG]
    return [*listed, *inside]


def _without_code(page: Path) -> str:
    """The page's text; links to what is not in the site are its words alone."""

    def link(found: "re.Match[str]") -> str:
        mark, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return found[0]
        place = page.parent / path
        if place.is_dir() and (place / "README.md").exists():
            return f"{mark}[{words}]({path.rstrip('/')}/README.md{'#' + anchor if anchor else ''})"
        checkout = ROOT / page.relative_to(SOURCE).parent / path
        return (
            words if checkout.exists() and not place.is_file() else found[0]
        )  # one that leads nowhere stays, and fails

    return LINK.sub(link, page.read_text())


if __name__ == "__main__":
    sys.exit(main())
