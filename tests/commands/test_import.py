"""`reedmesh import`: a CSV and a WAV become windows, are learnt, and what alarms is said."""

import wave
from pathlib import Path

import numpy as np
import pytest

from reedmesh.__main__ import main
from reedmesh.recordings.recording import load


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """150 s of a machine that runs well, and 50 s of it out of balance, at 200 Hz in g."""
    random, t = np.random.default_rng(1), np.arange(200 * 200) / 200
    x = np.sin(2 * np.pi * 12 * t)[:, None] * [0.2, 0.3, 0.1] + random.normal(0, 0.02, (len(t), 3))
    x[30_000:] *= 2.2
    rows = [
        f"{t[i]:.3f},{a:.4f},{b:.4f},{c:.4f},{'OK' if i < 30_000 else 'Unbalanced'}" for i, (a, b, c) in enumerate(x)
    ]
    (tmp_path / "mill.csv").write_text("time,ax,ay,az,state\n" + "\n".join(rows))
    return tmp_path / "mill.csv"


def test_a_table_is_proposed_learnt_and_written(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = table.with_suffix(".npz")
    assert main(["import", str(table), "--learn", "--out", str(out)]) == 0
    said = capsys.readouterr().out
    for words in (
        "40000 readings of 3 axes (ax, ay, az)",
        "rate from column time",
        "labels from column state",
        "windows of 200 readings, 1 s (--window)",
        "family vibration",
        "windows: 150 normal, 50 unbalanced",
        "learnt from 90 normal windows",
        "unbalanced: 100% of 50 windows above the threshold, 1 alert\n",
    ):
        assert words in said, said
    assert load(out).faults(0) == ["unbalanced"]
    assert main(["import", str(out)]) == 0
    assert "in the neutral format already, of mill" in capsys.readouterr().out


def test_sound_is_learnt(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    random, t = np.random.default_rng(1), np.arange(8000 * 20) / 8000
    hum = np.sin(2 * np.pi * 440 * t) * 3000 + random.normal(0, 300, len(t))
    for name, gain in (("normal", 1.0), ("leak", 2.0)):
        with wave.open(str(tmp_path / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes((hum * gain).astype("<i2").tobytes())
    assert main(["import", str(tmp_path), "--learn"]) == 0
    said = capsys.readouterr().out
    assert "family sound" in said and "leak: 100% of" in said and "labels from names of files" in said


def test_too_little_and_the_wrong_file_are_said_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save(tmp_path / "few.npy", np.zeros((10, 200, 3), np.int16))
    assert main(["import", str(tmp_path / "few.npy"), "--learn"]) == 2
    assert "6 normal windows to learn from are too few" in capsys.readouterr().err
    (tmp_path / "x.pdf").write_bytes(b"%PDF-1.7 ...")
    assert main(["import", str(tmp_path / "x.pdf")]) == 2
    assert capsys.readouterr().err == f"reedmesh: {tmp_path}/x.pdf: this is a PDF: export its table as CSV\n"
