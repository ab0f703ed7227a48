"""Models and their passports in a gateway: none is loaded without, whatever was done to the database or the keys."""

import ast
import asyncio
import csv
import io
import json
import multiprocessing
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from reedmesh.__main__ import main
from reedmesh.config.settings import Config
from reedmesh.errors import DeployError
from reedmesh.exchange import entries
from reedmesh.identity import keys, keystore
from reedmesh.identity.trust_store import Trust
from reedmesh.inference import tflite_file
from reedmesh.learning.aggregate import Merged, Peer
from reedmesh.protocol import scaling
from reedmesh.provenance import ledger, passport
from reedmesh.provenance.ledger import Entry
from reedmesh.service.gateway import Gateway
from reedmesh.store import database, ledger_table
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store
from reedmesh.updates import attestation, model_rollout
from tests.firmware.tflite.test_refusals import drawn
from tests.learning.test_candidate import candidate, family
from tests.support.paths import ROOT

PRESS = candidate().model


def another(by: int = 1) -> bytes:
    """A model that differs in its threshold alone."""
    number = tflite_file.metadata_number(PRESS, scaling.METADATA)
    means, gains, threshold = scaling.from_bytes(tflite_file.metadata(PRESS, scaling.METADATA) or b"")
    return tflite_file.patch(PRESS, {number or 0: scaling.to_bytes(means, gains, threshold + by)})


@contextmanager
def gateway(folder: Path) -> Iterator[Gateway]:
    """A gateway that was just started, and does not run."""
    with Store(folder) as store:
        it = Gateway(Config("gw", str(folder)), family(), store)
        yield it
        head = store.ledger.head() if store.ledger else None
        if head:
            ledger_table.publish(folder, head)


def serve(it: Gateway, sensor: str, sequence: int, model: bytes = PRESS) -> StoredModel:
    """Put a model into service, as a candidate does."""
    learnt = replace(candidate(), model=model)
    envelope = it.parts.passports.issue(sensor, learnt, None, {}, 1000.0 + sequence)
    made = StoredModel(
        sensor, sequence, 1000.0 + sequence, model, learnt.weights, learnt.trial, learnt.trial_score, envelope
    )
    it.store.sensors.save_hello(sensor, {})
    it.store.models.save(made, model_rollout._entry(ledger.SERVICE, made))
    return made


def edit(folder: Path, statement: str, *values: object) -> None:
    """Behind the gateway's back."""
    with closing(sqlite3.connect(folder / database.NAME)) as db, db:
        assert db.execute(statement, values).rowcount


def command(folder: Path, *words: str) -> int:
    config = folder / "reedmesh.toml"
    config.write_text(f'name = "gw"\nstate = "{folder}"\n')
    return main([*words, str(config)])


def digest_in_service(folder: Path, sensor: str) -> bytes | None:
    with gateway(folder) as it:
        model = it.line.sensors[sensor].model
        return model and model.digest


def test_a_model_with_its_passport_serves_again_after_a_restart(tmp_path: Path) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    assert digest_in_service(tmp_path, "press") == sha256(PRESS).digest()


