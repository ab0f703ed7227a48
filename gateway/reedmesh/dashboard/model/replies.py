"""The answer to a question as lines to draw. Pure, and safe against any answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from reedmesh.dashboard.model.reducer import text

MOST_LINES = 60
LONG = 400  # characters of a line
SPACES = "\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"  # stand before units; they print, whatever str.isprintable says
JUDGED = ("alert.", "look.")  # what the kinds of facts begin with that explain an alert
PAGES = ("overview", "handover", "learning", "settings")
SUGGESTION, UNKNOWN = "can.", "unknown."  # what the kinds of facts begin with that are no facts about the line


@dataclass(frozen=True)
class ReplyLine:
    """A sentence, and where its evidence is: an alert, a sensor, one of PAGES, or nowhere."""

    text: str
    kind: str
    alert: str = ""
    sensor: str = ""
    page: str = ""


@dataclass(frozen=True)
class Reply:
    """gateway: who answers. by: "template", or the model that chose what to answer; trouble: why it could not."""

    gateway: str
    lines: tuple[ReplyLine, ...] = ()
    by: str = ""
    trouble: str = ""

    @property
    def facts(self) -> tuple[ReplyLine, ...]:
        """Without what can be asked."""
        return tuple(each for each in self.lines if not each.kind.startswith(SUGGESTION))

    @property
    def suggestions(self) -> tuple[str, ...]:
        """Questions that it offers to answer."""
        offered = [each for each in self.lines if each.kind.startswith(SUGGESTION)]
        return tuple(each.text for each in offered[1:])

    @property
    def knows(self) -> bool:
        """Whether it says anything about the line."""
        return any(not each.kind.startswith(UNKNOWN) for each in self.facts)

    @property
    def alert(self) -> str:
        """The alert that it is about, if it is about one alone."""
        named = {each.alert for each in self.lines if each.kind.startswith(JUDGED)}
        return "" if len(named) != 1 else named.pop()


def reply(gateway: str, answer: Mapping[str, Any]) -> Reply:
    """The answer to `ask`, `why` or `report`."""
    facts = answer.get("facts")
    told = facts[:MOST_LINES] if isinstance(facts, list) else []
    lines = tuple(_line(each) for each in told if isinstance(each, dict))
    return Reply(gateway, lines, text(answer.get("by")), _sentence(answer.get("trouble")))


def worth_showing(replies: Sequence[Reply]) -> list[Reply]:
    """Those that know something; if none does, the first, which says what can be asked."""
    return [each for each in replies if each.knows] or list(replies[:1])


def _line(told: Mapping[str, Any]) -> ReplyLine:
    page = text(told.get("page"))
    return ReplyLine(
        _sentence(told.get("text")),
        text(told.get("kind")),
        text(told.get("alert")),
        text(told.get("sensor")),
        page if page in PAGES else "",
    )


def _sentence(value: object) -> str:
    cut = value[:LONG] if isinstance(value, str) else ""
    return "".join(each if each.isprintable() or each in SPACES else "\N{REPLACEMENT CHARACTER}" for each in cut)
