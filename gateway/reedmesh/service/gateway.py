"""The gateway: opens broker, store and family, and runs the data path beside what writes, publishes and teaches.

The only file that knows everybody. Tasks talk through queues; the database has a thread of its own (`disk.py`) and
learning a process of its own (`aside`), so that the data path waits for neither.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh import __version__
from reedmesh.alerts.alert import Change
from reedmesh.alerts.standing import Finding
from reedmesh.assistant.model.process import Loaded, ModelProcess
from reedmesh.config.settings import Config, shown
from reedmesh.errors import ConfigError, DiskError
from reedmesh.exchange.checkpoints import CheckpointExchange
from reedmesh.exchange.deadline import Bounds
from reedmesh.exchange.federation import Federation, Sealed
from reedmesh.exchange.neighbourhood import Share, Timing
from reedmesh.identity import keys, keystore
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.identity.trust_store import Trust
from reedmesh.inference.family import Family
from reedmesh.learning import delta
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.links.rejects import Rejects
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.outputs.apprise_notifier import AppriseNotifier, ways_of
from reedmesh.protocol import wire
from reedmesh.provenance import ledger
from reedmesh.provenance.ledger import Entry
from reedmesh.readings.alarms import Alarms
from reedmesh.readings.receipts import Receipts
from reedmesh.readings.sensor import Line
from reedmesh.readings.subscriptions import SensorSubscriptions
from reedmesh.readings.watch import Events, watch
from reedmesh.service import own_conditions
from reedmesh.service import status as vitals
from reedmesh.service.clock_steps import ClockSteps
from reedmesh.service.requests.questions import Questions, Tables
from reedmesh.service.requests.server import RequestServer
from reedmesh.store import database, ledger_table
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk
from reedmesh.supervisor import Supervisor, Work
from reedmesh.updates.attestation import Passports
from reedmesh.updates.firmware_rollout import FirmwareRollout
from reedmesh.updates.model_rollout import ModelRollout
from reedmesh.updates.scheduler import TrainingScheduler
from reedmesh.updates.selection import TrainingSelection
from reedmesh.updates.statistics import LearningStatistics
from reedmesh.updates.worker import WorkerFactory

log = logging.getLogger(__name__)

STATE_SECONDS = 1.0  # a sensor's state is published at most this often
RETAINED = ("hello", "availability", "state")  # what a broker keeps of a sensor
MOST_LISTED = 200  # alerts in the snapshot, the most urgent ones: a broker may refuse more than 128 KiB


class Gateway:
    """One gateway at work; `run` lasts until it is cancelled."""

    def __init__(
        self,
        config: Config,
        family: Family,
        store: Store,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self.config = config
        self.family = family
        self.store = store
        learning = config.learning.windows or family.training.windows
        rule = config.alerts.over(family.alerts)
        self.line = Line(family.recipe.length, learning, rule, config.sensors, config.notify.priority)
        self.subscriptions = SensorSubscriptions(config.name, self.line, not config.broker.embedded, steady)
        self._clock = clock
        self._steady = steady
        self.supervisor = Supervisor()
        self._steps = ClockSteps(clock, steady)
        self._disk = Disk(store)
        keyring = _keyring(config)
        self.federation = _federation(config, family, keyring)
        self._passports = self._begin_ledger()
        heads = CheckpointExchange(self._disk, Path(config.state), keyring)
        self._share = _share(config, family, keyring, self._disk, self.federation, heads, self.supervisor)
        self._sensor_keys = SensorKeys(Path(config.state))
        self._firmware_rollout = FirmwareRollout(config.name, self.line, Path(config.state))
        self._model_rollout = ModelRollout(
            config.name, family, self.line, self._disk, self._sensor_keys, self._passports, clock
        )
        self._training_sets = TrainingSelection(family, self.line, self._disk, self._model_rollout)
        self._scheduler = TrainingScheduler(
            family, self.line, self._disk, self._share, self._training_sets, config.learning
        )
        self._statistics = LearningStatistics(store.replicas.merges(), clock)
        self._share.event_handlers.append(self._statistics.take)
        self._receipts = Receipts(config.name, self._disk, self._sensor_keys)
        self._published: dict[str, bytes] = {}
        self._began = clock()
        self._rejects: Rejects | None = None
        self.process: Callable[[], dict[str, Any]] = dict  # what whoever runs us knows of link and heart
        self._remember()
        self._alarms = Alarms(config.name, self.line, store.alerts.open(), store.sensors.shelves(), store.alerts.held())
        for name, rate in self._alarms.babbling().items():
            self.subscriptions.rate_guard.suspect(name, rate, steady())
        self._notifier = _calls(config, self._disk, self._alarms, clock)
        changed = self._notifier.wake if self._notifier else lambda: None
        self._alert_publisher = AlertPublisher(self._disk, self._topic("alert"), self._snapshot, clock, changed)
        facts: dict[str, Callable[[], dict[str, Any]]] = {
            "config": lambda: shown(config),
            "status": self._health,
            "learning": self._learning,
        }
        self._requests = RequestServer(
            family,
            self.line,
            self._disk,
            self._alarms,
            self._model_rollout,
            self._alert_publisher,
            self._passports,
            facts,
            clock,
        )

        self._model_noted: Loaded | None = None
        wanted = config.assistant
        self._model = ModelProcess(wanted, self._note_model) if wanted.url or wanted.model else None
        tables = Tables(config.name, self.vitals, self._learning, self._requests.do)
        questions = Questions(wanted, tables, self._model, clock)
        for verb, answer in (("ask", questions.ask), ("why", questions.why), ("report", questions.report)):
            self._requests.add(verb, answer)

    async def run(self, channel: Channel, neighbours: Sequence[Subscriber] = ()) -> None:
        """Judge, store, publish, teach and exchange until cancelled; then write what waits."""
        model_rollout = self._model_rollout
        introduced, lacking = model_rollout.introduce, model_rollout.lacking.put
        statuses, receipts = self._firmware_rollout.statuses.put, self._receipts
        events = Events(self._take, introduced, lacking, statuses, self._requests.put, receipts.put)
        self._rejects = events.rejects
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch(channel, self.line, self.store.windows, events, self._clock))
                tasks.create_task(self._keep_windows())
                tasks.create_task(self._alert_publisher.run(channel))
                for name, work in self._restartable(channel, neighbours).items():
                    tasks.create_task(self.supervisor.keep(name, work))
        finally:
            if self._model:
                await self._model.close()
            self._disk.close()

    def _restartable(self, channel: Channel, neighbours: Sequence[Subscriber]) -> dict[str, Work]:
        """All that is not vital, by name: what fails is begun anew, and the rest goes on."""
        models, calls = self._model_rollout, {"notifications": self._notifier.run} if self._notifier else {}
        return {
            "receipts": partial(self._receipts.run, channel),
            "states": partial(self._show, channel),
            "requests": partial(self._requests.run, channel, self._topic),
            "hellos": partial(models.meet, channel),
            "model offers": partial(models.repeat, channel),
            "model repairs": partial(models.complete, channel),
            "learning": self._scheduler.run,
            "firmware": partial(self._firmware_rollout.run, channel),
            "exchange": partial(self._share.run, channel, neighbours),
            **calls,
        }

    def use_worker(self, new_worker: WorkerFactory) -> None:
        """Learn there instead of in a process of its own: for tests and benches, before `run`."""
        self._scheduler.new_worker = new_worker

    def see_to_outbox(self) -> int:
        """Have what waits published; says how often that was done, which grows as long as it does not hang."""
        self._alert_publisher.put(None)
        return self._alert_publisher.turns

    def greeting(self) -> list[Message]:
        """What a broker must hold of this gateway, said after every connect."""
        self._published.clear()  # states are said again: the broker may have lost them
        self._alert_publisher.put(None)
        said = [self.status("online"), self._retained("info", self._info()), self._snapshot()]
        return said + self._share.greeting()

    def status(self, state: str) -> Message:
        """online, stopped (by somebody) or offline (it vanished); and what neighbours must be of, too."""
        return self._retained("status", {"state": state, "federation": self.federation.mark})

    def _take(self, change: Change) -> None:
        for each in self._alarms.take(change):
            self._alert_publisher.put(each)

    async def _keep_windows(self) -> None:
        while True:
            await asyncio.sleep(self.config.store.flush_seconds)
            await self._disk.flush()
            self._alert_publisher.remind()
            with contextlib.suppress(DiskError):
                await self._disk.once(self.store.alerts.save_worst, self._alarms.open())

    async def _see_time(self, hearing: bool) -> None:
        """What time alone brings about: shelves expire, sensors are missed, and the clock may have been set."""
        now, changes = self._clock(), []
        if step := self._steps.look():
            log.warning("the clock was set by %+.0f s; what lasts goes on at its pace", step)
            changes = self._alarms.move(step, now)
            if self._notifier:
                self._notifier.move(step)
            with contextlib.suppress(DiskError):
                await self._disk.once(self.store.move_deadlines, step)
        changes += self._alarms.tick(now)
        own = self._own_conditions(now)
        for change in [*changes, *self._alarms.look(now, self._steady(), hearing, own)]:
            self._alert_publisher.put(change)

    def _own_conditions(self, now: float) -> dict[str, Finding | None]:
        """Which conditions of the gateway itself hold."""
        space = database.space(Path(self.config.state))
        heard = {each.name: self._statistics.heard(each.name) or self._began for each in self.config.neighbours}
        return {
            own_conditions.DISK: own_conditions.disk(space["free"], space["total"], self._disk.trouble),
            own_conditions.NEIGHBOUR: own_conditions.neighbours(heard, now, self.config.exchange.silent_days),
        }

    async def _take_back(self, publisher: Channel) -> None:
        """What was retained of sensors that were forgotten."""
        for name in list(self.line.forgotten):
            topics = [self._topic(name, leaf) for leaf in RETAINED]
            if all([await publisher.publish(Message(topic, b"", qos=1, retain=True)) for topic in topics]):
                self.line.forgotten.discard(name)
                self._published.pop(f"{name}/state", None)

    async def _show(self, publisher: Channel) -> None:
        """Publish the state of each sensor, and what we know of neighbours, when it changed."""
        while True:
            self.line.revoked = self._sensor_keys.revoked()
            self.line.babbling = self.subscriptions.rate_guard.rates()
            await self._see_time(publisher.connected)
            await self._take_back(publisher)
            for sensor in list(self.line.sensors.values()):
                await self._show_one(publisher, f"{sensor.name}/state", sensor.summary())
            await self._show_one(publisher, "info", self._info())
            await self._show_one(publisher, "alerts", self._listed())
            await asyncio.sleep(STATE_SECONDS)

    async def _show_one(self, publisher: Channel, leaf: str, value: dict[str, Any]) -> None:
        message = self._retained(leaf, value)
        if self._published.get(leaf) != message.payload and await publisher.publish(message):
            self._published[leaf] = message.payload

    def _remember(self) -> None:
        """Take up where the last run of the gateway stopped."""
        counts = self.store.windows.counts()
        for name, hello in self.store.sensors.hellos().items():
            sensor = self.line.known(name)
            sensor.hello, sensor.learnt = hello, counts.get(name, 0)
            self._model_rollout.recall(sensor)
            sensor.pinned = sensor.model is not None and self.store.models.is_taken_back(name)
        for name, learnt in self.store.sensors.relearning().items():
            sensor = self.line.known(name)
            sensor.relearning, sensor.learnt = sensor.model is not None, learnt

    def _begin_ledger(self) -> Passports:
        """Have what happens from now on entered and signed; the first time, vouch for the models that are there."""
        state, name = Path(self.config.state), self.config.name
        key, counting = keystore.load(state), partial(keystore.counting, state, name)
        table = self.store.begin_ledger(name, key, self._clock)
        passports = Passports(name, self.family, key, counting)
        try:
            head = ledger_table.published(state, keystore.lineage(state, name))
            fault = table.lost(head) if head else ""
        except ConfigError as error:  # nobody is kept waiting for it, and no model is vouched for
            head, fault = None, str(error)
        if fault:
            log.error("ledger: %s: the database was put back from a backup, or its past was changed", fault)
            self.store.note(Entry(ledger.RESTORED, sequence=head.number if head else 0, reason=fault))
        elif not head:
            self.store.models.sign(passports.inherit)
            self.store.enter(Entry(ledger.BEGUN, family=self.family.id, reason=f"reedmesh {__version__}"))
        return passports

    async def _note_model(self, loaded: Loaded) -> None:
        """Have the ledger say which language model chooses tools here, when it is another than before."""
        if loaded != self._model_noted:
            entry = Entry(ledger.ASSISTANT, sha256=loaded.sha256, reason=loaded.name)
            with contextlib.suppress(DiskError):
                await self._disk.once(self.store.enter, entry)
                self._model_noted = loaded

    def _info(self) -> dict[str, Any]:
        family = {"name": self.family.name, "id": self.family.id, "features": self.family.recipe.table()}
        about = {"version": __version__, "wire": wire.VERSION, "family": family, "sensors": self.config.sensors}
        return about | {"neighbours": self._share.heard(), "reputation": self._statistics.reputation()}

    def _learning(self) -> dict[str, Any]:
        """How learning together goes."""
        settings = {"profile": self.config.learning.profile, "fresh": self.config.learning.fresh}
        return self._scheduler.table() | settings | self._statistics.table()

    def vitals(self) -> dict[str, Any]:
        """How the gateway is: all that `reedmesh status` and the metrics tell."""
        sensors = {name: sensor.summary() for name, sensor in self.line.sensors.items()}
        disk = {
            "trouble": self._disk.trouble,
            "unsaved": self._alert_publisher.unsaved,
            "dropped": self.store.outbox.dropped,
        }
        disk |= {"waiting": self._alert_publisher.waiting, **database.space(Path(self.config.state))}
        alerts = self._alarms.open()
        calls = self._notifier.facts() if self._notifier else None
        told = {"alerts": [alert.id for alert in alerts], "standing": [alert.table() for alert in alerts]}
        rejected = self._rejects.total if self._rejects else 0
        about = {"name": self.config.name, "limit": self.config.sensors, "rejected": rejected, "calls": calls}
        about |= {"failed": self.supervisor.table(), "clock_set": self._steps.count, "sensors": sensors, "store": disk}
        about |= {"babbling": self.subscriptions.rate_guard.rates(), "refused": self.subscriptions.rate_guard.refused}
        return self._info() | about | told | self.process()

    def _health(self) -> dict[str, Any]:
        """The same as an answer on MQTT, which has to be short: of many sensors those that need a look."""
        return vitals.shortened(self.vitals())

    def _snapshot(self) -> Message:
        message = self._retained("alerts", self._listed())
        self._published["alerts"] = message.payload
        return message

    def _listed(self) -> dict[str, Any]:
        """The open alerts as they are now, the most urgent ones of too many."""
        alerts = sorted(self._alarms.open(), key=lambda alert: (alert.priority, alert.since))
        return {"alerts": [alert.table() for alert in alerts[:MOST_LISTED]], "open": len(alerts)}

    def _retained(self, leaf: str, value: dict[str, Any]) -> Message:
        return Message(self._topic(*leaf.split("/")), json.dumps(value).encode(), qos=1, retain=True)

    def _topic(self, *parts: str) -> str:
        return wire.topic(self.config.name, *parts)


def _calls(config: Config, disk: Disk, alarms: Alarms, clock: Callable[[], float]) -> AppriseNotifier | None:
    ways = ways_of(config.notify)
    return AppriseNotifier(config.name, config.notify, disk, alarms.open, ways, clock) if ways else None


def _keyring(config: Config) -> Keyring:
    pinned = {each.name: keys.read_public(each.key) for each in config.neighbours}
    return Keyring(pinned, Trust(Path(config.state), pinned), config.exchange.federation)


def _federation(config: Config, family: Family, keyring: Keyring) -> Federation:
    name, secret = config.exchange.federation, config.exchange.secret
    if not secret:
        return Federation(name)
    state = Path(config.state)
    own = [each for each in (keystore.load(state), keystore.previous(state)) if each]
    return Sealed(name, bytes.fromhex(secret), config.name, [family.id], own, keyring)


def _share(
    config: Config,
    family: Family,
    keyring: Keyring,
    disk: Disk,
    federation: Federation,
    heads: CheckpointExchange,
    supervisor: Supervisor,
) -> Share:
    state, names = Path(config.state), [each.name for each in config.neighbours]
    key, appointment = keystore.load(state), keystore.appointment(state)
    profile, timing = delta.PROFILES[config.learning.profile], Timing(Bounds(most=config.learning.patience))
    about = profile, timing, federation, appointment
    return Share(config.name, family, key, keyring, heads, disk, names, *about, supervisor=supervisor)
