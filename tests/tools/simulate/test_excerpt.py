"""The recordings that ship: they are what their tool makes, small, and fit for the demo."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from tests.support.paths import ROOT
from tools.simulate import excerpt, layout, recordings

MOST_BYTES = 1_500_000
LINE = "{}\t{}\t{}\t{}\t11661\t0"


@pytest.mark.parametrize("name", sorted(recordings.ORIGINS))
def test_a_bundled_recording_is_the_one_its_tool_makes(name: str) -> None:
    recording = recordings.bundled(name)
    assert recordings.digest(recording) == excerpt.DIGESTS[name]
    assert not recording.simulated and len(recording.names) >= 3
    for gateway in range(len(recording.names)):
        assert recording.faults(gateway), "each machine has a fault to show"
        assert len(recording.windows(gateway, "train", "normal")) > layout.FEW


def test_they_are_small_and_their_licences_are_beside() -> None:
    files = list((ROOT / "recordings").glob("*.npz"))
    assert sum(path.stat().st_size for path in files) <= MOST_BYTES
    said = (ROOT / "recordings" / "README.md").read_text()
    for path in files:
        assert f"`{path.name}`" in said, "a recording without attribution"
    assert "Virginia Tech" in (ROOT / "recordings" / "LICENSE-actuators.txt").read_text()


def strokes(count: int) -> bytes:
    """An archive laid out as the actuators' original; the last digits of a reading say which file it is in."""
    content, names = io.BytesIO(), [*excerpt.HEALTHY, *excerpt.FAULTY]
    with zipfile.ZipFile(content, "w") as files:
        for folder, name in enumerate(names):
            for i in range(count):
                rows = [LINE.format(row, 100 * folder + i, 0, row % 3) for row in range(excerpt.STROKE)]
                at = f"9-11-2019-{(i + 10) % 12 + 1}-00-00 {'AM' if i < 1 else 'PM'}"
                files.writestr(f"data-f9926eb/Data/{name}/Base_000_{i}_{i}_{at}.txt", "\n".join(["Time", *rows]))
    return content.getvalue()


def test_strokes_are_kept_in_the_order_they_were_recorded_and_three_readings_become_one() -> None:
    made = excerpt.actuators(strokes(5))
    assert made.x.shape == (30, 1000, 3) and made.names == ("actuator1", "actuator2", "actuator5", "actuator6")
    assert made.windows(1, "train", "normal")[:, 0, 0].tolist() == [100, 101, 102]
    assert made.windows(1, "test", "normal")[:, 0, 0].tolist() == [103, 104]
    assert made.faults(0) == ["gear", "seal"] and (made.x[:, :, 2] == 1).all()


def test_the_fan_is_cut_by_speed_and_weight() -> None:
    rows = [
        f"{weight},{speed},{weight / 1000},0,-8.5"
        for weight in (1, 2, 3)
        for speed in (20, 50, 100)
        for _ in range(5 * excerpt.WINDOW)
    ]
    made = excerpt.fan("\n".join(["wconfid,pctid,x,y,z", *rows]).encode())
    assert made.x.shape == (45, 60, 3) and (made.x[:, :, 2] == -32768).all()
    assert [len(made.windows(i, "train", "normal")) for i in range(3)] == [3, 3, 3]
    assert made.windows(2, "test", "opposite")[0, 0, 0] == round(0.003 * 4096)


def test_a_changed_original_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "BUNDLED", tmp_path)
    with pytest.raises(ConfigError, match="holds other readings"):
        excerpt._make("actuators", excerpt.actuators, strokes(5), check=False)
    assert not list(tmp_path.iterdir())


def test_a_file_that_was_changed_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "BUNDLED", tmp_path)
    made = excerpt.actuators(strokes(5))
    monkeypatch.setitem(excerpt.DIGESTS, "actuators", recordings.digest(made))
    excerpt._make("actuators", excerpt.actuators, strokes(5), check=False)
    excerpt._make("actuators", excerpt.actuators, strokes(5), check=True)
    other = made.x + np.int16(1)
    (tmp_path / "actuators.npz").write_bytes(recordings.to_bytes(recordings.Recording(**{**vars(made), "x": other})))
    with pytest.raises(ConfigError, match="make recordings"):
        excerpt._make("actuators", excerpt.actuators, strokes(5), check=True)
