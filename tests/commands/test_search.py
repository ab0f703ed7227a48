"""`reedmesh search`: what it prints and writes, with lenders and without, and what it refuses."""

import asyncio
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reedmesh.commands import lenders as lenders_module
from reedmesh.commands.parser import build
from reedmesh.errors import ConfigError, RefusedError
from reedmesh.inference.family import load_family
from reedmesh.jobs import kinds, process
from reedmesh.jobs.data import FOLDER
from reedmesh.jobs.process import Done, Limits
from reedmesh.recordings.recording import Recording, to_bytes

BEFORE, CHOSEN = "  as it was", "  chosen"


@pytest.fixture(autouse=True)
def inline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs are done in this process: tests/jobs/test_process.py has the other one."""

    async def run(kind: str, arguments: dict[str, Any], data: Path, _: Limits) -> Done:
        return Done(await asyncio.to_thread(kinds.find(kind).done, arguments, data), 10)

    monkeypatch.setattr(process, "run", run)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A machine with a fault so small that the family as it is finds it too seldom."""
    return write(tmp_path / "pump.npz", 5, 420.0)


def write(path: Path, seed: int, size: float) -> Path:
    x = np.random.default_rng(seed).normal(0, 300, (360, 32, 3))
    x[200:] += size * np.sin(np.arange(32) * 0.9)[None, :, None]
    label = np.array(["normal"] * 200 + ["imbalance"] * 160)
    split = np.array(["train"] * 60 + ["test"] * 300)
    made = Recording(x.astype(np.int16), np.zeros(360, np.int64), split, label, 32.0, 1.0, ("pump",), "a test")
    path.write_bytes(to_bytes(made))
    return path


def search(*words: object) -> None:
    chosen = build().parse_args(["search", *map(str, words)])
    chosen.run(chosen)


def test_a_better_family_is_written_and_was_not_chosen_by_what_judges_it(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = write(tmp_path / "other.npz", 6, 420.0)
    search("vibration", data, "--check", other, "--out", tmp_path / "tuned", "--plot", tmp_path / "tried.svg")
    said = capsys.readouterr().out
    assert said.count(BEFORE) == said.count(CHOSEN) == 3 and "the later half:" in said and "other:" in said
    family = load_family(tmp_path / "tuned")
    assert (family.name, family.recipe.samples) == ("tuned", 32)
    assert "Tuned by `reedmesh search` on pump.npz" in (tmp_path / "tuned" / "model.toml").read_text()
    assert (tmp_path / "tried.svg").read_text().startswith("<svg")


def test_nothing_is_written_where_nothing_is_gained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    search("vibration", write(tmp_path / "easy.npz", 5, 900.0), "--out", tmp_path / "tuned")
    assert "nothing was written" in capsys.readouterr().out and not (tmp_path / "tuned").exists()


def test_lenders_come_to_the_same_and_are_named(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, jobs = tmp_path / "state", dict[str, dict[str, Any]]()
    state.mkdir()

    def ask(_: object, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb == "jobs":
            return {"known": 4}
        if verb == "borrow":
            path = state / FOLDER / given["data"]
            told = json.loads(kinds.find(given["kind"]).done(json.loads(given["arguments"]), path))
            jobs[str(len(jobs))] = {"state": "done", "lenders": ["hall2", "hall3"], "ms": 1500, "result": told}
            return {"job": str(len(jobs) - 1)}
        return jobs[given["job"]]

    monkeypatch.setattr(lenders_module, "ask", ask)
    config = tmp_path / "reedmesh.toml"
    config.write_text(f'name = "hall1"\nstate = "{state}"\n[broker]\nport = 1883\nanonymous = true\n')
    search("vibration", data, "--out", tmp_path / "alone")
    alone = capsys.readouterr().out
    search("vibration", data, "--out", tmp_path / "lent", "--lenders", config)
    lent = capsys.readouterr().out
    assert jobs and f"hall2 {len(jobs)}, hall3 {len(jobs)}" in lent
    told = [
        [line for line in each.splitlines() if line.startswith((BEFORE, CHOSEN, "chosen"))] for each in (alone, lent)
    ]
    assert told[0] == told[1] and len(told[0]) == 5

    def refuses(_: object, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        if verb == "jobs":
            return {"known": 4}
        raise RefusedError("32 jobs are open")

    monkeypatch.setattr(lenders_module, "ask", refuses)
    search("vibration", data, "--out", tmp_path / "lent", "--lenders", config)
    assert "lenders were asked no more: 32 jobs are open" in capsys.readouterr().out


def test_what_cannot_be_searched_is_said(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="by sums"):
        search("parts", data)
    normal = tmp_path / "normal.csv"
    normal.write_text("ax,ay,az\n" + "1,2,3\n" * 12_000)
    with pytest.raises(ConfigError, match="a fault"):
        search("vibration", normal, "--out", tmp_path / "tuned")
    with pytest.raises(ConfigError, match="no such file"):
        search("vibration", tmp_path / "gone.csv")
