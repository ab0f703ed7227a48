"""A backup in one file: the database and all that lies beside it in the state directory, each by its SHA-256.

A tar, whose first member is manifest.json: the gateway's name, the program's version, when it was made, and the digest
of each file. A restore checks all of it before it writes anything, and forgets no revocation: keys and sensors that
were revoked since stay so, and the head of the ledger that was published since stays known.
"""

import io
import json
import sqlite3
import tarfile
import time
from collections.abc import Collection, Iterator
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import IO, Any

from reedmesh import __version__, atomic_file
from reedmesh.errors import ConfigError
from reedmesh.identity.sensor_keys import REVOKED
from reedmesh.identity.trust_store import FILE as TRUST
from reedmesh.identity.trust_store import Known, Trust
from reedmesh.store import database, standby

MANIFEST = "manifest.json"
PUBLIC = (TRUST, "succession", "ledger.head", "credential", "credential.previous", "forks/*.proof")
SECRET = ("key", "key.previous", "key.next", "broker", "sensors/*", "pki/*", "neighbours/*", "recovery")
FOLDERS = ("sensors", "pki", "forks", "neighbours")  # of these
DAILY = "daily.tar"  # in the state directory: for a damaged database, not for a lost card
BULK = ("windows", "alerts", "journal", "outbox", "calls", "merges", "ledger")  # that a daily copy does without
MOST_FILES = 10_000
CHUNK = 1 << 20


def make(target: Path, state: Path, name: str, secrets: bool = True, without: Collection[str] = ()) -> dict[str, Any]:
    """Write the backup of the gateway `name`, perhaps running, to the new file `target`; returns its manifest.

    secrets: with private keys and passwords. without: these tables of the database. Raises ConfigError.
    """
    try:
        target.touch(0o600, exist_ok=False)
        with target.open("r+b") as file, closing(_copied(state, target, without)) as db:
            found = {
                database.NAME: _digest(db),
                **{each: _digest(io.BytesIO(data)) for each, data in _files(state, secrets)},
            }
            manifest = {"gateway": name, "reedmesh": __version__, "made": round(time.time()), "files": found}
            with tarfile.open(fileobj=file, mode="w") as tar:
                _add(tar, MANIFEST, io.BytesIO(json.dumps(manifest, indent=1).encode()))
                _add(tar, database.NAME, db)
                for each, data in _files(state, secrets):
                    _add(tar, each, io.BytesIO(data))
    except FileExistsError as error:
        raise ConfigError(f"{target} exists: give the backup a new name") from error
    except (sqlite3.Error, OSError) as error:
        target.unlink(missing_ok=True)
        raise ConfigError(f"{state} cannot be copied to {target}: {error}") from error
    verify(target)
    return manifest


def daily(state: Path, name: str) -> None:
    """Replace the copy of today by one of models, keys and heads, once it is known to be whole; raises ConfigError."""
    draft = state / f"{DAILY}.new"
    draft.unlink(missing_ok=True)
    make(draft, state, name, without=BULK)
    rehearse(draft)
    atomic_file.move(draft, DAILY)


def verify(path: Path) -> dict[str, Any]:
    """The manifest of a backup, each of whose files is what it says; raises ConfigError with what is wrong."""
    try:
        with tarfile.open(path) as tar:
            manifest = _manifest(tar)
            for name, digest in manifest["files"].items():
                member = tar.extractfile(name)
                if member is None or _digest(member) != digest:
                    raise ConfigError(f"{path}: {name} is damaged: take an older backup")
            return manifest
    except (tarfile.TarError, OSError, KeyError, ValueError, TypeError, AttributeError, EOFError) as error:
        raise ConfigError(f"{path}: no backup of a gateway, or damaged: {error}") from error


def restore(path: Path, state: Path) -> dict[str, Any]:
    """Put the backup in place; the database that is there is kept aside. Returns its manifest; raises ConfigError.

    What was revoked since the backup was made stays revoked. The gateway must not run.
    """
    manifest = verify(path)
    _stand_still(state)
    with tarfile.open(path) as tar:
        for name in manifest["files"]:
            member = tar.extractfile(name)
            assert member
            if name == TRUST:
                _restore_trust(state, member.read())
            elif not _was_revoked(state, name) and not (name == "ledger.head" and (state / name).exists()):
                atomic_file.copy(state / name, iter(lambda: member.read(CHUNK), b""))  # noqa: B023
    return manifest


