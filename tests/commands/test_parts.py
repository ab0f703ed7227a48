"""`reedmesh parts label`: each line of a CSV file becomes a label, or a clear line says why not."""

from pathlib import Path
from typing import Any

import pytest

from reedmesh.__main__ import main
from reedmesh.commands import parts
from reedmesh.errors import ConfigError


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, encoding="utf-8-sig")
    return path


def test_lines_become_requests_by_sensor_and_label(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[dict[str, Any]] = []

    def ask(_: Any, verb: str, given: dict[str, Any]) -> dict[str, Any]:
        assert verb == "label"
        asked.append(given)
        return {"labelled": len(given["parts"]) - 1, "contradicted": [{}], "unknown": [0]}

    monkeypatch.setattr(parts, "ask", ask)
    config = tmp_path / "reedmesh.toml"
    config.write_text(f'name = "gw"\nstate = "{tmp_path}"\n')
    lines = "".join(f"A-{n},crack\n" for n in range(50)) + "B-1, OK \n"
    path = table(tmp_path, f"part,label\n{lines}")
    assert main(["parts", "label", str(path), "--sensor", "press", "--by", "EOL", str(config)]) in (0, None)
    assert [(len(each["parts"]), each["label"]) for each in asked] == [(1, "OK"), (40, "crack"), (10, "crack")]
    assert all((each["sensor"], each["by"]) == ("press", "EOL") for each in asked)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{path}, line 52: press keeps no such part (any more)"
    assert told[-1] == "48 labels changed, 3 of them contradict earlier ones"


def test_boot_and_number_name_a_part_as_well(tmp_path: Path) -> None:
    path = table(tmp_path, "sensor,boot,number,label\npress,7,3,\n")
    assert parts.rows(path, "") == [("press", "", {"boot": 7, "number": 3}, 2)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("part,label\nA-1\n", "line 2: needs a column `label`"),
        ("part\nA-1\n", "line 2: needs a column `label`"),
        ("boot,number,label\n7,x,OK\n", "line 2: needs a column `label`"),
        (f"part,label\nA-1,{'y' * 25}\n", "line 2: a label has at most 24 bytes"),
        (f"part,label\n{'x' * 10_000},OK\n", "line 2: a part's number is printable text of at most 24"),
        (f"part,label\n{'x' * 200_000},OK\n", "no CSV file in UTF-8: field larger than field limit"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused_before_anything_is_labelled(
    tmp_path: Path, text: str, fault: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        parts.rows(table(tmp_path, text), "press")
    assert fault in str(refusal.value) and str(tmp_path / "labels.csv") in str(refusal.value)
    with pytest.raises(ConfigError, match="No such file"):
        parts.rows(tmp_path / "none.csv", "press")
