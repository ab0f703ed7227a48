"""`reedmesh audit` on a model in service: export, learn again, sign, show windows, accept the signature."""

import asyncio
import json
from hashlib import sha256
from pathlib import Path

import pytest

from reedmesh.__main__ import main
from reedmesh.identity import keystore
from reedmesh.learning import audit
from reedmesh.provenance import ledger, receipt
from reedmesh.store import ledger_table
from tests.service.requests.test_server import Client
from tests.service.test_gateway import taught, world

HEAD = sha256(b"a later checkpoint").hexdigest()


def config(folder: Path) -> Path:
    path = folder / "reedmesh.toml"
    path.write_text(f'name = "gw"\nstate = "{folder}"\n')
    return path


def test_an_auditor_learns_the_model_in_service_again_and_the_gateway_keeps_the_signature(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, auditor = tmp_path / "press.audit", tmp_path / "auditor.key"

    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")
            assert main(["audit", "export", "press", str(config(tmp_path)), "--out", str(out)]) == 0
            key = keystore.load(tmp_path).public.hex()
            assert main(["audit", "check", str(out), "--key", key, "--sign", str(auditor)]) == 0
            said, theirs = capsys.readouterr().out, keystore.secret(auditor)
            assert "the same to the bit" in said and "learnt again in" in said
            signed, public = out.with_suffix(".signed").read_text(), said.split()[-1]
            client = Client(it)
            assert (await client.data("audit", envelope=signed, key=public))["sensor"] == "press"
            assert "kept already" in (await client.ask("audit", envelope=signed, key=public))["error"]
            assert "not signed" in (await client.ask("audit", envelope=signed, key=key))["error"]
            kinds = [ledger.read(row)["kind"] for row in ledger_table.rows(it.gateway.store._db)]
            assert kinds.index("committed") < kinds.index("service") < kinds.index("audited") and theirs
            stored = it.gateway.store.models.last("press")
            assert stored and len((stored.receipt or b"").splitlines()) == 2

    asyncio.run(story())


def test_windows_of_a_commitment_are_shown_when_a_later_checkpoint_asks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")

    asyncio.run(story())
    assert main(["audit", "open", "press", str(config(tmp_path)), "--head", HEAD]) == 0
    opened = tmp_path / "opening.json"
    opened.write_text(capsys.readouterr().out)
    assert main(["audit", "export", "press", str(config(tmp_path)), "--out", str(tmp_path / "a")]) == 0
    stated = receipt.unverified(audit.unpack((tmp_path / "a").read_bytes())[1][0])
    check = ["audit", "challenge", str(opened), "--head", HEAD, "--windows", str(stated.windows), "--root"]
    assert main([*check, stated.root]) == 0 and "5 of" in capsys.readouterr().out
    assert main([*check, "00" * 32]) == 1
    table = json.loads(opened.read_text())
    table["leaves"] = table["leaves"][1:]
    opened.write_text(json.dumps(table))
    assert main([*check, stated.root]) == 1 and "was asked for" in capsys.readouterr().err


def test_what_cannot_be_checked_says_why(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story() -> None:
        async with world(tmp_path) as it:
            await taught(it, "press")
            with it.gateway.store._db as db:
                db.execute("update models set material = null")

    asyncio.run(story())
    for words, says in (
        (["audit", "export", "press", str(config(tmp_path))], "no longer checkable"),
        (["audit", "export", "saw", str(config(tmp_path))], "has no model of it"),
        (["audit", "check", str(tmp_path / "nowhere")], "No such file"),
        (["audit", "check", str(config(tmp_path))], "audit file"),
        (["audit", "open", "press", str(config(tmp_path)), "--head", "12"], "no longer checkable"),
    ):
        assert main(words) != 0
        assert says in capsys.readouterr().err, words
