"""`reedmesh init`: five answers become a good config; wrong ones are asked again, and nothing is overwritten."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.config.settings import load_config


@pytest.fixture
def state(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def test_options_answer_for_a_script(tmp_path: Path, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "reedmesh.toml"
    words = ["--name", "hall1", "--state", str(state), "--embedded", "yes", "--notify", "json://127.0.0.1/line"]
    assert main(["init", str(file), *words]) == 0, capsys.readouterr().err
    made = load_config(file)
    assert (made.name, made.family, made.broker.embedded) == ("hall1", "vibration", True)
    assert made.notify.urls == ("json://127.0.0.1/line",) and main(["check-config", str(file)]) == 0
    before = file.read_bytes()
    assert main(["init", str(file)]) == 2 and file.read_bytes() == before
    assert "--force" in capsys.readouterr().err


def test_a_wrong_answer_is_asked_again(
    tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answers: Iterator[str] = iter(["Hall 1", "hall1", str(state), "vibrations", "vibration", "yes", ""])
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda question: next(answers))
    assert main(["init", str(tmp_path / "reedmesh.toml")]) == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "1 to 32 of a-z 0-9 _ -" in said and 'no model family "vibrations"' in said
    assert next(answers, None) is None


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--name", "Hall 1"], "name 'Hall 1'"),
        (["--state", "var"], "a folder from the root"),
        (["--family", "none"], "no model family"),
        (["--embedded", "perhaps"], "yes or no"),
        (["--notify", "me"], "a URL such as mailto:"),
    ],
)
def test_a_wrong_option_writes_nothing(
    tmp_path: Path, words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", str(tmp_path / "reedmesh.toml"), *words]) == 2
    assert says in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["config-schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["required"] == ["name", "state"] and not schema["additionalProperties"]
    port = schema["properties"]["broker"]["properties"]["port"]
    assert port == {"type": "integer", "minimum": 1, "maximum": 65535, "default": 1883}
    assert schema["properties"]["neighbours"]["items"]["required"] == ["name"]
