"""What is exported is what was recorded: read again by others' programs and by our own import."""

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from reedmesh.errors import ConfigError
from reedmesh.recordings import files
from reedmesh.recordings.export import exported
from reedmesh.recordings.recording import Recording, to_bytes


@pytest.fixture
def neutral(tmp_path: Path) -> Path:
    x = np.random.default_rng(1).integers(-32768, 32767, (6, 50, 3), np.int16, endpoint=True)
    label = np.array(["normal"] * 4 + ["worn"] * 2)
    made = Recording(x, np.zeros(6, np.int64), np.array(["test"] * 6), label, 200.0, 256.0, ("fan",), "ours")
    path = tmp_path / "fan.npz"
    path.write_bytes(to_bytes(made))
    return path


def test_a_wav_holds_the_readings(neutral: Path) -> None:
    content, told = exported(neutral, ".wav")
    with wave.open(io.BytesIO(content)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getnframes()) == (3, 200, 300)
        read = np.frombuffer(file.readframes(300), "<i2").reshape(6, 50, 3)
    assert np.array_equal(read, np.load(neutral)["x"]) and "6 windows of 50 readings on 3 axes" in told


def test_a_csv_is_imported_as_it_was(neutral: Path, tmp_path: Path) -> None:
    content, _ = exported(neutral, ".csv", "worn")
    path = tmp_path / "worn.csv"
    path.write_bytes(content)
    (signal,) = files.read(path, ())
    assert np.array_equal(signal.values, np.load(neutral)["x"][4:].reshape(-1, 3)) and signal.rate_hz == pytest.approx(
        200
    )


@pytest.mark.parametrize(
    ("kind", "label", "says"), [(".xlsx", "", "can be written"), (".csv", "broken", "there are normal, worn")]
)
def test_what_cannot_be_written_is_told(neutral: Path, kind: str, label: str, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        exported(neutral, kind, label)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"no zip at all"])
def test_a_file_that_is_none_of_ours_is_told_in_a_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.npz").write_bytes(content)
    with pytest.raises(ConfigError, match="neither a gateway's recording nor the neutral format"):
        exported(tmp_path / "x.npz", ".csv")
