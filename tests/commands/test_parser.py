"""The command line itself: hints at what was meant, completion, and the man page."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from reedmesh import __version__
from reedmesh.__main__ import main
from reedmesh.commands import manual
from reedmesh.commands.parser import build, commands_of
from tests.support.paths import ROOT


@pytest.mark.parametrize(
    ("arguments", "meant"),
    [
        (["stauts"], "did you mean 'status'?"),
        (["status", "--jsno"], "did you mean '--json'?"),
        (["keys", "rotat"], "did you mean 'rotate'?"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(
    arguments: list[str], meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2 and meant in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", "x.toml"],
        ["report", "--shift", "8h", "x.toml"],
        ["report", "x.toml", "--shift", "8h"],
        ["ask", "why?", "--language", "pt", "x.toml"],
        ["ask", "--language", "pt", "why?", "x.toml"],
        ["status", "--json", "x.toml"],
    ],
)
def test_the_config_may_stand_after_options(arguments: list[str]) -> None:
    assert build().parse_args(arguments).config == Path("x.toml")


def test_a_word_like_no_command_gets_no_hint(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["zzzzzz"])
    assert "did you mean" not in capsys.readouterr().err


def test_the_version_is_an_option_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0 and capsys.readouterr().out == f"reedmesh {__version__}\n"


def test_the_shell_completes_a_command(tmp_path: Path) -> None:
    answer = tmp_path / "answer"
    line = "reedmesh check-c"
    asked = {
        "_ARGCOMPLETE": "1",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "_ARGCOMPLETE_STDOUT_FILENAME": str(answer),
    }
    subprocess.run([sys.executable, "-m", "reedmesh"], env=os.environ | asked, check=False, timeout=60)
    assert answer.read_text().strip() == "check-config"


def test_the_man_page_in_the_tree_is_that_of_the_parser_and_names_every_command() -> None:
    page = manual.page(build())
    assert (ROOT / "gateway" / "man" / "reedmesh.1").read_text() == page, "run `make man`"
    for name, command in commands_of(build()).items():
        for verb in commands_of(command) or [""]:
            assert f".SS reedmesh {name} {verb}".strip().replace("-", "\\-") in page
