"""Who learns each family of a gateway: its neighbourhood, its training sets, its rounds, its statistics."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from reedmesh.config.settings import Config
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.federation import Federation
from reedmesh.exchange.heard import heard_now
from reedmesh.exchange.member import Member, Timing
from reedmesh.exchange.neighbourhood import Neighbourhood, Neighbourhoods
from reedmesh.identity import keystore
from reedmesh.identity.keyring import Keyring
from reedmesh.inference.families import Families
from reedmesh.inference.family import PARTS, Family
from reedmesh.learning import delta
from reedmesh.readings.line import Line
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.scheduler import TrainingScheduler
from reedmesh.updates.selection import TrainingSelection
from reedmesh.updates.statistics import LearningStatistics

log = logging.getLogger(__name__)

HEADS_SECONDS = 3600.0  # between two heads of the ledger, where what is said must not tell how busy a gateway is
MOST_EXCHANGED = 16  # families that are exchanged, of stations each recipe being one


@dataclass(frozen=True)
class Learner:
    """The learning of one family."""

    family: Family
    neighbourhood: Neighbourhood
    training_sets: TrainingSelection
    scheduler: TrainingScheduler
    statistics: LearningStatistics


class NeighbourhoodMaker:
    """Makes that of each family; all use the same key, links and disk. ids: of the families exchanged, live."""

    def __init__(
        self,
        config: Config,
        keyring: Keyring,
        disk: Disk,
        federation: Federation,
        supervisor: Supervisor,
        ids: list[str],
    ) -> None:
        state, names = Path(config.state), heard_now(config)
        key, appointment = keystore.load(state), keystore.appointment(state)
        shown = keystore.shown(state) if config.exchange.authority else None
        private = config.exchange.private_seconds if config.exchange.private else 0.0
        self._member = Member(config.name, key, keyring, names, federation, appointment, shown, private)
        self._profile = delta.PROFILES[config.learning.profile]
        self._timing = Timing(Bounds(most=config.learning.patience))
        self._checkpoints = CheckpointExchange(
            disk,
            state,
            keyring,
            steady=max(private, HEADS_SECONDS) if private else 0.0,
            federation=config.exchange.federation,
        )
        self._disk = disk
        self._supervisor = supervisor
        self._ids = ids

    def of(self, family: Family) -> Neighbourhood:
        """A new one."""
        if family.id not in self._ids:
            self._ids.append(family.id)
        profile = delta.PROFILES["full"] if family.training.kind == PARTS else self._profile  # a half network is none
        about = profile, self._timing, self._supervisor
        return Neighbourhood(self._member, family, self._disk, self._checkpoints, *about)


class PartNeighbourhoods:
    """Those of stations: one for each recipe, made when the first station with it appears."""

    def __init__(self, maker: NeighbourhoodMaker, known: Neighbourhoods, statistics: LearningStatistics) -> None:
        self._maker = maker
        self._known = known
        self._statistics = statistics
        self._told = False

    async def of(self, family: Family) -> Neighbourhood | None:
        """That of the family; None beyond MOST_EXCHANGED."""
        for each in self._known.all:
            if each.family.id == family.id:
                return each
        if len(self._known.all) >= MOST_EXCHANGED:
            if not self._told:
                log.error("parts of a further recipe are learnt here alone: %d families are exchanged", MOST_EXCHANGED)
            self._told = True
            return None
        made = self._maker.of(family)
        made.event_handlers.append(self._statistics.take)
        await self._known.add(made)
        return made


def learners(
    config: Config,
    families: Families,
    line: Line,
    disk: Disk,
    models: ModelRollout,
    maker: NeighbourhoodMaker,
    clock: Callable[[], float],
) -> tuple[Learner, ...]:
    """One for each family, in their order."""
    merges, first, taken = disk.store.replicas.merges(), families.first.name, disk.store.last_taken()
    made = []
    for family in families.all:
        neighbourhood = maker.of(family)
        mine = [each for each in merges if each.get("family", first) == family.name]
        statistics = LearningStatistics(mine, clock, taken)
        neighbourhood.event_handlers.append(statistics.take)
        chosen = TrainingSelection(family, line, disk, models, clock)
        noted = {} if family is families.first else {"family": family.name}
        scheduler = TrainingScheduler(family, line, disk, neighbourhood, chosen, config.learning, noted=noted)
        made.append(Learner(family, neighbourhood, chosen, scheduler, statistics))
    return tuple(made)
