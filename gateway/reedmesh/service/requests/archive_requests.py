"""The requests of the archive: its state, objects put and got by files, audits, and `recover` for a replaced gateway.

A request has 4 KiB, so content goes through files of the state directory: `archive.in/<name>` to put, which is deleted
then, and `archive.out/<id>` for what was got.
"""

import asyncio
import base64
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reedmesh import atomic_file
from reedmesh.archive import forgetting, sealed
from reedmesh.archive.coded import Wanted
from reedmesh.archive.manifest import DAY, ID, KINDS, LONGEST_LABEL, MOST_KEYS, SEALED, Manifest
from reedmesh.archive.node import Archive
from reedmesh.archive.shelf import LONGEST_TOMB
from reedmesh.errors import RefusedError, WireError
from reedmesh.identity import keys, keystore
from reedmesh.protocol.shards import MAX_LENGTH
from reedmesh.protocol.wire import is_name
from reedmesh.service.archiving import Contents
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.server import RequestServer
from reedmesh.token_bucket import TokenBucket

log = logging.getLogger(__name__)

IN, OUT = "archive.in", "archive.out"  # folders in the state directory
MOST_TOLD = 200  # objects in an answer, the newest
PIECE = 65_536  # bytes of an object in one answer to `recover`
PIECES, PIECES_AT_ONCE = 20.0, 300.0  # a second, and at once
KEPT_SECONDS = 600.0  # that what is recovered is kept in memory between two pieces
VERBS = (
    "archive",
    "archive-put",
    "archive-get",
    "archive-object",
    "archive-audit",
    "archive-backup",
    "archive-forget",
    "recover",
)
NONE = "this gateway takes no part in the archive: [archive] megabytes"


def add_archive(requests: RequestServer, archive: Archive | None, contents: Contents | None, state: Path) -> None:
    """Have `requests` answer for the archive; without one they say so."""
    if not archive or not contents:
        for verb in VERBS:
            requests.add(verb, _nothing)
        return
    made = ArchiveRequests(archive, contents, state)
    requests.add("archive", made.table)
    requests.add("archive-put", made.put)
    requests.add("archive-get", made.get)
    requests.add("archive-object", made.object)
    requests.add("archive-forget", made.forget)
    requests.add("archive-audit", made.audit)
    requests.add("archive-backup", made.backup)
    requests.add("recover", Recovering(archive).answer)


async def _nothing(given: Arguments) -> dict[str, Any]:
    del given
    raise RefusedError(NONE)


