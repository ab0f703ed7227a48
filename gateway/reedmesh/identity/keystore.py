"""The files with this gateway's keys, in its state directory, readable by its user alone.

A gateway makes its key when it first starts, as `key`. Rotated, the one before stays beside it as `key.previous`, and
`succession` holds the frames by which each key appointed the next.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from reedmesh import atomic_file
from reedmesh.errors import ConfigError, DiskError
from reedmesh.identity import succession
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.identity.trust_store import Trust

MOST_KEYS = 1000  # that a gateway can have had
SEED = 32  # bytes of a private key, all that is in the file
PREVIOUS, DRAFT, SUCCESSION = "key.previous", "key.next", "succession"  # files beside it


def load(folder: Path) -> Key:
    """The key in `folder`, made if there is none; raises ConfigError when it is damaged or others can read it."""
    return Key(secret(folder / "key"))


def previous(folder: Path) -> Key | None:
    """The key that was rotated away last, which neighbours may still use; None if there is none."""
    path = folder / PREVIOUS
    return Key(secret(path)) if path.exists() else None


def rotate(folder: Path, name: str, until: int) -> Key:
    """Make a new key for the gateway `name`, appointed by the present one, which ends at `until` (s since 1970).

    What a crash leaves is the old key with a succession nobody needs, or all of it.
    """
    old = load(folder)
    new = Key(secret(folder / DRAFT))
    said = Succession(name, until, old.public, new.public)
    frame = succession.pack(said, old.signature(said.text()), new.signature(said.text()))
    atomic_file.write(folder / SUCCESSION, b"".join(_successions(folder)) + frame)
    atomic_file.write(folder / PREVIOUS, secret(folder / "key"))
    atomic_file.move(folder / DRAFT, "key")
    return new


def appointment(folder: Path) -> bytes | None:
    """The frame that appoints our present key, for neighbours that know but the one before; None if it is the first."""
    frames = _successions(folder)
    return frames[-1] if frames and succession.unpack(frames[-1]).new == load(folder).public else None


def lineage(folder: Path, name: str) -> list[bytes]:
    """The public keys the gateway `name` has had, the present one first; each was appointed by the one behind it."""
    found = [load(folder).public]
    for said in [succession.unpack(frame) for frame in _successions(folder)][::-1]:
        if said.name == name and said.new == found[-1]:
            found.append(said.old)
    return found


def counting(folder: Path, name: str) -> list[bytes]:
    """Our keys whose signatures count: the present one, and those before it that were not revoked."""
    gone = Trust(folder, {}).known().revoked
    first, *others = lineage(folder, name)
    return [first, *(each for each in others if each.hex() not in gone)]


def _successions(folder: Path) -> list[bytes]:
    """The frames that appointed each of our keys but the first, oldest first."""
    path, size = folder / SUCCESSION, succession.SIZE
    try:
        found = atomic_file.read(path, MOST_KEYS * size)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return [found[at : at + size] for at in range(0, len(found) // size * size, size)]


def secret(path: Path) -> bytes:
    """The 32 secret bytes in the file `path`, made if there is none; raises ConfigError as `load` does."""
    try:
        if not os.path.lexists(path):
            with suppress(FileExistsError):  # another process was first: its key is the key
                atomic_file.make(path, secrets.token_bytes(SEED))
        readable_by = path.lstat().st_mode & 0o077
        seed = atomic_file.read(path, SEED + 1)
    except DiskError as error:
        raise ConfigError(str(error)) from error
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if readable_by:
        raise ConfigError(f"{path}: others may read it: delete it, restart, and tell the new one to whom it concerns")
    if len(seed) != SEED:
        raise ConfigError(
            f"{path}: {path.stat().st_size} bytes, a key has {SEED}: restore it, or delete it to have a new one made"
        )
    return seed
