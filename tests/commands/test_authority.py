"""Three commands give a gateway its key: request, issue and accept; what is mixed up is told in a line."""

from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.identity import credential, keystore


@pytest.fixture
def site(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> tuple[Path, str]:
    """The authority's file and its point."""
    file = tmp_path / "site.key"
    assert main(["authority", "new", str(file)]) == 0
    return file, capsys.readouterr().out.strip()


def config(folder: Path, point: str) -> str:
    path = folder / "reedmesh.toml"
    lines = [f'name = "hall2"\nstate = "{folder}"', "[exchange]", f'authority = "{point}"']
    lines += ["[[neighbours]]", 'name = "hall1"', 'host = "127.0.0.1"']
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_a_gateway_gets_its_key_in_three_commands(
    tmp_path: Path, site: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, point = site
    settings = config(tmp_path, point)
    assert main(["keys", "request", settings]) == 0
    command = capsys.readouterr().out.split()
    assert command[:3] == ["reedmesh", "authority", "issue"]
    assert main(["authority", "issue", str(file), *command[4:], "--days", "30"]) == 0
    answer = capsys.readouterr().out.strip()
    assert main(["keys", "accept", answer, settings]) == 0
    assert "restart the gateway" in capsys.readouterr().out
    shown = keystore.shown(tmp_path)
    assert shown
    said, key = credential.unpack(shown, bytes.fromhex(point))
    assert (said.term.name, said.term.last - said.term.first, key) == ("hall2", 29, keystore.load(tmp_path).public)
    assert main(["authority", "revoke", str(file), keystore.load(tmp_path).public.hex()]) == 0
    line = capsys.readouterr().out.strip()
    assert main(["keys", "revoke", line, settings]) == 0
    assert main(["keys", "revoke", line[:-1] + ("0" if line[-1] != "0" else "1"), settings]) != 0
    assert "copy the whole line" in capsys.readouterr().err
    assert main(["keys", "accept", answer, settings]) != 0  # it was the answer to the request before
    assert "not the answer to the last request" in capsys.readouterr().err


def test_mistakes_are_told_in_a_line(
    tmp_path: Path, site: tuple[Path, str], capsys: pytest.CaptureFixture[str]
) -> None:
    file, point = site
    settings = config(tmp_path, point)
    for arguments, reason in (
        (["authority", "new", str(file)], "exists"),
        (["authority", "show", str(tmp_path / "nowhere")], "no such file"),
        (["authority", "issue", str(file), "Hall 2", point], "is no name of a gateway"),
        (["authority", "issue", str(file), "hall2", point, "--days", "4000"], "--days 4000"),
        (["authority", "issue", str(file), "hall2", "abc"], "request:"),
        (["authority", "issue", str(file), "hall2", "00" * 32], "not a point"),
        (["keys", "accept", "20000-20001-zz-zz", settings], "copy the whole line"),
        (["keys", "accept", "hello", settings], "copy the whole line"),
    ):
        assert main(arguments) != 0
        told = capsys.readouterr().err
        assert reason in told and len(told.splitlines()) == 1, told
