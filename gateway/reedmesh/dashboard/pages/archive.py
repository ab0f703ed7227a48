"""The page of the archive: objects with the holders that may still be lost, and holders with their last audit."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from reedmesh.dashboard.model import archive
from reedmesh.dashboard.model.archive import ArchiveState, Holder, Kept
from reedmesh.dashboard.pages.gateway_sections import GatewaySections
from reedmesh.dashboard.pages.provenance import table_of
from reedmesh.dashboard.ui.elements import Text, box
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.shell import facts

SHORT = 12  # characters of an id that are shown


class ArchivePage(GatewaySections[ArchiveState]):
    """What all gateways keep for each other."""

    part = "archive"
    title, about = "archive.title", "archive.about"

    def section(self) -> "GatewayPart":
        """Make the section of a gateway."""
        return GatewayPart(self.say)

    def read(self, answer: dict[str, Any]) -> ArchiveState:
        """The answer to `archive`."""
        return archive.archive(answer)


class GatewayPart:
    """One gateway: what it keeps, its holders, and the objects."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section")
        with self.root:
            self._name = Text("h2")
            self._facts = box("dl", "facts")
            Text("h3", "", say("archive.holders"))
            labels = [say(f"holder.{each}") for each in ("name", "offers", "shards", "heard", "audited", "audits")]
            self._holders = table_of(say("archive.holders"), labels, partial(_holder, say=say))
            Text("h3", "", say("archive.objects"))
            self._empty = Text("p", "quiet", say("archive.empty"))
            labels = [say(f"object.{each}") for each in ("label", "owner", "size", "made", "until", "code", "margin")]
            self._objects = table_of(say("archive.objects"), labels, partial(_object, say=say))

    def show(self, value: tuple[str, ArchiveState, float]) -> None:
        """Draw what it said."""
        name, known, now = value
        self._name.set_text(name)
        facts(_facts(known, self._say), self._facts)
        self._empty.set_visibility(not known.objects)
        self._holders.show([(each.name, (each, now)) for each in known.holders])
        self._objects.show([(each.id, (each, now)) for each in known.objects])


def _facts(it: ArchiveState, say: Language) -> list[tuple[str, str]]:
    """What it keeps, and what it found and mended."""
    least = min((each.margin for each in it.objects), default=None)
    return [
        (say("archive.kept"), say("archive.of", used=say.bytes(it.used), capacity=say.bytes(it.capacity))),
        (say("archive.count"), say.count(it.count)),
        (say("archive.least"), "–" if least is None else _margin(least, say)),
        (say("archive.damaged"), say.count(it.damaged)),
        (say("archive.repaired"), say.count(it.repaired)),
    ]


def _holder(value: tuple[Holder, float], say: Language) -> Sequence[str]:
    """A holder's row."""
    it, now = value
    if not it.offers and not it.lost:
        return it.name, say("holder.none"), "–", _ago(it.heard, now, say), "–", "–"
    audits = say("holder.counts", passed=say.count(it.passed), failed=say.count(it.failed))
    name = f"{it.name} · {say('holder.lost')}" if it.lost else it.name
    uses = say("archive.of", used=say.bytes(it.used), capacity=say.bytes(it.offers))
    return name, uses, say.count(it.shards), _ago(it.heard, now, say), _ago(it.audited, now, say), audits


def _object(value: tuple[Kept, float], say: Language) -> Sequence[str]:
    """An object's row."""
    it, now = value
    code = say("object.of", k=str(it.k), n=str(it.n))
    missing = f" · {say('object.missing', count=say.count(it.missing))}" if it.missing else ""
    until = say.moment(it.until, now) if it.until else say("object.ever")
    label = f"{it.label or it.id[:SHORT]} · {it.kind}"
    return label, it.owner, say.bytes(it.size), say.moment(it.made, now), until, code + missing, _margin(it.margin, say)


def _margin(margin: int, say: Language) -> str:
    if margin < 0:
        return say("object.unreadable")
    return say("object.any", count=say.count(margin)) if margin else say("object.none")


def _ago(seconds: float | None, now: float, say: Language) -> str:
    return "–" if seconds is None else say.moment(max(0.0, now - seconds), now)
