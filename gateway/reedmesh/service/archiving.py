"""What a gateway puts into the archive by itself: its models, the head of its ledger, and sealed backups."""

import asyncio
import io
import json
import logging
import tarfile
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from reedmesh import atomic_file
from reedmesh.archive import sealed
from reedmesh.archive.coded import Wanted
from reedmesh.archive.manifest import DAY
from reedmesh.archive.node import Archive
from reedmesh.config.settings import Config
from reedmesh.errors import ConfigError, DiskError, RefusedError
from reedmesh.identity import keystore
from reedmesh.protocol.shards import MAX_LENGTH
from reedmesh.provenance import ledger
from reedmesh.store import backup
from reedmesh.store.models import StoredModel
from reedmesh.store.writer import Disk

log = logging.getLogger(__name__)

LOOK_SECONDS = 60.0
SOON = 3600.0  # seconds between a new model and the backup that has it, at least, after another backup
RECOVERY = "recovery"  # in the state directory: public key and proof key of the paper, 32 bytes each
BULK = ("windows", "journal", "outbox", "calls", "parts")  # that a backup in the archive does without
LARGEST_CONFIG = 1 << 20


def recovery(state: Path) -> tuple[bytes, bytes] | None:
    """Public key and proof key of the paper that was printed last; None without one."""
    try:
        found = atomic_file.read(state / RECOVERY, 65)
    except OSError:
        return None
    return (found[:32], found[32:]) if len(found) == 64 else None


class Contents:
    """Of one gateway. file: its configuration, None where that is not known. clock: s since 1970."""

    def __init__(
        self, config: Config, archive: Archive, disk: Disk, sensors: Callable[[], list[str]], clock: Callable[[], float]
    ) -> None:
        self.file: Path | None = None
        self._config, self._archive, self._disk = config, archive, disk
        self._sensors, self._clock = sensors, clock
        self._state = Path(config.state)
        self._backed_up = 0.0
        self._news = False  # models since the last backup
        self._trouble = ""  # why nothing was put the last time

    async def run(self) -> None:
        """Put what is new, until cancelled."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            await self.look()

    async def look(self) -> None:
        """Put what is new now; what cannot be placed is tried again."""
        try:
            if self._config.archive.days:
                await self._put_models()
                await self._put_head()
            since = self._clock() - self._newest("backup")
            if self._config.archive.backup_days and (since >= DAY or (self._news and since >= SOON)):
                await self.back_up()
            self._trouble = ""
        except (RefusedError, DiskError, ConfigError) as error:
            if str(error) != self._trouble:  # not once a minute
                log.warning("%s", error)
            self._trouble = str(error)

    async def back_up(self) -> str:
        """Put a sealed backup; returns the id of its object. Raises RefusedError without a recovery code."""
        found = recovery(self._state)
        if not found:
            raise RefusedError("archive: no recovery code yet: `reedmesh archive paper` prints one")
        content = await asyncio.to_thread(self._backup, found[1])
        placed = await self._archive.objects.put(
            content, self._wanted("backup", "backup", self._config.archive.backup_days)
        )
        self._news = False
        return placed.manifest.id.hex()

    def readers(self) -> list[X25519PublicKey]:
        """Who opens what is sealed here: our keys, and the recovery code if there is one."""
        own = [each.opens.public_key() for each in (keystore.load(self._state), keystore.previous(self._state)) if each]
        found = recovery(self._state)
        return own + ([X25519PublicKey.from_public_bytes(found[0])] if found else [])

    async def _put_models(self) -> None:
        known = self._labels("model")
        for sensor in self._sensors():
            stored = await self._disk.once(self._disk.store.models.last, sensor)
            if stored and (label := f"{sensor} {stored.sequence}") not in known:
                await self._archive.objects.put(_model(stored), self._wanted(label, "model", self._config.archive.days))
                self._news = True

    async def _put_head(self) -> None:
        table = self._disk.store.ledger
        if not table or self._clock() - self._newest("head") < DAY:
            return
        if head := await self._disk.once(table.head):
            content = ledger.pack_checkpoint(replace(head, before=head.hash, tail=()))
            await self._archive.objects.put(
                content, self._wanted(f"entry {head.number}", "head", self._config.archive.days)
            )

    def _backup(self, proof: bytes) -> bytes:
        """On a thread: the sealed content."""
        name = self._config.name
        config = atomic_file.read(self.file, LARGEST_CONFIG) if self.file and self.file.is_file() else b""
        with tempfile.TemporaryDirectory(dir=self._state, prefix=".archive-") as folder:
            path = Path(folder) / "backup.tar"
            backup.make(path, self._state, name, without=BULK)
            content = sealed.pack_backup(config, path.read_bytes(), proof)
        if len(content) > MAX_LENGTH - 4096:
            raise RefusedError(
                f"archive: a backup of {len(content)} bytes is more than 16 MiB: `reedmesh backup` instead"
            )
        return sealed.seal(content, name, "backup", self.readers())

    def _wanted(self, label: str, kind: str, days: int) -> Wanted:
        return Wanted(label, kind, int(self._clock() // DAY) + days + 1)

    def _own(self, kind: str) -> list[tuple[str, int]]:
        """Label and time of our objects of a kind."""
        known = self._archive.site.shelf.manifests.values()
        return [(it.label, it.made) for it in known if it.owner == self._config.name and it.kind == kind]

    def _labels(self, kind: str) -> set[str]:
        return {label for label, _ in self._own(kind)}

    def _newest(self, kind: str) -> float:
        return max((made for _, made in self._own(kind)), default=0.0)


def _model(it: StoredModel) -> bytes:
    """A model with its passport and the receipts of its training, as a tar."""
    about = {"sensor": it.sensor, "sequence": it.sequence, "made": it.made, "trial_score": it.trial_score}
    parts = {
        "about.json": json.dumps(about).encode(),
        "model.tflite": it.tflite,
        "passport.json": it.passport or b"",
        "receipts.jsonl": it.receipt or b"",
    }
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, data in parts.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()
