"""Checks of the computer: its clock, its disk, and the wear of the disk."""

import ctypes
import os
import shutil
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

from reedmesh.commands.doctor.finding import Case, Finding, error, good, warning
from reedmesh.store import database

TIME_ERROR = 5  # adjtimex(2): the clock is not synchronised
OLDEST_NOW = 1_735_689_600  # seconds since 1970: 1 January 2025, before which nothing of reedmesh was
LEAST_FREE, LITTLE_FREE = 50e6, 500e6  # bytes
CARD_WRITES = 100e12  # bytes an SD card of 32 GB takes, at 3000 cycles: data sheets of industrial cards
MOST_YEARS_LEFT = 3.0
MB, YEAR = 1e6, 365.25 * 86400


def clock(case: Case) -> Iterable[Finding]:
    """A Raspberry Pi has no clock of its own: without a network it begins where it last was, or in 1970."""
    if case.now < OLDEST_NOW:
        shown = time.strftime("%d %B %Y", time.gmtime(case.now))
        yield error(f"clock: it is {shown} here", "connect NTP (timedatectl set-ntp true), or date --set=...")
    elif (newest := _newest(case.state)) > case.now + 60:
        behind = (newest - case.now) / 3600
        yield error(f"clock: {behind:.1f} h behind the newest window in the database", "timedatectl set-ntp true")
    elif not synchronised():
        yield warning(
            "clock: not synchronised with anybody", "timedatectl set-ntp true; systemctl status systemd-timesyncd"
        )
    else:
        yield good("clock: synchronised")


def synchronised() -> bool:
    """Whether the kernel says that some NTP client keeps its clock."""
    try:
        return int(ctypes.CDLL(None).ntp_adjtime(ctypes.create_string_buffer(256))) != TIME_ERROR
    except (OSError, AttributeError):
        return True  # no such kernel: not for us to say


def _newest(state: Path) -> float:
    try:
        with closing(database.reader(state)) as db:
            return float(db.execute("select max(at) from windows").fetchone()[0] or 0)
    except sqlite3.Error:
        return 0.0


def disk(case: Case) -> Iterable[Finding]:
    """Room where the database is, and whether it can be written at all."""
    try:
        usage = shutil.disk_usage(case.state)
        read_only = bool(os.statvfs(case.state).f_flag & os.ST_RDONLY)
    except OSError as fault:
        yield error(f"state directory {case.state}: {fault.strerror}", "sudo reedmesh install --yes, or mkdir it")
        return
    if read_only:
        yield error(f"{case.state} is on a disk mounted read-only", "dmesg tells why; a worn-out card is replaced")
    elif usage.free < LEAST_FREE:
        yield error(
            f"disk: {usage.free / MB:.0f} MB free", "make room: journalctl --vacuum-size=50M, lower store.megabytes"
        )
    elif usage.free < max(LITTLE_FREE, usage.total / 50):
        yield warning(f"disk: {usage.free / MB:.0f} MB free", "make room before it is full: du -xh / | sort -h | tail")
    else:
        yield good(f"disk: {usage.free / 1e9:.1f} GB free")


def wear(case: Case) -> Iterable[Finding]:
    """How long a card lasts at the rate since the machine started, at the writes that data sheets promise."""
    for device in _cards(case.state):
        written, up = _written(device), _uptime()
        years = CARD_WRITES / max(1.0, written / up * YEAR)
        said = f"SD card {device.name}: {written / up * 86400 / MB:.0f} MB written a day"
        if up < 3600 or years > MOST_YEARS_LEFT:
            yield good(said)
        else:
            remedy = "find who writes: iotop -ao; a volatile journal, a larger card, or a disk on USB"
            yield warning(f"{said}: worn out in about {years:.1f} years", remedy)


def _cards(state: Path) -> Iterator[Path]:
    """The block device that `state` is on, if it is a card."""
    try:
        number = state.stat().st_dev
        device = Path(f"/sys/dev/block/{os.major(number)}:{os.minor(number)}").resolve(strict=True)
    except OSError:
        return
    if device.name.startswith("mmcblk"):
        yield device


def _written(device: Path) -> int:
    """Bytes written since the machine started: field 7 of /sys/block/*/stat is in sectors of 512."""
    return 512 * int((device / "stat").read_text().split()[6])


def _uptime() -> float:
    return float(Path("/proc/uptime").read_text().split()[0])


CHECKS = (clock, disk, wear)
