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
from reedmesh.identity import authority, credential, succession
from reedmesh.identity.authority import ScalarKey, Term
from reedmesh.identity.credential import Credential
from reedmesh.identity.keys import Key
from reedmesh.identity.succession import Succession
from reedmesh.identity.trust_store import Trust

MOST_KEYS = 1000  # that a gateway can have had
SEED = 32  # bytes of a private key, all that is in the file
PREVIOUS, DRAFT, SUCCESSION = "key.previous", "key.next", "succession"  # files beside it
REQUEST = "key.request"  # the secret with which an authority was asked for a key
CREDENTIAL, CREDENTIAL_BEFORE = "credential", "credential.previous"  # what it gave for our keys


def load(folder: Path) -> Key:
    """The key in `folder`, made if there is none; raises ConfigError when it is damaged or others can read it."""
    return _key(folder, "key", CREDENTIAL)


def previous(folder: Path) -> Key | None:
    """The key that was rotated away last, which neighbours may still use; None if there is none."""
    return _key(folder, PREVIOUS, CREDENTIAL_BEFORE) if (folder / PREVIOUS).exists() else None


def rotate(folder: Path, name: str, until: int) -> Key:
    """Make a new key for the gateway `name`, appointed by the present one, which ends at `until` (s since 1970).

    What a crash leaves is the old key with a succession nobody needs, or all of it.
    """
    new = Key(secret(folder / DRAFT))
    _appoint(folder, name, until, new)
    atomic_file.move(folder / DRAFT, "key")
    return new


def request(folder: Path) -> bytes:
    """The point that asks an authority for a key; its secret stays in `folder`. Asked again, it is the same."""
    return authority.point(_scalar(folder))


def accept(folder: Path, authority_point: bytes, term: Term, given: bytes, answer: bytes, until: int) -> Key:
    """Take the authority's answer to our last request as our key; raises WireError when it does not fit.

    given, answer: V and s, see `authority.py`. until: when the key before ends, s since 1970.
    """
    new = authority.accepted(authority_point, term, _scalar(folder), given, answer)
    _appoint(folder, term.name, until, new)
    frame = credential.pack(Credential(term, given), new)
    atomic_file.write(folder / CREDENTIAL, frame + new.public)
    atomic_file.write(folder / "key", new.scalar)
    (folder / REQUEST).unlink(missing_ok=True)
    return new


def shown(folder: Path) -> bytes | None:
    """The credential that neighbours are shown for our present key; None where no authority gave it."""
    found = _credential(folder / CREDENTIAL)
    return found[: credential.SIZE] if found and found[credential.SIZE :] == load(folder).public else None


def _appoint(folder: Path, name: str, until: int, new: Key) -> None:
    """Keep the present key as the one before `new`, which it appoints."""
    old = load(folder)
    said = Succession(name, until, old.public, new.public)
    frame = succession.pack(said, old.signature(said.text()), new.signature(said.text()))
    atomic_file.write(folder / SUCCESSION, b"".join(_successions(folder)) + frame)
    atomic_file.write(folder / CREDENTIAL_BEFORE, _credential(folder / CREDENTIAL) or b"")
    atomic_file.write(folder / PREVIOUS, secret(folder / "key"))


def _key(folder: Path, file: str, shown_for: str) -> Key:
    """The key in `file`: a seed, or a scalar where the credential beside it is for the key that follows from that."""
    found, public = secret(folder / file), (_credential(folder / shown_for) or b"")[credential.SIZE :]
    return ScalarKey(found) if public and authority.point(found) == public else Key(found)


def _credential(path: Path) -> bytes | None:
    """A credential and the public key it is for; None without one."""
    try:
        found = atomic_file.read(path, credential.SIZE + 33)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    return found if len(found) == credential.SIZE + 32 else None


def _scalar(folder: Path) -> bytes:
    """The secret of our request, made if there is none."""
    path = folder / REQUEST
    if not path.exists():
        atomic_file.make(path, authority.scalar())
    return secret(path)


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
