"""Settings on recordings: the same counts as the yardstick of learning, the same bytes each time, bounded input."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reedmesh.config.settings import AlertRule
from reedmesh.errors import ConfigError, WireError
from reedmesh.jobs import checks, kinds, trial
from reedmesh.jobs.trial import Setting
from reedmesh.protocol import recipe as recipes
from reedmesh.recordings.recording import to_bytes
from tools.bench.support import onsets
from tools.simulate import recordings

TABLE: dict[str, int | str] = {"version": 1, "samples": 200, "axes": 3, "bands": 8}
ONE: dict[str, Any] = {"features": TABLE, "windows": 60, "part": "all", "quantile": 0.95, "margin": 1.8}
ONE["rule"] = [7, 16, 30]
MANY = {key: ONE[key] for key in ("features", "windows", "part")}
MANY |= {"quantiles": [0.9, 0.95], "margins": [1.2, 1.8], "rules": [[7, 16, 30], [1, 1, 5]]}


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines, every fourth window of what is tested."""
    path = tmp_path_factory.mktemp("data") / "recording.npz"
    made = recordings.simulate(gateways=2)
    kept = (made.split == "train") | (np.arange(len(made.x)) % 4 == 0)
    few = {key: getattr(made, key)[kept] for key in ("x", "gateway", "split", "label")}
    path.write_bytes(to_bytes(replace(made, **few)))
    return path


@given(st.lists(st.integers(0, 9), min_size=1, max_size=200), st.integers(1, 8), st.integers(0, 8), st.integers(1, 40))
def test_counts_are_those_of_the_yardstick(scores: list[int], on: int, more: int, off: int) -> None:
    setting, rule = Setting(0.95, 1.0, on, on + more, off), AlertRule(on=on, of=on + more, off=off)
    found = np.array(scores, np.int64)
    share, starts, _ = trial.onsets(found > 5, setting)
    assert share / starts == onsets.of_fault(found, 5, rule).share
    assert 1000 * trial._alerts(found, 5, setting) / len(found) == onsets.of_normal(found, 5, rule).false


def test_a_search_says_of_each_setting_what_an_evaluation_says(file: Path) -> None:
    searched = kinds.find("search").read(kinds.find("search").done(MANY, file))
    both = [(q, m, r) for q in MANY["quantiles"] for m in MANY["margins"] for r in MANY["rules"]]
    assert len(searched["rows"]) == len(both) == 8
    for row, (quantile, margin, rule) in zip(searched["rows"], both, strict=True):
        one = ONE | {"quantile": quantile, "margin": margin, "rule": rule}
        found = kinds.find("evaluate").read(kinds.find("evaluate").done(one, file))
        shares = [1000 * each["onset"] // each["starts"] for each in found["faults"]]
        assert row[:2] == [sum(shares) // len(shares), min(shares)]
        assert row[3:5] == [sum(each[key] for each in found["normal"]) for key in ("false", "over")]
    assert searched["rows"][0] != searched["rows"][3], "settings make a difference"


def test_the_parts_that_are_tuned_on_and_checked_make_up_the_whole(file: Path) -> None:
    found, recipe = trial.read(file), recipes.from_table(TABLE)
    tune, check, every = (trial.machines(found, recipe, 60, part) for part in trial.PARTS)
    for one, other, both in zip(tune, check, every, strict=True):
        for label, windows in both.tests.items():
            assert np.array_equal(np.concatenate([one.tests[label], other.tests[label]]), windows)


def test_a_machine_that_is_left_out_is_in_one_part_alone(file: Path) -> None:
    whole = trial.read(file)
    rest, left = trial.apart(whole, whole.names[1])
    assert (rest.names, left.names) == (whole.names[:1], whole.names[1:2])
    for found, number in ((rest, 0), (left, 1)):
        assert np.array_equal(found.windows(0, "test", "normal"), whole.windows(number, "test", "normal"))
    with pytest.raises(ConfigError, match="there are"):
        trial.apart(whole, "nobody")


def test_the_same_job_gives_the_same_bytes(file: Path) -> None:
    for kind, arguments in (("search", MANY), ("evaluate", ONE)):
        assert kinds.find(kind).done(arguments, file) == kinds.find(kind).done(dict(reversed(arguments.items())), file)


def test_what_cannot_be_judged_is_the_result_without_a_path(file: Path, tmp_path: Path) -> None:
    other = tmp_path / "else" / "name.npz"
    other.parent.mkdir()
    for data in (b"", b"PK no zip", to_bytes(replace(trial.read(file), names=()))):
        told = []
        for path in (tmp_path / "one.npz", other):
            path.write_bytes(data)
            told.append(kinds.find("evaluate").done(ONE, path))
        assert told[0] == told[1] and b"error" in told[0] and b"name.npz" not in told[1]
    narrow = ONE | {"features": TABLE | {"samples": 100}}
    assert b"windows of 200 readings, the recipe takes 100" in kinds.find("evaluate").done(narrow, file)


def test_a_recording_that_unpacks_to_too_much_is_refused_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "MOST_UNPACKED", 1000)
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("x.npy", bytes(100_000))
    with pytest.raises(ConfigError, match="unpacked"):
        trial.read(path)


WRONG: tuple[dict[str, Any], ...] = (
    {"features": {"version": 1, "samples": 200, "axes": 3, "bands": 99}},
    {"features": "vibration"},
    {"windows": 5},
    {"windows": True},
    {"part": "mine"},
    {"quantile": 2.0},
    {"margin": float("nan")},
    {"rule": [17, 16, 30]},
    {"rule": [7, 16]},
    {"code": "import os"},
)


@pytest.mark.parametrize("change", WRONG, ids=str)
def test_arguments_that_make_no_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        kinds.find("evaluate").about(ONE | change)


@pytest.mark.parametrize(
    "change", [{"quantiles": []}, {"margins": [2.0] * 64, "rules": [[1, 2, 3]] * 64}, {"rules": [7]}]
)
def test_lists_are_bounded(change: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        kinds.find("search").about(MANY | change)


RESULTS = (
    ("search", {"rows": [[1, 2]], "pairs": 1, "normal": 1}),
    ("search", {"rows": [[1, 2, 3, 4, 5, -6]], "pairs": 1, "normal": 1}),
    ("search", {"rows": [], "pairs": 1, "normal": 1}),
    ("search", {"rows": [[1, 2, 3, 4, 5, 6]], "pairs": 1}),
    ("evaluate", {"faults": [{"machine": "a"}], "normal": []}),
    ("evaluate", {"faults": "none", "normal": []}),
    ("audit", {"model": 7, "faults": []}),
)


@pytest.mark.parametrize(("kind", "told"), RESULTS, ids=str)
def test_results_of_another_form_are_refused(kind: str, told: dict[str, Any]) -> None:
    with pytest.raises(WireError):
        kinds.find(kind).read(kinds.packed(told))


def test_every_kind_in_the_folder_keeps_the_contract() -> None:
    assert kinds.names() == ["audit", "evaluate", "search"]
    for name in kinds.names():
        kind = kinds.find(name)
        assert kind.deterministic and kind.read(kinds.failure("no")) == {"error": "no"}
        with pytest.raises(WireError):
            kind.about({"command": "rm"})
    with pytest.raises(WireError, match="no kind of job"):
        kinds.find("__init__")
    with pytest.raises(WireError):
        checks.whole("n", 1.0, 0, 2)
