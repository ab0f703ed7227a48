"""Files that users bring: what they hold is read, and what they are not is said in a line with a remedy."""

import pickle
import tempfile
import wave
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from reedmesh.errors import ConfigError
from reedmesh.recordings import files
from reedmesh.recordings.signal import Signal
from tests.support.paths import ROOT

COUNTS = arrays.arrays(np.int16, st.tuples(st.integers(1, 40), st.integers(1, 6)))


def one(path: Path, *columns: str) -> Signal:
    (signal,) = files.read(path, columns)
    return signal


@given(COUNTS)
def test_what_is_written_is_read(counts: np.ndarray) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        np.save(place / "x.npy", counts)
        np.savez(place / "x.npz", x=counts, rate_hz=50)
        np.savetxt(place / "x.csv", counts, "%d", ",")
        for name in ("x.npy", "x.npz", "x.csv"):
            assert np.array_equal(one(place / name).values, counts), name
        assert one(place / "x.npz").rate_hz == 50


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_sound_of_every_width_is_read_channel_by_channel(tmp_path: Path, width: int) -> None:
    frames = np.array([[-100, 3], [0, 90], [127, -128]])
    stored = frames + 128 if width == 1 else frames
    with wave.open(str(tmp_path / "x.wav"), "wb") as file:
        file.setparams((2, width, 8000, 0, "NONE", ""))
        file.writeframes(b"".join(int(v).to_bytes(width, "little", signed=width > 1) for v in stored.ravel()))
    signal = one(tmp_path / "x.wav")
    assert signal.values.tolist() == frames.tolist() and signal.rate_hz == 8000


TABLE = "time;ax [g];ay;Zustand;note\n0,00;1,5;-2;OK;a\n0,02;2,5;3;Lager defekt;b\n0,04;0;4;ok;c\n"


def test_a_table_as_others_write_it(tmp_path: Path) -> None:
    text = TABLE.replace("Zustand", "state")
    (tmp_path / "x.csv").write_text(text, encoding="utf-8-sig")
    signal = one(tmp_path / "x.csv")
    assert signal.values.tolist() == [[1.5, -2], [2.5, 3], [0, 4]] and signal.rate_hz == 50
    assert signal.labels.tolist() == ["normal", "lager-defekt", "normal"] and signal.columns == ("ax [g]", "ay")
    assert one(tmp_path / "x.csv", "ay").values.tolist() == [[-2], [3], [4]]


def test_dates_say_the_rate(tmp_path: Path) -> None:
    lines = [f"2024-03-01T10:00:{second:02},{second}" for second in range(0, 60, 2)]
    (tmp_path / "x.csv").write_text("timestamp,flow\n" + "\n".join(lines))
    assert one(tmp_path / "x.csv").rate_hz == 0.5


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the first has 2"),
        ("a,b\n1,2\n3,x\n", "line 3: could not convert string to float: 'x'"),
        ("a,b\n", "has a header and no readings"),
        ("a,b\nx,y\n", "no column holds numbers"),
        ("a\n1\nnan\n", "reading 2 of axis 1 is nan"),
        ("a\n1e999\n", "reading 1 of axis 1 is inf"),
        ("\n\n", "is empty"),
        ('{"a": 1}', "this is JSON: write the readings as CSV"),
    ],
)
def test_a_table_that_is_none_names_the_place(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "x.csv").write_text(text)
    with pytest.raises(ConfigError, match=says):
        files.read(tmp_path / "x.csv")


def test_what_is_no_recording_says_what_it_is_and_what_to_do(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}]), allow_pickle=True)
    (tmp_path / "pickled.npy").write_bytes(pickle.dumps([1, 2, 3]))
    np.savez(tmp_path / "several.npz", left=np.zeros(3), right=np.zeros(3))
    (tmp_path / "empty.wav").touch()
    with zipfile.ZipFile(tmp_path / "book.xlsx", "w") as book:
        book.writestr("xl/workbook.xml", "")
    (tmp_path / "float.wav").write_bytes(b"RIFF\x24\0\0\0WAVEfmt \x10\0\0\0\3\0\1\0" + bytes(30))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "objects.npy").read_bytes()[:40])
    said = {
        "objects.npy": "holds Python objects",
        "pickled.npy": "a Python pickle, which can run code",
        "several.npz": "holds left, right; call the array with the readings x",
        "empty.wav": "is empty",
        "book.xlsx": "an Excel file: save the sheet as CSV",
        "float.wav": "16-bit PCM",
        "cut.npy": "cut short or damaged|cannot be read",
        "none.csv": "there is no such file",
    }
    for name, words in said.items():
        with pytest.raises(ConfigError, match=words) as refusal:
            files.read(tmp_path / name)
        assert str(refusal.value).startswith(str(tmp_path / name)) and "allow_pickle" not in str(refusal.value)
    with pytest.raises(ConfigError, match="this is a PNG picture"):
        files.read(ROOT / "docs" / "dashboard.png")


def test_a_header_that_promises_too_much_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.zeros((10, 3), np.int16))
    content = (tmp_path / "x.npy").read_bytes().replace(b"(10, 3), }" + b" " * 12, b"(10000000000, 3), }   ")
    assert b"(10000000000" in content
    (tmp_path / "x.npy").write_bytes(content)
    with pytest.raises(ConfigError, match="30000000000 readings are too many at once"):
        files.read(tmp_path / "x.npy")


def test_a_folder_is_labelled_by_its_folders_or_its_names(tmp_path: Path) -> None:
    for name in ("by_name/normal_1.csv", "by_name/bearing-worn_2.csv", "by_folder/ok/a.csv", "by_folder/leak/a.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("1\n2\n")
    assert [signal.labels[0] for signal in files.read(tmp_path / "by_name")] == ["bearing-worn", "normal"]
    assert [signal.labels[0] for signal in files.read(tmp_path / "by_folder")] == ["leak", "normal"]
    (tmp_path / "nothing").mkdir()
    with pytest.raises(ConfigError, match=r"holds no \.csv"):
        files.read(tmp_path / "nothing")


HEADS = [b"", b"RIFF\0\0\0\0WAVE", b"\x93NUMPY\x01\0", b"PK\x03\x04", b"a,b\n", b"\x89PNG"]


@given(st.sampled_from(HEADS), st.binary(max_size=300), st.sampled_from(["x.npz", "x.csv", "x.wav"]))
def test_whatever_the_bytes_it_is_read_or_refused_in_words(head: bytes, rest: bytes, name: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / name).write_bytes(head + rest)
        try:
            signal = one(Path(folder) / name)
        except ConfigError as refusal:
            assert name in str(refusal)
        else:
            assert np.isfinite(signal.values).all()