class ArchiveRequests:
    """Of the gateway whose state directory is `state`."""

    def __init__(self, archive: Archive, contents: Contents, state: Path) -> None:
        self._archive, self._contents, self._state = archive, contents, state

    async def table(self, given: Arguments) -> dict[str, Any]:
        """{}: the newest objects, the holders, and how many objects there are."""
        del given
        return await asyncio.to_thread(self._archive.table, MOST_TOLD)

    async def put(self, given: Arguments) -> dict[str, Any]:
        """{file, label, kind, days, by}: puts the file from `archive.in`; kinds that are for us alone are sealed."""
        file, kind, who = given.some_text("file", 32), given.some_text("kind", 16), given.who()
        label, days = given.some_text("label", LONGEST_LABEL), int(given.number("days", 0, 36_500))
        if kind not in ("file", "recording") or not is_name(file):
            raise RefusedError(f"kind: file or recording, of {', '.join(KINDS)}; file: a name in {IN}")
        path = self._state / IN / file
        try:
            content = atomic_file.read(path, MAX_LENGTH + 1)
        except OSError as error:
            raise RefusedError(f"{path}: {error.strerror}") from error
        finally:
            path.unlink(missing_ok=True)
        try:
            if kind in SEALED:
                content = sealed.seal(content, self._archive.site.name, kind, self._contents.readers())
            until = int(self._archive.site.clock() // DAY) + days + 1 if days else 0
            placed = await self._archive.objects.put(content, Wanted(label, kind, until, *_keys(given)))
        except WireError as error:
            raise RefusedError(str(error)) from error
        log.warning("archive: %s put %r, %d bytes", who, label, len(content))
        it = placed.manifest
        told = {"id": it.id.hex(), "k": it.shape.k, "n": it.n, "holders": sorted(set(placed.holders.values()))}
        return told | {"refusals": placed.refusals, "margin": self._archive.site.margin(it)}

    async def get(self, given: Arguments) -> dict[str, Any]:
        """{object}: writes an object, named by the begin of its id or by its label, to `archive.out`."""
        it = self._found(given.some_text("object", LONGEST_LABEL))
        content = await self._archive.objects.get(it.id)
        if it.kind in SEALED:
            own = [each.opens for each in (keystore.load(self._state), keystore.previous(self._state)) if each]
            try:
                content = sealed.unseal(content, it.owner, it.kind, own)
            except WireError as error:
                raise RefusedError(f"{it.label!r} of {it.owner}: {error}") from error
        path = self._state / OUT / it.id.hex()
        await self._archive.site.disk(atomic_file.write, path, content)
        return {"id": it.id.hex(), "label": it.label, "file": str(path), "bytes": len(content)}

    async def object(self, given: Arguments) -> dict[str, Any]:
        """{object}: one object, and the keys of those who may agree to its deletion."""
        it = self._found(given.some_text("object", LONGEST_LABEL))
        keys = [key.hex() for key in it.keys]
        return {"id": it.id.hex(), "label": it.label, "owner": it.owner, "quorum": it.quorum, "keys": keys}

    async def forget(self, given: Arguments) -> dict[str, Any]:
        """{order}: deletes an object, here and, as they hear of it, everywhere."""
        try:
            order = bytes.fromhex(given.some_text("order", 2 * LONGEST_TOMB))
            await forgetting.obey(self._archive.site, order)
        except (ValueError, WireError) as error:
            raise RefusedError(str(error)) from error
        return {"id": order[:ID].hex()}

    async def audit(self, given: Arguments) -> dict[str, Any]:
        """{}: audits every neighbour and a part of our own shards now; the state after that."""
        del given
        await self._archive.keeper.audit()
        return await asyncio.to_thread(self._archive.table, MOST_TOLD)

    async def backup(self, given: Arguments) -> dict[str, Any]:
        """{}: puts a sealed backup of this gateway now."""
        del given
        return {"id": await self._contents.back_up()}

    def _found(self, text: str) -> Manifest:
        """The object whose id begins so, or the newest of that label."""
        known = sorted(self._archive.site.shelf.manifests.values(), key=lambda it: it.made, reverse=True)
        if not (found := [it for it in known if it.label == text or it.id.hex() == text]):
            found = [it for it in known if it.id.hex().startswith(text)]
            if len(found) > 1:
                raise RefusedError(f"object: {len(found)} begin with {text}: more digits")
        if not found:
            raise RefusedError(f"object: none has the id or the label {text!r}: `reedmesh archive list`")
        return found[0]


def _keys(given: Arguments) -> tuple[int, tuple[bytes, ...]]:
    """How many of which keys may delete an object; raises RefusedError."""
    try:
        found = tuple(map(keys.read_public, given.text("keys", 65 * MOST_KEYS).split()))
    except ValueError as error:
        raise RefusedError("keys: 64 of 0-9 a-f each, as `reedmesh keys show` prints them") from error
    return int(given.number("quorum", 1 if found else 0, len(found), len(found))), found


class Recovering:
    """Hands backups of a neighbour to its replacement, piece by piece. They are sealed, so anybody may have them."""

    def __init__(self, archive: Archive, steady: Callable[[], float] = time.monotonic) -> None:
        self._archive, self._steady = archive, steady
        self._bucket = TokenBucket(PIECES, PIECES_AT_ONCE)
        self._kept: tuple[bytes, bytes, float] | None = None

    async def answer(self, given: Arguments) -> dict[str, Any]:
        """{gateway, older, offset}: PIECE bytes from an offset on of its newest backup, or one so many older."""
        if not self._bucket.spend(self._steady()):
            raise RefusedError("too many at once: wait a second")
        name, older = given.some_text("gateway", 32), int(given.number("older", 0, 1000, 0))
        offset = int(given.number("offset", 0, MAX_LENGTH, 0))
        known = self._archive.site.shelf.manifests.values()
        found = sorted((it for it in known if it.owner == name and it.kind == "backup"), key=lambda it: -it.made)
        if older >= len(found):
            raise RefusedError(f"{name}: {len(found)} backups are known here")
        it = found[older]
        content = await self._content(it)
        piece = base64.b64encode(content[offset : offset + PIECE]).decode()
        return {"id": it.id.hex(), "made": it.made, "bytes": len(content), "sha256": it.sha256.hex(), "piece": piece}

    async def _content(self, it: Manifest) -> bytes:
        now = self._steady()
        if not self._kept or self._kept[0] != it.id or now > self._kept[2]:
            self._kept = it.id, await self._archive.objects.get(it.id), now + KEPT_SECONDS
        return self._kept[1]
