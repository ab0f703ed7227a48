"""Whose the gateway's files are. A command that root ran must leave none in the state directory that it cannot read."""

import os
import stat
from pathlib import Path


def give_back(folder: Path) -> list[Path]:
    """Give what root owns below `folder` to the folder's owner; returns what it was. Does nothing unless we are root.

    Only folders and files with one name are given away: its owner could have put links to others' files there.
    """
    if os.geteuid() != 0 or not folder.is_dir():
        return []
    owner = folder.stat()
    return [path for path in _below(folder) if owner.st_uid and _give(path, owner.st_uid, owner.st_gid)]


def _below(folder: Path) -> list[Path]:
    return [Path(at) / name for at, folders, files in os.walk(folder) for name in (*folders, *files)]


def _give(path: Path, user: int, group: int) -> bool:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:  # a link, or gone meanwhile
        return False
    try:
        found = os.fstat(file)
        plain = stat.S_ISDIR(found.st_mode) or (stat.S_ISREG(found.st_mode) and found.st_nlink == 1)
        if found.st_uid != 0 or not plain:
            return False
        os.fchown(file, user, group)
        return True
    finally:
        os.close(file)
