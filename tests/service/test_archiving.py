"""What a gateway archives by itself, and what the requests of the archive do."""

import asyncio
import base64
import io
import sqlite3
import tarfile
from pathlib import Path

import pytest

from reedmesh.archive import sealed
from reedmesh.archive.paper import Paper
from reedmesh.config.settings import Archive as Settings
from reedmesh.config.settings import Config
from reedmesh.errors import RefusedError
from reedmesh.identity import keystore
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.service.archiving import RECOVERY, Contents
from reedmesh.service.requests.archive_requests import IN, OUT, ArchiveRequests, Recovering
from reedmesh.service.requests.arguments import Arguments
from reedmesh.store import database
from reedmesh.store.models import StoredModel
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from tests.support.archives import Network, network

PAPER = Paper("g0", bytes(16), ())


def contents(it: Network, folder: Path, disk: Disk, settings: Settings | None = None) -> Contents:
    config = Config("g0", str(folder), archive=settings or Settings(megabytes=10))
    made = Contents(config, it.nodes["g0"], disk, lambda: ["press"], it.clock)
    made.file = folder / "reedmesh.toml"
    made.file.write_text('name = "g0"\n')
    return made


def kinds(it: Network) -> list[str]:
    """Kinds of the objects that another gateway knows."""
    return sorted(each.kind for each in it.nodes["g1"].site.shelf.manifests.values())


def test_models_heads_and_backups_are_archived_once_and_no_reading_in_the_open(tmp_path: Path) -> None:
    async def story() -> None:
        async with network(tmp_path, 3) as it:
            folder = tmp_path / "g0"
            store = Store(folder)
            store.begin_ledger("g0", keystore.load(folder), it.clock)
            store.models.save(StoredModel("press", 3, 5.0, b"tflite" * 99, b"", b"", 0, b"passport", b"receipt"))
            store.windows.write([("press", 5.0, b"a reading" * 20, 1)])
            disk = Disk(store)
            made = contents(it, folder, disk)
            try:
                await made.look()
                await it.settle()
                assert kinds(it) == ["model"], "there is no recovery code yet"
                (folder / RECOVERY).write_bytes(PAPER.public + PAPER.proof)
                for _ in range(2):
                    await made.look()
                    await it.settle()
                    assert kinds(it) == ["backup", "model"]
                await it.step(86_401)
                store.enter(Entry(ledger.BEGUN))
                await made.look()
                await it.settle()
                assert kinds(it) == ["backup", "backup", "head", "model"]
                known = it.nodes["g1"].site.shelf.manifests.values()
                newest = max((each for each in known if each.kind == "backup"), key=lambda each: each.made)
                content = await it.nodes["g2"].objects.get(newest.id)
                assert b"a reading" not in content and b"tflite" not in content, "it is sealed"
                _check_backup(sealed.unseal(content, "g0", "backup", [PAPER.opens]))
            finally:
                disk.close()

    asyncio.run(story())


def _check_backup(content: bytes) -> None:
    config, file = sealed.unpack_backup(content, PAPER.proof)
    assert config == b'name = "g0"\n'
    with tarfile.open(fileobj=io.BytesIO(file)) as tar:
        names = tar.getnames()
        assert {"key", RECOVERY, database.NAME} <= set(names)
        member = tar.extractfile(database.NAME)
        assert member
        db = sqlite3.connect(":memory:")
        db.deserialize(member.read())
        assert db.execute("select count(*) from models").fetchone() == (1,)
        assert db.execute("select count(*) from windows").fetchone() == (0,)
        db.close()


def test_a_file_is_sealed_unless_it_is_public_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    async def story() -> None:
        async with network(tmp_path, 3) as it:
            folder = tmp_path / "g0"
            disk = Disk(Store())
            ask = ArchiveRequests(it.nodes["g0"], contents(it, folder, disk), folder)
            for kind, label in (("file", "mine"), ("recording", "public")):
                (folder / IN).mkdir(exist_ok=True)
                (folder / IN / "one").write_bytes(b"of the press")
                about = {"file": "one", "kind": kind, "label": label, "days": 3, "by": "Ana"}
                told = await ask.put(Arguments(about))
                assert told["margin"] == 2 and told["holders"] == ["g0", "g1", "g2"]
                assert not (folder / IN / "one").exists()
                found = await ask.get(Arguments({"object": label}))
                assert Path(found["file"]).read_bytes() == b"of the press"
                assert Path(found["file"]).parent == folder / OUT
            await it.settle()
            other = ArchiveRequests(it.nodes["g1"], contents(it, tmp_path / "g1", disk), tmp_path / "g1")
            assert (await other.get(Arguments({"object": "public"})))["bytes"] == 12
            with pytest.raises(RefusedError, match="not for this gateway"):
                await other.get(Arguments({"object": "mine"}))
            for wrong in ({"kind": "backup"}, {"file": "../../key"}, {"file": "none"}, {"by": ""}):
                with pytest.raises(RefusedError):
                    await ask.put(Arguments(about | wrong))
            disk.close()

    asyncio.run(story())


def test_a_replacement_gets_backups_piece_by_piece_newest_first_and_nothing_else(tmp_path: Path) -> None:
    async def story() -> None:
        async with network(tmp_path, 2) as it:
            folder = tmp_path / "g0"
            (folder / RECOVERY).write_bytes(PAPER.public + PAPER.proof)
            store = Store(folder)
            disk = Disk(store)
            made = contents(it, folder, disk)
            for _ in range(2):
                await made.back_up()
                await it.settle()
            answer = Recovering(it.nodes["g1"], it.clock).answer
            told = await answer(Arguments({"gateway": "g0"}))
            older = await answer(Arguments({"gateway": "g0", "older": 1}))
            assert told["made"] > older["made"] and told["id"] != older["id"]
            whole = base64.b64decode(told["piece"])
            assert len(whole) == told["bytes"]
            rest = await answer(Arguments({"gateway": "g0", "offset": 1000}))
            assert base64.b64decode(rest["piece"]) == whole[1000:]
            for wrong in ({"gateway": "g1"}, {"gateway": "g0", "older": 2}, {}):
                with pytest.raises(RefusedError):
                    await answer(Arguments(wrong))
            with pytest.raises(RefusedError, match="too many"):
                for _ in range(400):
                    await answer(Arguments({"gateway": "g0"}))
            disk.close()

    asyncio.run(story())
