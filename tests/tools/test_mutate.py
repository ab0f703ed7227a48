"""The list of mutations applies to the tree as it is, and one that is caught is told from one that survives."""

from pathlib import Path

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
