"""Figures about parts as rows of names and values, in the reader's language. Pure."""

from reedmesh.dashboard.model.parts import Bound, Listing, Quality
from reedmesh.dashboard.ui.language import Language


def promise(it: Listing, say: Language) -> list[tuple[str, str]]:
    """Rows about the model in service: its expected errors, and the counters of the sensor."""
    counted = [(say(f"parts.{name}"), say.count(many)) for name, many in it.counters.items()]
    return [
        (say("parts.learnt-from"), say("parts.ok-parts", n=it.ok) if it.ok else ""),
        (say("parts.overkill"), _bound(it.overkill, say)),
        (say("parts.escape"), _bound(it.escape, say)),
        *counted,
    ]


def figures(it: Quality, say: Language) -> list[tuple[str, str]]:
    """Rows about the quality of a period: parts, yield, labels, errors by labels."""
    yielded = "" if it.passed is None else say.percent(it.passed)
    return [
        (say("parts.made"), say.count(it.parts)),
        (say("parts.yield"), yielded),
        (say("parts.labels"), say("parts.labels-of", ok=it.ok, nok=it.nok)),
        (say("parts.overkill-by-labels"), _bound(it.overkill, say)),
        (say("parts.escape-by-labels"), _bound(it.escape, say)),
    ]


def _bound(it: Bound | None, say: Language) -> str:
    return say("parts.at-most", share=say.percent(it.share), most=say.percent(it.most)) if it else ""
