"""Data of jobs on disk, named by their SHA-256: a recording is fetched once, however many jobs work on it."""

import os
from hashlib import sha256
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import DiskError, WireError

FOLDER = "jobs"  # in the state directory


class Incoming:
    """Data that arrive from byte 0 on; raises WireError for what does not fit."""

    def __init__(self, digest: str, size: int) -> None:
        self.digest, self.size = digest, size
        self._parts = bytearray()

    @property
    def offset(self) -> int:
        """The next byte that is lacking."""
        return len(self._parts)

    def add(self, offset: int, part: bytes) -> bool:
        """Take a part; returns whether it was the next one."""
        if offset != self.offset or not part:
            return False
        if self.offset + len(part) > self.size:
            raise WireError(f"job: more than the {self.size} bytes that were said")
        self._parts += part
        return True

    def whole(self) -> bytes | None:
        """All of them, None while some are lacking; raises WireError for others than were named."""
        if self.offset < self.size:
            return None
        data = bytes(self._parts)
        if sha256(data).hexdigest() != self.digest:
            raise WireError(f"job: its data are not {self.digest:.16}")
        return data


class JobData:
    """Files in `folder`, of `most` bytes together; those used longest ago make room."""

    def __init__(self, folder: Path, most: int) -> None:
        self.folder = folder
        self.most = most

    def path(self, digest: str) -> Path:
        """Of the file with that SHA-256, whether or not it is there."""
        return self.folder / digest

    def has(self, digest: str) -> bool:
        """Whether it is there, whole; that counts as a use."""
        try:
            os.utime(self.path(digest))
        except OSError:
            return False
        return True

    def size(self, digest: str) -> int:
        """Bytes; raises WireError if it is not there."""
        try:
            return self.path(digest).stat().st_size
        except OSError as error:
            raise WireError(f"job: no data {digest:.16} here") from error

    def read(self, digest: str, offset: int, most: int) -> bytes:
        """A part of it; raises WireError if it is not there."""
        try:
            with self.path(digest).open("rb") as file:
                file.seek(offset)
                return file.read(most)
        except OSError as error:
            raise WireError(f"job: no data {digest:.16} here") from error

    def keep(self, data: bytes) -> str:
        """Keep data; returns their SHA-256. Raises DiskError when there is no room, or more than fit are given."""
        digest = sha256(data).hexdigest()
        if len(data) > self.most:
            raise DiskError(f"{len(data)} bytes of a job's data, {self.most} fit: [jobs] megabytes")
        if not self.has(digest):
            self._make_room(len(data))
            atomic_file.write(self.path(digest), data)
        return digest

    def _make_room(self, wanted: int) -> None:
        files = [(each.stat(), each) for each in self.folder.glob("*")] if self.folder.exists() else []
        left = self.most - wanted - sum(found.st_size for found, _ in files)
        for found, path in sorted(files, key=lambda pair: pair[0].st_mtime):
            if left >= 0:
                return
            path.unlink(missing_ok=True)
            left += found.st_size