SWAP = "update models set (tflite, weights, passport) = (select tflite, weights, passport from models where sensor = ?)"
ATTACKS = {
    "another model in its place": ("update models set tflite = ? where sequence = 2 and sensor = 'press'", another(2)),
    "junk in its place": ("update models set tflite = ? where sequence = 2 and sensor = 'press'", b"TFL3" * 99),
    "a model and the passport of another sensor": (SWAP + " where sequence = 2 and sensor = 'press'", "fan"),
    "no passport": ("update models set passport = ? where sequence = 2 and sensor = 'press'", None),
    "junk for a passport": ("update models set passport = ? where sequence = 2 and sensor = 'press'", b"{]"),
    "other weights": ("update models set weights = ? where sequence = 2 and sensor = 'press'", b"poison"),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_tampered_with_is_not_loaded_and_the_model_before_serves(
    tmp_path: Path, attack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
        serve(it, "press", 2, another())
        serve(it, "fan", 1)
    edit(tmp_path, *ATTACKS[attack])
    assert command(tmp_path, "passport", "press") == 1
    with gateway(tmp_path) as it:
        sensor = it.line.sensors["press"]
        assert sensor.model and sensor.model.digest == sha256(PRESS).digest()
        assert sensor.sequence == 3  # above what the sensor may have taken
        assert it.line.sensors["fan"].model
        told = [ledger.read(row) for row in ledger_table.rows(it.store._db)]
    assert [each["kind"] for each in told[-2:]] == ["rejected", "rollback"] and "of press has" in told[-2]["reason"]
    assert command(tmp_path, "passport", "press") == 0 and "holds" in capsys.readouterr().out
    assert command(tmp_path, "ledger", "verify") == 0


def test_a_sensor_without_a_model_to_trust_is_learnt_anew(tmp_path: Path) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 7)
        for n in range(240):
            it.store.windows.add("press", float(n), bytes(family().recipe.length), None)
        it.store.windows.write(it.store.windows.take_pending())
    edit(tmp_path, "update models set passport = null")
    with gateway(tmp_path) as it:
        sensor = it.line.sensors["press"]
        assert sensor.model is None and sensor.ready_to_learn and sensor.sequence == 7


def forged(key: keys.Key, sensor: str = "press") -> bytes:
    with_right_name = attestation.Passports("gw", family(), key, lambda: [key.public])
    return with_right_name.issue(sensor, candidate(), None, {}, 0.0)


def test_a_passport_under_another_key_is_none(tmp_path: Path) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    edit(tmp_path, "update models set passport = ?", forged(keys.Key(bytes(32))))
    assert digest_in_service(tmp_path, "press") is None


def test_passports_outlive_rotations_of_the_key_but_not_its_revocation(tmp_path: Path) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    first = keystore.load(tmp_path).public
    for _ in range(3):
        keystore.rotate(tmp_path, "gw", until=0)
    assert keystore.lineage(tmp_path, "gw")[-1] == first and len(keystore.lineage(tmp_path, "gw")) == 4
    assert keystore.lineage(tmp_path, "other") == [keystore.load(tmp_path).public]
    assert digest_in_service(tmp_path, "press") == sha256(PRESS).digest()
    assert command(tmp_path, "ledger", "verify") == 0
    Trust(tmp_path, {}).revoke(first)
    assert digest_in_service(tmp_path, "press") is None
    assert command(tmp_path, "ledger", "verify") == 0  # what was said then was said


def test_models_of_an_older_gateway_are_vouched_for_once(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.sensors.save_hello("press", {})
        store.models.save(StoredModel("press", 1, 1000.0, PRESS, b"", b"", 0))
    with closing(sqlite3.connect(tmp_path / database.NAME)) as db, db:
        db.executescript(
            "alter table models drop column passport; drop table ledger; drop table heads;"
            "alter table models drop column receipt; alter table models drop column material;"
            'alter table alerts rename column value to score; alter table alerts rename column "limit" to threshold;'
            "alter table alerts rename column worst to top_score; alter table alerts drop column cause;"
            "alter table knowledge drop column sums; alter table copies drop column sums;"
            "alter table copies drop column signer; alter table copies drop column copied;"
            "alter table alerts drop column tags; alter table alerts drop column lesson; pragma user_version = 3"
        )
    with gateway(tmp_path) as it:
        assert it.line.sensors["press"].model
        stored = it.store.models.last("press")
        assert stored and it.parts.passports.check(stored).note == attestation.INHERITED
        it.store.models.save(replace(stored, sequence=2, passport=None))
    assert digest_in_service(tmp_path, "press") == sha256(PRESS).digest()  # number 1: 2 came without, and too late


def test_a_database_that_was_put_back_is_known_and_entered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    backup = tmp_path / "backup.db"
    database.back_up(tmp_path, backup)
    with gateway(tmp_path) as it:
        serve(it, "press", 2, another())
    for suffix in ("-wal", "-shm"):
        (tmp_path / f"{database.NAME}{suffix}").unlink(missing_ok=True)
    backup.replace(tmp_path / database.NAME)
    assert command(tmp_path, "ledger", "verify") == 1
    assert "entry 3, which was published, is missing" in capsys.readouterr().err
    with gateway(tmp_path) as it:
        assert ledger.read(list(ledger_table.rows(it.store._db))[-1])["kind"] == "restored"
    assert "put back" in capsys.readouterr().err and command(tmp_path, "ledger", "verify") == 0


def test_a_spoilt_note_of_what_was_published_stops_nobody_and_vouches_for_nothing(tmp_path: Path) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    edit(tmp_path, "update models set passport = null")
    (tmp_path / ledger_table.FILE).write_bytes(b"")
    assert command(tmp_path, "ledger", "verify") == 2
    with gateway(tmp_path) as it:
        assert it.line.sensors["press"].model is None
        told = [ledger.read(row)["kind"] for row in ledger_table.rows(it.store._db)]
    assert told == ["begun", "service", "restored", "rejected"]
    assert command(tmp_path, "ledger", "verify") == 0


def test_a_machine_whose_model_was_rejected_may_learn_the_very_same_again(tmp_path: Path) -> None:
    async def story() -> None:
        with gateway(tmp_path) as it:
            serve(it, "press", 1)
        edit(tmp_path, "update models set passport = null")
        with gateway(tmp_path) as it:
            await it.parts.model_rollout.renew(it.line.sensors["press"], candidate(), {})
            sensor = it.line.sensors["press"]
            assert sensor.model and sensor.model.digest == sha256(PRESS).digest() and sensor.sequence == 2

    asyncio.run(story())


def test_a_model_that_was_never_entered_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
        serve(it, "press", 2, another())
    edit(tmp_path, "delete from models where sequence = 2")
    assert command(tmp_path, "ledger", "verify") == 1
    assert "newest model of press is not the one that was entered" in capsys.readouterr().err


def test_a_rollback_takes_its_passport_along(tmp_path: Path) -> None:
    async def story() -> None:
        with gateway(tmp_path) as it:
            serve(it, "press", 1)
            serve(it, "press", 2, another())
        with gateway(tmp_path) as it:
            assert await it.parts.model_rollout.rollback(it.line.sensors["press"]) == 3
        assert digest_in_service(tmp_path, "press") == sha256(PRESS).digest()

    asyncio.run(story())


def test_a_sensor_s_engine_would_refuse_so_does_the_gateway(tmp_path: Path) -> None:
    foreign = drawn(
        "ADD", ("model.operatorCodes[0].builtinCode", 5), ("model.operatorCodes[0].deprecatedBuiltinCode", 5)
    )
    with pytest.raises(DeployError, match=r"DEPTH_TO_SPACE\).*not supported"):
        attestation.operators(foreign, "it")
    with pytest.raises(DeployError, match=r"not a \.tflite"):
        attestation.operators(b"junk", "it")
    with gateway(tmp_path) as it, pytest.raises(DeployError, match="a sensor takes"):
        it.parts.passports.check(replace(serve(it, "press", 1), tflite=bytes(70_000)))


def test_a_passport_is_shown_by_sensor_digest_and_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with gateway(tmp_path) as it:
        serve(it, "press", 1)
    (tmp_path / "model.tflite").write_bytes(PRESS)
    digest = sha256(PRESS).hexdigest()
    for what in ("press", digest, digest[:12], str(tmp_path / "model.tflite")):
        assert command(tmp_path, "passport", what) == 0
        shown = capsys.readouterr().out
        assert digest in shown and "4 FULLY_CONNECTED" in shown and "tested on 60" in shown
    assert command(tmp_path, "passport", "--json", "press") == 0
    envelope = capsys.readouterr().out
    (tmp_path / "press.json").write_text(envelope)
    assert command(tmp_path, "passport", str(tmp_path / "press.json")) == 0
    (tmp_path / "press.json").write_bytes(forged(keys.Key(bytes(32))))
    assert command(tmp_path, "passport", str(tmp_path / "press.json")) == 1
    assert command(tmp_path, "passport", "nobody") == 2
    assert passport.verify(envelope.encode(), [keystore.load(tmp_path).public]).maker.gateway == "gw"


def test_the_ledger_says_who_contributed_what_and_what_it_was_worth(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with gateway(tmp_path) as it:
        nothing = np.zeros(1, np.float32)
        merged = Merged(nothing, {"hall2": 0.25}, {"hall3": "loss 9"}, {"hall2": 0.5})
        peers = {"hall2": Peer(nothing, 1, sequence=12, digest="ab" * 32), "hall3": Peer(nothing, 1)}
        it.store.enter(*entries.merge(merged, peers, family().id))
        it.store.enter(Entry(ledger.TAKEN, "hall2", sequence=12))
    capsys.readouterr()
    assert command(tmp_path, "ledger", "export", "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    told = [
        (each["kind"], each["gateway"], each["sequence"], each["share"], each["worth"], each["reason"]) for each in rows
    ]
    assert told[1:3] == [("merged", "hall2", "12", "0.25", "0.5", ""), ("left out", "hall3", "", "", "", "loss 9")]
    assert command(tmp_path, "ledger", "export") == 0
    assert [json.loads(line)["kind"] for line in capsys.readouterr().out.splitlines()][1:] == [
        "merged",
        "left out",
        "taken",
    ]
    assert command(tmp_path, "ledger", "show") == 0
    assert capsys.readouterr().out.splitlines()[1].split() == ["hall2", "0", "1", "0", "1", "0", "0", "0.5"]


def _enter_for_ever(folder: str, told: object) -> None:
    """In a process that will be killed: says each number only when it is on disk."""
    with Store(Path(folder)) as store:
        table = store.begin_ledger("gw", keystore.load(Path(folder)), time.time)
        while True:
            store.replicas.keep_peer("hall2", "f", 1, b"", None, Entry(ledger.GIVEN, "gw", sequence=1))
            told.send(table.last()[0])  # type: ignore[attr-defined]


def test_kill_9_leaves_a_whole_chain_with_all_that_was_entered(tmp_path: Path) -> None:
    context, last = multiprocessing.get_context("spawn"), 0
    for kill_after in (1, 7, 30):
        mine, theirs = context.Pipe()
        process = context.Process(target=_enter_for_ever, args=(str(tmp_path), theirs))
        process.start()
        theirs.close()  # so that a process that ends by itself is an error, not a wait without end
        for _ in range(kill_after):
            last = mine.recv()
        process.kill()
        process.join()
        with suppress(EOFError):  # which comes after what was sent before it was killed
            while mine.poll():
                last = mine.recv()
        mine.close()
        with Store(tmp_path) as store:
            found = ledger.verify("gw", ledger_table.rows(store._db), [keystore.load(tmp_path).public])
        assert not found.faults and found.entries in (last, last + 1)


FORBIDDEN = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib"}


@pytest.mark.parametrize("folder", ["gateway", "firmware"])
def test_nothing_is_ever_unpickled_or_evaluated(folder: str) -> None:
    """Processes of our own that talk by `multiprocessing` pickle among themselves; no byte from outside goes there."""
    files = list((ROOT / folder).rglob("*.py"))
    assert len(files) > 30
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            named += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            called = node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
            loads = isinstance(node, ast.keyword) and node.arg == "allow_pickle"
            assert not {name.split(".")[0] for name in named} & FORBIDDEN, f"{file}:{node.lineno}"
            assert called not in ("eval", "exec") and not loads, f"{file}: {called or 'allow_pickle'}"