def rehearse(path: Path) -> int:
    """Open the database of a backup as a restore would, in memory; returns its number of models; raises ConfigError."""
    verify(path)
    with tarfile.open(path) as tar, closing(sqlite3.connect(":memory:")) as db:
        member = tar.extractfile(database.NAME)
        assert member
        try:
            db.deserialize(member.read())
            if (found := db.execute("pragma quick_check(1)").fetchone()[0]) != "ok":
                raise ConfigError(f"{path}: its database is damaged: {found}")
            return int(db.execute("select count(*) from models").fetchone()[0])
        except sqlite3.Error as error:
            raise ConfigError(f"{path}: its database cannot be opened: {error}") from error


def _copied(state: Path, target: Path, without: Collection[str]) -> IO[bytes]:
    """The database as it is now, checked."""
    if without:
        with (
            closing(database.reader(state)) as source,
            closing(standby.copied(source, state / database.NAME, without)) as memory,
        ):
            return io.BytesIO(memory.serialize())
    aside = target.with_name(f".{target.name}.db")
    aside.touch(0o600)
    try:
        with closing(database.reader(state)) as source, closing(sqlite3.connect(aside)) as copy:
            source.backup(copy)
            copy.execute("pragma journal_mode = delete")  # a copy has no log beside it
        return aside.open("rb")
    finally:
        aside.unlink()  # it stays readable until it is closed


def _files(state: Path, secrets: bool) -> Iterator[tuple[str, bytes]]:
    for pattern in (*PUBLIC, f"sensors/*{REVOKED}", *(SECRET if secrets else ())):
        for path in sorted(state.glob(pattern)):
            if path.is_file() and not path.is_symlink() and (not path.name.startswith(".")):
                if pattern == "sensors/*" and path.name.endswith(REVOKED):
                    continue
                yield str(path.relative_to(state)), path.read_bytes()


def _add(tar: tarfile.TarFile, name: str, content: IO[bytes]) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = content.seek(0, 2), 0o600, int(time.time())
    content.seek(0)
    tar.addfile(member, content)


def _digest(content: IO[bytes]) -> str:
    content.seek(0)
    digest = sha256()
    while data := content.read(CHUNK):
        digest.update(data)
    return digest.hexdigest()


def _manifest(tar: tarfile.TarFile) -> dict[str, Any]:
    first = tar.next()
    if not first or first.name != MANIFEST or first.size > 1 << 22:
        raise ValueError(f"it does not begin with {MANIFEST}")
    content = tar.extractfile(first)
    assert content
    manifest: dict[str, Any] = json.loads(content.read())
    wrong = [name for name in manifest["files"] if not _is_ours(name)]
    if wrong or len(manifest["files"]) > MOST_FILES or database.NAME not in manifest["files"]:
        raise ValueError(f"it lists {', '.join(wrong[:3]) or 'no database'}")
    return manifest


def _is_ours(name: str) -> bool:
    path = Path(name)
    known = {database.NAME, *PUBLIC, *SECRET}
    return name in known or (len(path.parts) == 2 and path.parts[0] in FOLDERS and ".." not in path.parts)


def _stand_still(state: Path) -> None:
    """Keep the database aside that is there; raises ConfigError when a gateway uses it."""
    path = state / database.NAME
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=0.1)) as db:
            db.execute("pragma locking_mode = exclusive")
            db.execute("begin exclusive")
            db.rollback()
    except sqlite3.OperationalError as error:
        raise ConfigError(f"{path}: {error}: systemctl stop reedmesh first") from error
    except sqlite3.DatabaseError:
        pass  # it is damaged: that is why somebody restores
    stamp = int(time.time())
    for end in ("", "-wal", "-shm"):
        if (part := path.with_name(path.name + end)).exists():
            atomic_file.move(part, f"{database.NAME}.before-{stamp}{end}")


def _restore_trust(state: Path, text: bytes) -> None:
    """The list that is there stays, for it is newer, and what the backup has revoked is revoked, too."""
    try:
        told = Known(**json.loads(text))
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{TRUST} in the backup: {error}") from error
    if not (state / TRUST).exists():
        atomic_file.write(state / TRUST, text)
        return
    trust = Trust(state, {})
    for key in set(told.revoked) - set(trust.known().revoked):
        trust.revoke(bytes.fromhex(key))


def _was_revoked(state: Path, name: str) -> bool:
    return name.startswith("sensors/") and (state / f"{name}{REVOKED}").exists()
