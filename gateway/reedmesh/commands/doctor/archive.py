"""Checks of the archive: objects that lack holders, holders that are lost, and the code on paper."""

from collections.abc import Iterable

from reedmesh.commands.client import ask
from reedmesh.commands.doctor.finding import Case, Finding, error, good, warning
from reedmesh.errors import RefusedError

RECOVERY = "recovery"  # in the state directory, see service/archiving.py
LEAST = 1  # holders that may be lost of an object, where there are others at all


def archive(case: Case) -> Iterable[Finding]:
    """Whether all objects can be read, also after one more loss, and whether a replacement could be restored."""
    if not case.config.archive.megabytes or case.vitals is None:
        return
    if not (case.state / RECOVERY).exists() and case.config.archive.backup_days:
        yield warning("archive: no recovery code, so no backups are put there", "reedmesh archive paper")
    try:
        told = ask(case.config, "archive", {})
    except RefusedError as fault:
        yield warning(f"archive: {fault}", "journalctl -u reedmesh -g archive")
        return
    margins = {int(margin): count for margin, count in told["margins"].items()}
    yield from _lost(margins, [name for name, each in told["holders"].items() if each["lost"]])
    if min(margins, default=LEAST) >= LEAST:
        yield good(f"archive: {told['count']} objects, any holder of each may be lost")


def _lost(margins: dict[int, int], lost: list[str]) -> Iterable[Finding]:
    for name in lost:
        yield warning(f"archive: holder {name} is lost; its shards are made again", f"is {name} on? else restore it")
    if margins.get(-1):
        remedy = "`reedmesh archive list` names them; a holder that comes back brings its shards"
        yield error(f"archive: {margins[-1]} objects cannot be read now", remedy)
    if margins.get(0):
        remedy = "more gateways must take part, or offer more: [archive] megabytes"
        yield warning(f"archive: {margins[0]} objects cannot be read if one more holder is lost", remedy)
