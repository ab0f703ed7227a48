"""Records as SKAB has them become windows in the neutral format, and the benchmark counts as its leaderboard does."""

import json
from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference import family, features
from reedmesh.protocol.recipe import Trend
from tools.bench import report
from tools.bench import skab as bench_skab
from tools.bench.skab import Judged
from tools.simulate import recordings, skab
from tools.simulate.skab import Record

PROCESS = family.find_family("process")
HEAD = "datetime;" + ";".join(f"v{i}" for i in range(8)) + ";anomaly;changepoint"


def rows(seed: int, count: int = 600) -> np.ndarray:
    """A process whose first variable goes wrong at row 480 for 60 rows."""
    rng = np.random.default_rng(seed)
    loads = np.cumsum(rng.normal(0, 0.05, (count, 1)), axis=0)
    x = 5 + loads * rng.uniform(0.5, 1, 8) + rng.normal(0, 0.1, (count, 8))
    x[480:540, 0] += 3
    return x


def faulty(count: int = 600) -> np.ndarray:
    return (np.arange(count) >= 480) & (np.arange(count) < 540)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """SKAB's tree of CSV files, with a record each."""
    for seed, place in enumerate(("valve1/10", "valve1/2", "valve2/0", "other/5")):
        file = tmp_path / "data" / f"{place}.csv"
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [f"t;{';'.join(map(str, row))};{float(bad)};0.0" for row, bad in zip(rows(seed), faulty(), strict=True)]
        file.write_text("\n".join([HEAD, *lines]))
    return tmp_path / "data"


def test_a_folder_and_an_archive_say_the_same(folder: Path, tmp_path: Path) -> None:
    from_folder = skab.load(folder)
    assert [record.name for record in from_folder] == ["valve1_2", "valve1_10", "valve2_0", "other_5"]
    arrays = {f"{r.name}_x": r.x for r in from_folder} | {f"{r.name}_anomaly": r.anomaly for r in from_folder}
    np.savez(tmp_path / "all.npz", files=[*(r.name for r in from_folder), "anomaly_free"], **arrays)
    for one, two in zip(from_folder, skab.load(tmp_path / "all.npz"), strict=True):
        assert one.name == two.name and one.group == two.group
        assert np.array_equal(one.x, two.x) and np.array_equal(one.anomaly, faulty()) and not one.anomaly[:480].any()


def test_ranges_come_from_the_rows_to_learn_from_alone() -> None:
    x = rows(1)
    record, louder = Record("a", "other", x, faulty()), Record("a", "other", x.copy(), faulty())
    louder.x[skab.LEARN :] *= 100
    assert np.array_equal(record.counts()[: skab.LEARN], louder.counts()[: skab.LEARN])
    assert np.abs(record.counts()[: skab.LEARN].std(axis=0) * skab.REACH / 32768 - 1).max() < 0.01
    assert np.abs(louder.counts().astype(int)).max() <= 32768


@pytest.mark.parametrize(("by", "names"), [("group", 3), ("record", 4)])
def test_windows_are_of_one_condition_each(folder: Path, tmp_path: Path, by: str, names: int) -> None:
    records, recipe = skab.load(folder), Trend(20, 8, 5)
    count = skab.convert(records, recipe, tmp_path / "out" / "windows.npz", by)
    made = recordings.load(tmp_path / "out" / "windows.npz")
    assert len(made.x) == count and len(made.names) == names and made.rate_hz == 1.0
    first = records[0]
    learnt = made.windows(0, "train", "normal")[:77]
    assert np.array_equal(learnt, features.slide(first.counts()[:400], recipe))
    assert made.faults(0) == ["valve1"] and made.faults(names - 1) == ["other_5"]
    bad = made.windows(names - 1, "test", "other_5")
    assert len(bad) == (60 - 20) // 5 + 1
    assert (bad[:, :, 0].min() > made.windows(names - 1, "train", "normal")[:, :, 0].max()).all()
    assert len(made.windows(names - 1, "test", "normal-after")) == len(range(540, 600 - 19, 5))


@pytest.mark.parametrize("content", ["", "a;b\n1;2", HEAD + "\nt;1;2"])
def test_what_is_no_record_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "valve1").mkdir()
    (tmp_path / "valve1" / "0.csv").write_text(content)
    with pytest.raises(ConfigError, match="no records as SKAB has them"):
        skab.load(tmp_path)
    with pytest.raises(ConfigError, match="DATA="):
        skab.load(tmp_path / "none.npz")
    with pytest.raises(ConfigError, match="no record with a fault"):
        skab.load(tmp_path / "valve1")


def test_figures_count_the_rows_of_all_records_together() -> None:
    one = Judged(np.array([0, 5, 0, 5.0]), 1, np.array([False, False, True, True]))
    two = Judged(np.array([5.0]), 1, np.array([True]))
    f1, far, mar, area = bench_skab.figures_of([one, two], lambda it: it.over)
    assert (f1, far, mar) == (pytest.approx(2 * 2 / (2 * 2 + 1 + 1)), 50, pytest.approx(100 / 3))
    assert area == 0.5, "of the one record that has both kinds of rows"


def test_an_alert_needs_seven_of_sixteen_and_lasts_until_it_is_calm() -> None:
    scores = np.zeros(60)
    scores[5:14] = 5
    assert np.flatnonzero(Judged(scores, 1, scores > 9).alerted).tolist() == list(range(11, 43))


def test_ledoit_wolf_shrinks_what_little_data_says() -> None:
    rng = np.random.default_rng(1)
    few, many = rng.normal(0, 1, (20, 8)), rng.normal(0, 1, (5000, 8)) * np.arange(1, 9)
    assert np.linalg.cond(bench_skab.ledoit_wolf(few)) < np.linalg.cond(few.T @ few) / 10
    assert bench_skab.ledoit_wolf(many) == pytest.approx(many.T @ many / 5000, abs=0.5)


def test_the_benchmark_learns_judges_and_keeps_its_figures(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(report, "PLACE", tmp_path / "bench.json")
    bench_skab.compare(family.load_family(PROCESS), skab.load(folder), range(1, 2))
    said, kept = capsys.readouterr().out, json.loads((tmp_path / "bench.json").read_text())
    assert "4 records, 800 rows to judge, 30% of them faulty" in said and "published, not run here" in said
    assert kept["skab_auc"]["value"] > 0.8 and 0 <= kept["skab_far"]["value"] <= 100
    assert set(kept["skab_f1"]["against"]) == {"local", "Ledoit-Wolf", "Conv-AE, published"}
