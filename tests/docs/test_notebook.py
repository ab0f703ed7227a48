"""The notebook runs from its first cell to its last, and its family is no worse than the baseline beside it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.paths import ROOT


def test_every_cell_runs_and_the_family_beats_the_baseline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    names: dict[str, Any] = {}
    for cell in json.loads((ROOT / "docs" / "first-model.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "figures are for who runs it"
            exec(compile("".join(cell["source"]), "first-model.ipynb", "exec"), names)
    results = names["results"]
    assert len(results) == 2 and all(ours > 0.75 for ours, _ in results.values()), results
    assert min(ours for ours, _ in results.values()) > min(baseline for _, baseline in results.values()), results
