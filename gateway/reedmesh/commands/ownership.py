"""Whose the gateway's files are. A command that root ran must leave none in the state directory that it cannot read."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def give_back(folder: Path) -> list[Path]:
    """Give what root owns below `folder` to the folder's owner; returns what it was. Does nothing unless we are root.

    Only folders and files with one name are given away: its owner could have put links to others' files there.
    """
    if os.geteuid() != 0 or not folder.is_dir():
        return []
    owner = folder.stat()
    if not owner.st_uid:
        return []
    return [
        Path(at) / name
        for at, folders, files, here in os.fwalk(folder)  # by descriptors: no folder is swapped for a link meanwhile
        for name in (*folders, *files)
        if _give(name, here, owner.st_uid, owner.st_gid)
    ]


@contextmanager
def as_owner(folder: Path) -> Iterator[None]:
    """Have the rights of the folder's owner meanwhile, and no more, where root would go through links of its user."""
    owner = folder.stat() if os.geteuid() == 0 and folder.is_dir() else None
    if not owner or not owner.st_uid:
        yield
        return
    group, groups = os.getegid(), os.getgroups()
    os.setgroups([])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(group)
        os.setgroups(groups)


def _give(name: str, folder: int, user: int, group: int) -> bool:
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
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
