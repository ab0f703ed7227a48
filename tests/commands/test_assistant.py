"""`reedmesh ask` and its sisters: what is sent, what is printed, in which language."""

from pathlib import Path
from typing import Any

import pytest

from reedmesh.__main__ import main
from reedmesh.commands import assistant
from reedmesh.config.settings import Config

ANSWER = {
    "by": "template",
    "facts": [
        {"text": "press-2 has been in alert since 02:13.", "alert": "press-2-a"},
        {"text": "Nobody has acknowledged it.", "alert": "press-2-a"},
        {"text": "fan-3 runs as usual.", "sensor": "fan-3"},
        {"text": "That is all.", "page": "overview"},
        {"text": "I can answer these:"},
    ],
}


@pytest.fixture
def sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Requests that a gateway would get; it answers ANSWER."""
    found: list[Any] = []

    def ask(config: Config, verb: str, given: dict[str, Any], patience: float = 10.0) -> dict[str, Any]:
        found.append((verb, given, patience))
        return ANSWER

    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(assistant, "ask", ask)
    monkeypatch.setenv("LANG", "pt_PT.UTF-8")
    return found


def config(folder: Path, more: str = "") -> str:
    file = folder / "reedmesh.toml"
    file.write_text(f'name = "hall1"\nstate = "{folder}"\n{more}')
    return str(file)


def test_a_question_is_sent_with_the_terminal_s_language_and_the_answer_ends_with_its_evidence(
    tmp_path: Path, sent: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "porque alarma\n a prensa 2?", config(tmp_path)]) == 0
    assert sent == [("ask", {"text": "porque alarma a prensa 2?", "language": "pt"}, 10.0)]
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [each["text"] for each in ANSWER["facts"][:2]]  # type: ignore[index]
    assert lines[5:] == ["  -> /gateway/hall1/alert/press-2-a", "  -> /gateway/hall1/sensor/fan-3", "  -> /"]


def test_a_question_that_is_too_long_is_refused_before_it_is_sent(
    tmp_path: Path, sent: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["ask", "a" * 10_000, config(tmp_path)]) == 1
    assert not sent and "10000 characters, at most 300" in capsys.readouterr().err


def test_where_a_model_may_be_asked_more_time_is_given(tmp_path: Path, sent: list[Any]) -> None:
    more = '[assistant]\nurl = "http://127.0.0.1:9/v1"\nseconds = 20.0\n'
    assert main(["ask", "x", config(tmp_path, more), "--language", "de"]) == 0
    assert sent == [("ask", {"text": "x", "language": "de"}, 30.0)]


def test_report_why_and_feedback(tmp_path: Path, sent: list[Any]) -> None:
    file = config(tmp_path)
    assert main(["report", "--shift", "8h", file]) == 0
    assert main(["why", "press-2-a", file, "--json"]) == 0
    assert main(["feedback", "press-2-a", "wrong", file, "--by", "Ana", "--text", "belt"]) == 0
    assert [verb for verb, _, _ in sent] == ["report", "why", "feedback"]
    assert sent[0][1] == {"period": "8h", "language": "pt"}
    assert sent[2][1] == {"alert": "press-2-a", "answer": "wrong", "by": "Ana", "text": "belt"}


@pytest.mark.parametrize(
    ("told", "code"), [("pt_PT.UTF-8", "pt"), ("de", "de"), ("C.UTF-8", ""), ("ja_JP", ""), ("", "")]
)
def test_the_terminal_s_language_counts_if_it_is_spoken(monkeypatch: pytest.MonkeyPatch, told: str, code: str) -> None:
    for name in ("LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", told)
    assert assistant.spoken() == code
