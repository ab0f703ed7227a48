"""The page of the pool: who lends computing, how busy and warm it is, jobs, and seconds lent and borrowed."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from reedmesh.dashboard.model import pool
from reedmesh.dashboard.model.pool import Lender, Pool
from reedmesh.dashboard.pages.gateway_sections import GatewaySections
from reedmesh.dashboard.pages.provenance import table_of
from reedmesh.dashboard.ui.elements import Text, box
from reedmesh.dashboard.ui.language import Language
from reedmesh.dashboard.ui.shell import facts


class PoolPage(GatewaySections[Pool]):
    """What all gateways lend and borrow."""

    part = "jobs"
    title, about = "jobs.title", "jobs.about"
    every = 5.0

    def section(self) -> "GatewayPart":
        """Make the section of a gateway."""
        return GatewayPart(self.say)

    def read(self, answer: dict[str, Any]) -> Pool:
        """The answer to `jobs`."""
        return pool.pool(answer)


class GatewayPart:
    """One gateway: whether it lends, and its account with each neighbour."""

    def __init__(self, say: Language) -> None:
        self._say = say
        self.root = box("section")
        with self.root:
            self._name = Text("h2")
            self._facts = box("dl", "facts")
            self._alone = Text("p", "quiet", say("jobs.alone"))
            labels = [say(f"lender.{each}") for each in ("name", "borrowed", "lent", "balance", "others", "out")]
            self._lenders = table_of(say("jobs.neighbours"), labels, partial(_row, say=say))

    def show(self, value: tuple[str, Pool, float]) -> None:
        """Draw what it said."""
        name, known, now = value
        self._name.set_text(name)
        facts(_facts(known, self._say), self._facts)
        self._alone.set_visibility(not known.lenders)
        self._lenders.show([(each.name, (each, now)) for each in known.lenders])


def _facts(it: Pool, say: Language) -> list[tuple[str, str]]:
    """Whether it lends, and how it is."""
    lends = say("jobs.now") if it.lends and not it.hindrance else it.hindrance or "–"
    lent, borrowed = (sum(getattr(each, key) for each in it.lenders) for key in ("lent", "borrowed"))
    return [
        (say("jobs.lends"), lends if it.lends else say("jobs.never")),
        (say("jobs.load"), say.percent(it.load)),
        (say("jobs.celsius"), f"{it.celsius:.0f} °C" if it.celsius else "–"),
        (say("jobs.doing"), it.doing or "–"),
        (say("jobs.own"), ", ".join(it.jobs) or "–"),
        (say("jobs.sum"), say("jobs.both", lent=say.fixed(lent, 1), borrowed=say.fixed(borrowed, 1))),
    ]


def _row(value: tuple[Lender, float], say: Language) -> Sequence[str]:
    """A neighbour's row."""
    it, now = value
    out = say("lender.until", when=say.moment(it.out_until, now), why=it.reason) if it.out_until else "–"
    borrowed = say("lender.seconds", seconds=say.fixed(it.borrowed, 1), jobs=say.count(it.borrowed_jobs))
    lent = say("lender.seconds", seconds=say.fixed(it.lent, 1), jobs=say.count(it.lent_jobs))
    return it.name, borrowed, lent, say.fixed(it.lent - it.borrowed, 1), say.count(it.others), out
