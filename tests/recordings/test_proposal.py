"""What is proposed for signals, and the windows that come of it."""

from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.recordings import proposal
from reedmesh.recordings.recording import load, to_bytes
from reedmesh.recordings.signal import Signal, make_signal


def signal(count: int, axes: int, rate: float, labels: "np.ndarray | str" = "normal") -> Signal:
    values = np.random.default_rng(1).normal(0, 1, (count, axes))
    return make_signal("x.csv", values, labels, rate)


@pytest.mark.parametrize(
    ("axes", "rate", "family", "samples"),
    [
        (3, 200.0, "vibration", 200),
        (3, 25_600.0, "vibration", 1024),
        (2, 50.0, "vibration", 50),
        (1, 16_000.0, "sound", 1024),
        (1, 1.0, "process", 20),
        (8, 1.0, "process", 20),
        (3, 0.0, "vibration", 200),
    ],
)
def test_rate_and_axes_say_window_and_family(axes: int, rate: float, family: str, samples: int) -> None:
    proposed = proposal.propose([signal(5000, axes, rate)])
    assert (proposed.family, proposed.samples, proposed.rate_hz) == (family, samples, rate)
    assert any(f"family {family}" in line for line in proposed.why)


def test_the_users_words_count_more() -> None:
    proposed = proposal.propose([signal(5000, 3, 200.0)], rate=400.0, samples=100, family="process")
    assert (proposed.rate_hz, proposed.samples, proposed.family, proposed.axes) == (400.0, 100, "process", 8)


@pytest.mark.parametrize(
    ("signals", "family", "says"),
    [
        ([signal(9, 3, 1.0), signal(9, 2, 1.0)], "", r"differ in their axes \(2, 3\)"),
        ([signal(9, 3, 50.0), signal(9, 3, 60.0)], "", r"differ in their rates \(50, 60 Hz\)"),
        ([signal(9, 9, 1.0)], "", "9 axes, family process listens to 8: choose with --columns"),
        ([signal(9, 3, 50.0)], "sound", "3 axes, family sound listens to 1"),
    ],
)
def test_what_does_not_fit_together_is_refused(signals: list[Signal], family: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        proposal.propose(signals, family=family)


def test_a_window_with_any_reading_of_a_fault_has_its_name_and_training_is_normal() -> None:
    labels = np.full(2000, "normal", dtype="<U8")
    labels[1610:] = "worn"
    signals = [signal(2000, 2, 100.0, labels)]
    made = proposal.cut(signals, proposal.propose(signals), "mill 3.csv")
    assert made.x.shape == (20, 100, 3) and not made.x[:, :, 2].any()
    assert made.label.tolist() == ["normal"] * 16 + ["worn"] * 4
    assert made.split.tolist() == ["train"] * 9 + ["test"] * 11 and made.names == ("mill-3",)
    largest = np.abs(made.x[:, :, :2].astype(int)).max()
    assert 16_000 <= largest <= 32_000 and np.log2(made.lsb_per_g) % 1 == 0


def test_whole_numbers_stay_as_they_are() -> None:
    counts = np.arange(-600, 600).reshape(-1, 3).astype(float)
    signals = [make_signal("x.csv", counts, rate_hz=40.0)]
    made = proposal.cut(signals, proposal.propose(signals), "x.csv")
    assert made.lsb_per_g == 1 and made.x[0, :2].tolist() == [[-600, -599, -598], [-597, -596, -595]]


def test_too_few_readings_for_a_window_are_refused() -> None:
    signals = [signal(1, 3, 200.0)]
    with pytest.raises(ConfigError, match="1 reading is less than a window of 200"):
        proposal.cut(signals, proposal.propose(signals), "x.csv")


def test_what_was_cut_is_written_and_read_again(tmp_path: Path) -> None:
    signals = [signal(2000, 3, 100.0)]
    made = proposal.cut(signals, proposal.propose(signals), "x.csv")
    (tmp_path / "x.npz").write_bytes(to_bytes(made))
    read = load(tmp_path / "x.npz")
    assert np.array_equal(read.x, made.x) and read.rate_hz == 100.0 and read.names == made.names
