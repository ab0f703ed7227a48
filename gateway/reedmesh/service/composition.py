"""The parts of a gateway, made one after the other from its configuration, its family and its store."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh.alerts.escalation import calls_for
from reedmesh.archive.limits import MEGABYTE
from reedmesh.archive.node import Archive
from reedmesh.config.firmware import signer_of
from reedmesh.config.settings import Config
from reedmesh.exchange.federation import JOBS, Federation, Sealed
from reedmesh.exchange.neighbourhood import Neighbourhood, Neighbourhoods
from reedmesh.identity import keys, keystore
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.inference.families import Families
from reedmesh.inference.family import PARTS, Family
from reedmesh.jobs.pool import Pool
from reedmesh.learning.parts.limits import Costs
from reedmesh.links.message import Message
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.outputs.apprise_notifier import AppriseNotifier, ways_of
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.line import Kind, Line
from reedmesh.readings.parts import FIRST
from reedmesh.readings.receipts import Receipts
from reedmesh.readings.subscriptions import SensorSubscriptions
from reedmesh.service import startup
from reedmesh.service.archive_note import ArchiveNote
from reedmesh.service.clock_steps import ClockSteps
from reedmesh.service.idleness import Idleness
from reedmesh.service.learners import Learner, NeighbourhoodMaker, PartNeighbourhoods, learners
from reedmesh.service.retained import Retained
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor
from reedmesh.updates.attestation import Passports
from reedmesh.updates.firmware_rollout import FirmwareRollout
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.part_learning import PartLearning
from reedmesh.updates.scheduler import TrainingScheduler
from reedmesh.updates.selection import TrainingSelection
from reedmesh.updates.statistics import LearningStatistics

MOST_LISTED = 200  # alerts in the snapshot, the most urgent ones: a broker may refuse more than 128 KiB

Clock = Callable[[], float]


@dataclass(frozen=True)
class Parts:
    """All parts of one gateway. clock: seconds since 1970; steady: seconds that nobody sets."""

    config: Config
    families: Families
    store: Store
    clock: Clock
    steady: Clock
    supervisor: Supervisor
    disk: Disk
    steps: ClockSteps
    line: Line
    subscriptions: SensorSubscriptions
    receipts: Receipts
    sensor_keys: SensorKeys
    federation: Federation
    pool: Pool
    passports: Passports
    learners: tuple[Learner, ...]
    neighbourhoods: Neighbourhoods
    archive: Archive | None
    exchanged: Sequence[str]  # ids of the families whose updates are exchanged, and what else is, live
    firmware_rollout: FirmwareRollout
    model_rollout: ModelRollout
    part_learning: PartLearning
    alarms: Alarms
    notifier: AppriseNotifier | None
    retained: Retained
    alert_publisher: AlertPublisher

    @property
    def family(self) -> Family:
        """The first of them."""
        return self.families.first

    @property
    def neighbourhood(self) -> Neighbourhood:
        """Of the first family."""
        return self.learners[0].neighbourhood

    @property
    def training_sets(self) -> TrainingSelection:
        """Of the first family."""
        return self.learners[0].training_sets

    @property
    def scheduler(self) -> TrainingScheduler:
        """Of the first family."""
        return self.learners[0].scheduler

    @property
    def statistics(self) -> LearningStatistics:
        """Of the first family."""
        return self.learners[0].statistics


def compose(config: Config, families: Families, store: Store, clock: Clock, steady: Clock) -> Parts:
    """Make the parts: the line first, then the exchange, the models, and the alerts with their ways out."""
    name, state = config.name, Path(config.state)
    supervisor, disk = Supervisor(), Disk(store)
    line = _line(config, families)
    by_name = not config.broker.embedded and not config.broker.cluster
    subscriptions = SensorSubscriptions(name, line, by_name, steady, most_qos=0 if config.broker.cluster else 1)
    sensor_keys = SensorKeys(state)

    keyring = _keyring(config)
    ids = [JOBS, *(family.id for family in families.all)]
    federation = _federation(config, ids, keyring)
    passports = startup.begin_ledger(config, families.first, store, clock, partial(_family_of, line))

    models = ModelRollout(name, families.first, line, disk, sensor_keys, passports, clock)
    maker = NeighbourhoodMaker(config, keyring, disk, federation, supervisor, ids)
    made = learners(config, families, line, disk, models, maker, clock)
    neighbourhoods = Neighbourhoods([each.neighbourhood for each in made])
    startup.remember(line, store, models)

    alarms = _alarms(config, line, store, subscriptions, steady)
    notifier = _notifier(config, disk, alarms, clock, ClockSteps(clock, steady).look)
    retained = Retained(name)
    idleness = Idleness(lambda: len(alarms.open()), lambda: any(each.scheduler.state == "learning" for each in made))
    key = keystore.load(state)
    pool = Pool(name, key, keyring, federation, disk, state, config.jobs, idleness.now, clock=clock)
    neighbourhoods.others[JOBS] = pool.hear
    return Parts(
        config=config,
        families=families,
        store=store,
        clock=clock,
        steady=steady,
        supervisor=supervisor,
        disk=disk,
        steps=ClockSteps(clock, steady),
        line=line,
        subscriptions=subscriptions,
        receipts=Receipts(name, disk, sensor_keys),
        sensor_keys=sensor_keys,
        federation=federation,
        pool=pool,
        passports=passports,
        learners=made,
        neighbourhoods=neighbourhoods,
        archive=_archive(config, keyring, disk, clock, steady),
        exchanged=ids,
        firmware_rollout=FirmwareRollout(name, line, state, signer=signer_of(config.firmware)),
        model_rollout=models,
        part_learning=PartLearning(
            line, disk, models, _costs(config), PartNeighbourhoods(maker, neighbourhoods, made[-1].statistics).of
        ),
        alarms=alarms,
        notifier=notifier,
        retained=retained,
        alert_publisher=_alert_publisher(disk, retained, alarms, notifier, clock, config.notify.priority),
    )


def listed(alarms: Alarms, called: int) -> dict[str, Any]:
    """Return the open alerts as they are now, the MOST_LISTED most urgent ones, and how many are open.

    called: people are called for alerts down to this priority; `call` says of each alert whether they are.
    """
    alerts = sorted(alarms.open(), key=lambda alert: (alert.priority, alert.since))
    told = [alert.table() | {"call": calls_for(alert, called)} for alert in alerts[:MOST_LISTED]]
    return {"alerts": told, "open": len(alerts)}


def _line(config: Config, families: Families) -> Line:
    def kind_of(hello: Mapping[str, Any]) -> Kind | None:
        family = families.of(hello)
        return _kind(config, family) if family else None

    first = _kind(config, families.first)
    features = first.family.recipe.length if len(families.all) == 1 else 0
    limits = config.sensors, config.notify.priority
    return Line(features, first.to_learn, first.rule, *limits, kind_of, families.names)


def _kind(config: Config, family: Family) -> Kind:
    windows = FIRST if family.training.kind == PARTS else config.learning.windows or family.training.windows
    return Kind(family, windows, config.alerts.over(family.alerts))


def _family_of(line: Line, sensor: str) -> Family | None:
    """Of the sensor with this name, as far as that is known."""
    known = line.sensors.get(sensor)
    return known.family if known else None


def _costs(config: Config) -> Costs:
    wanted = config.parts
    return Costs(wanted.escape_cost, wanted.overkill_cost, wanted.nok_share)


def _alarms(config: Config, line: Line, store: Store, subscriptions: SensorSubscriptions, steady: Clock) -> Alarms:
    alarms = Alarms(config.name, line, store.alerts.open(), store.sensors.shelves(), store.alerts.held())
    for name, rate in alarms.babbling().items():
        subscriptions.rate_guard.suspect(name, rate, steady())
    return alarms


def _notifier(config: Config, disk: Disk, alarms: Alarms, clock: Clock, steps: Clock) -> AppriseNotifier | None:
    ways = ways_of(config.notify)
    if not ways:
        return None
    return AppriseNotifier(config.name, config.notify, disk, alarms.open, ways, clock, steps=steps)


def _alert_publisher(
    disk: Disk, retained: Retained, alarms: Alarms, notifier: AppriseNotifier | None, clock: Clock, called: int
) -> AlertPublisher:
    def snapshot() -> Message:
        return retained.noted("alerts", listed(alarms, called))

    changed = notifier.wake if notifier else lambda: None
    return AlertPublisher(disk, retained.topic("alert"), snapshot, clock, changed)


def _keyring(config: Config) -> Keyring:
    pinned, wanted = keys.pinned(config.neighbours), config.exchange
    expected = [each.name for each in config.neighbours if not each.key]
    trust, authority = Trust(Path(config.state), pinned), bytes.fromhex(wanted.authority)
    return Keyring(pinned, trust, wanted.federation, authority=authority, expected=expected)


def _archive(config: Config, keyring: Keyring, disk: Disk, clock: Clock, steady: Clock) -> Archive | None:
    if not config.archive.megabytes:
        return None
    state, name = Path(config.state), config.name

    def ever(gateway: str) -> Sequence[bytes]:
        return keystore.counting(state, name) if gateway == name else keyring.ever(gateway)

    note = ArchiveNote(disk).take
    neighbours, size = [each.name for each in config.neighbours], config.archive.megabytes * MEGABYTE
    about = state, size, config.exchange.federation, clock, steady
    return Archive(name, keystore.load(state), neighbours, keyring.of, ever, *about, note=note)


def _federation(config: Config, families: Sequence[str], keyring: Keyring) -> Federation:
    name, secret = config.exchange.federation, config.exchange.secret
    if not secret:
        return Federation(name)
    state = Path(config.state)
    own = [each for each in (keystore.load(state), keystore.previous(state)) if each]
    return Sealed(name, bytes.fromhex(secret), config.name, families, own, keyring)
