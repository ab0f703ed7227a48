"""The tree stays readable: no folder has more than 30 files, no file of a program more than 350 lines."""

from collections import Counter

from tests.support.paths import ROOT

MOST_FILES, MOST_LINES = 30, 350
FOLDERS = ("firmware", "gateway", "tools", "tests", "models", "boards")
PROGRAMS = ("firmware", "gateway", "tools")


def test_folders_are_small() -> None:
    files = [path for name in FOLDERS for path in (ROOT / name).rglob("*.py")]
    counts = Counter(path.parent.relative_to(ROOT) for path in files)
    assert {str(folder): count for folder, count in counts.items() if count > MOST_FILES} == {}


def test_files_of_programs_are_short() -> None:
    files = [path for name in PROGRAMS for path in (ROOT / name).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in files}
    assert {name: length for name, length in lengths.items() if length > MOST_LINES} == {}
