"""`reedmesh prove`: a window's score is stated, and holds for nobody else, no other model and no other window."""

import asyncio
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.identity import keystore
from reedmesh.provenance import score_statement
from tests.commands.provenance.test_audit import config
from tests.service.requests.test_server import Client
from tests.service.test_gateway import taught, world
from tests.support.neighbours import key_of


def test_a_score_is_stated_and_checked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, model = tmp_path / "press.score", tmp_path / "press.tflite"

    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")
            await Client(it).data("windows", sensor="press")  # it is on disk then
            assert main(["prove", "score", "press", str(config(tmp_path)), "--out", str(out)]) == 0

    asyncio.run(story())
    key = keystore.load(tmp_path)

    def check(public: bytes = key.public) -> tuple[int, str]:
        code = main(["prove", "check", str(out), str(model), "--key", public.hex()])
        return code, "".join(capsys.readouterr())

    assert check()[0] == 0 and check(key_of("other").public)[0] != 0
    said = score_statement.verify(out.read_bytes(), [key.public])
    window = bytearray(said.window)
    window[0] ^= 64
    for change in ({"score": said.score + 1}, {"features": window.hex()}):
        wrong = score_statement.ScoreStatement(**{**vars(said), **change})
        out.write_bytes(score_statement.sign(wrong, key, ""))
        code, told = check()
        assert code != 0 and "the model gives" in told
    out.write_bytes(score_statement.sign(said, key, ""))
    model.write_bytes(model.read_bytes() + b"\0")
    code, told = check()
    assert code != 0 and "is not the model" in told
