"""The list of mutations applies to the tree as it is, and one that is caught is told from one that survives."""

import shutil
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tools.check import mutate
from tools.check.mutate import Mutation


def test_every_mutation_applies_in_one_place_and_its_tests_exist() -> None:
    wrong = []
    for each in mutate.mutations():
        if (ROOT / each.file).read_text().count(each.old) != 1 or each.old == each.new:
            wrong.append(each.name)
        wrong += [test for test in each.tests if not (ROOT / test.partition("::")[0]).exists()]
    assert not wrong and len(mutate.mutations()) >= 40


def test_a_change_is_caught_or_survives_and_the_copy_is_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "thing.py").write_text("LIMIT = 3\nOTHER = 1\n")
    (tmp_path / "test_thing.py").write_text("import thing\n\n\ndef test_it():\n    assert thing.LIMIT == 3\n")
    before = (tmp_path / "thing.py").read_text()
    outcomes = [
        mutate.tried(tmp_path, Mutation("", "thing.py", *change, ("test_thing.py",)))
        for change in (("LIMIT = 3", "LIMIT = 4"), ("OTHER = 1", "OTHER = 2"), ("absent", "x"))
    ]
    assert outcomes == [mutate.CAUGHT, mutate.SURVIVED, mutate.BROKEN]
    assert (tmp_path / "thing.py").read_text() == before


@pytest.mark.parametrize(
    "name", ["JSON: numbers without end are read", "trust: any number of keys counts", "firmware: any signer will do"]
)
def test_a_sample_of_the_mutations_is_caught(tmp_path: Path, name: str) -> None:
    """What `make mutate` does with all of them, of three that are quick."""
    for part in ("gateway", "tests", "tools", "models", "firmware", "pyproject.toml"):
        (tmp_path / part).symlink_to(ROOT / part)
    chosen = next(each for each in mutate.mutations() if each.name == name)
    (tmp_path / "gateway").unlink()
    shutil.copytree(ROOT / "gateway", tmp_path / "gateway", ignore=shutil.ignore_patterns("__pycache__"))
    assert mutate.tried(tmp_path, chosen) == mutate.CAUGHT
