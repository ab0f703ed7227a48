"""Recordings: the neutral format is read, anything else refused, and a machine simulated only where it must be."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.inference.family import find_family, load_family
from reedmesh.recordings.fitting import fitted
from tools.simulate import layout, recordings
from tools.simulate.recordings import COMMIT, Recording


def saved(place: Path, recording: Recording, **changes: object) -> Path:
    arrays = {key: getattr(recording, key) for key in ("x", "gateway", "split", "label", "rate_hz", "lsb_per_g")}
    np.savez(place, **{**arrays, "names": np.array(recording.names), **changes})  # type: ignore[arg-type]
    return place


def test_a_file_in_the_neutral_format_is_read_as_it_was_written(tmp_path: Path) -> None:
    made = recordings.simulate()
    read = recordings.load(saved(tmp_path / "windows.npz", made))
    for key in ("x", "gateway", "split", "label"):
        assert np.array_equal(getattr(read, key), getattr(made, key))
    assert read.names == made.names and not read.simulated and "windows.npz" in read.origin


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"x": np.zeros((3, 4))}, "expected int16"), ({"label": np.array(["normal"])}, "one label each")],
)
def test_a_file_in_another_format_is_named_with_what_is_wrong(
    tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    with pytest.raises(ConfigError, match=says):
        recordings.load(saved(tmp_path / "windows.npz", recordings.simulate(), **changes))


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("no")
    np.savez(tmp_path / "few.npz", x=np.zeros(3))
    for name in ("none.npz", "text.npz", "few.npz"):
        with pytest.raises(ConfigError, match=name):
            recordings.find(str(tmp_path / name))


def archive(seconds: int) -> bytes:
    """An archive laid out as the public source's, with `seconds` of each condition."""
    content, rng = io.BytesIO(), np.random.default_rng(1)
    with zipfile.ZipFile(content, "w") as files:
        for speed in recordings.SPEEDS:
            for weight in (0, 1):
                for i in range(seconds):
                    lines = io.StringIO()
                    np.savetxt(lines, np.rint(rng.normal(0, 99, (200, 3))) / 4096, "%.6f", ", ")
                    name = f"tinyml-{COMMIT}/datasets/ceiling-fan/fan_0_{speed}_{weight}_weight/{i:04}.csv"
                    files.writestr(name, lines.getvalue())
    return content.getvalue()


def test_a_download_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "source.zip"
    source.write_bytes(archive(6))
    cache = tmp_path / "kept" / "fan.npz"
    with pytest.raises(OSError, match="holds other readings"):
        recordings.download(source.as_uri(), cache)
    assert not cache.exists()
    found = recordings._fan(source.read_bytes())
    monkeypatch.setattr(recordings, "DIGEST", recordings.digest(found))
    recordings.download(source.as_uri(), cache)
    kept = recordings.load(cache)
    assert np.array_equal(kept.x, found.x) and kept.faults(0) == ["imbalance"]
    assert len(kept.windows(1, "train", "normal")) == len(kept.windows(1, "test", "normal")) == 3


def test_without_any_recording_the_machine_is_simulated_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recordings, "BESIDE", tmp_path / "none")
    monkeypatch.setattr(recordings, "CACHE", tmp_path / "none")
    monkeypatch.setattr(recordings, "SOURCE", (tmp_path / "none.zip").as_uri())
    found = recordings.find()
    assert found.simulated and "simulated signal" in found.origin


def test_windows_longer_than_a_sensor_takes_are_cut_in_equal_pieces(tmp_path: Path) -> None:
    made = recordings.simulate(samples=3000)
    plan = layout.plan(made, tmp_path / "line")
    assert plan.features["samples"] == 1000
    assert {machine.sounds["fault"].shape[1:] for machine in plan.machines} == {(1000, 3)}
    assert plan.family.startswith(str(tmp_path))


def test_a_recording_of_other_axes_is_refused(tmp_path: Path) -> None:
    made = recordings.simulate()
    flat = Recording(**{**vars(made), "x": made.x[:, :, :1]})
    with pytest.raises(ConfigError, match="1 axis, family vibration listens to 3 axes"):
        layout.plan(flat, tmp_path / "line")


def test_capitals_in_labels_say_the_same(tmp_path: Path) -> None:
    made = recordings.simulate()
    label, split = np.char.upper(made.label), np.char.capitalize(made.split)
    read = recordings.load(saved(tmp_path / "windows.npz", made, label=label, split=split))
    assert read.faults(0) == ["imbalance"] and len(read.windows(0, "train", "normal"))


VIBRATION = load_family(find_family("vibration"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"split": np.full(900, "test")}, "machine1 has no train windows labelled normal"),
        ({"label": np.full(900, "normal")}, "machine1 has no fault"),
        ({"x": np.zeros((900, 2, 3), np.int16)}, "windows have 2 readings; at least 3 are needed"),
        ({"x": np.ones((900, 20, 2), np.int16)}, "the recording has 2 axes, family vibration listens to 3 axes"),
    ],
)
def test_what_a_recording_lacks_is_said_in_a_line(changes: dict[str, object], says: str) -> None:
    made = recordings.simulate(gateways=1)
    with pytest.raises(ConfigError, match=says) as refusal:
        recordings.matched(VIBRATION, Recording(**{**vars(made), **changes}))
    assert "\n" not in str(refusal.value)


def test_an_axis_that_is_not_connected_is_left_out() -> None:
    made = recordings.simulate(gateways=1)
    wide = np.concatenate([made.x, np.full((*made.x.shape[:2], 1), 7, np.int16)], axis=2)
    fits = fitted(Recording(**{**vars(made), "x": wide}), 3, "vibration")
    assert np.array_equal(fits.x, made.x)
