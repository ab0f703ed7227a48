"""The gateway at work: runs the data path beside writing, publishing, answering and learning.

Its parts are made in composition.py. Tasks talk through queues; the database has a thread of its own
(store/writer.py) and learning a process of its own (updates/worker.py), so that the data path waits for neither.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from reedmesh.alerts.alert import Change
from reedmesh.config.settings import Config, shown
from reedmesh.errors import DiskError
from reedmesh.inference.families import Families
from reedmesh.inference.family import Family
from reedmesh.links.message import Channel, Message, Subscriber
from reedmesh.readings.watch import Events, watch
from reedmesh.service import daily_copy
from reedmesh.service.archiving import Contents
from reedmesh.service.composition import Parts, compose, listed
from reedmesh.service.recorder import Recorder
from reedmesh.service.requests.archive_requests import add_archive
from reedmesh.service.requests.assistant import add_questions
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.joining import Joining
from reedmesh.service.requests.pool_requests import PoolRequests
from reedmesh.service.requests.server import AnswerOf, RequestServer
from reedmesh.service.state_publisher import StatePublisher
from reedmesh.service.status import Status
from reedmesh.service.trends import keep_trends
from reedmesh.store.store import Store
from reedmesh.supervisor import Work
from reedmesh.updates.worker import WorkerFactory


class Gateway:
    """One gateway; `run` lasts until it is cancelled.

    families: that it serves, or the only one. clock: seconds since 1970; steady: seconds that nobody sets.
    """

    def __init__(
        self,
        config: Config,
        families: Families | Family,
        store: Store,
        clock: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        served = families if isinstance(families, Families) else Families([families])
        self.parts = compose(config, served, store, clock, steady)
        self._events = self._path_events()
        self.reported = Status(self.parts, self._events.rejects)
        self._states = StatePublisher(self.parts, self.reported)
        self._requests = RequestServer(_context(self.parts), self._facts())
        self._model = add_questions(self.parts, self.reported, self._requests)
        self._recorder = Recorder(self.parts)
        self.contents = _contents(self.parts)
        add_archive(self._requests, self.parts.archive, self.contents, Path(config.state))
        self._pool = PoolRequests(self.parts.pool, len(config.neighbours))
        self._add_requests()
        self.begin_anew: Callable[[], None] = lambda: None  # has the process read its settings again
        self.stopping: Callable[[], bool] = lambda: False  # whether somebody told it to end

        self.config, self.family, self.store = config, served.first, store
        self.line, self.subscriptions = self.parts.line, self.parts.subscriptions
        self.supervisor, self.federation = self.parts.supervisor, self.parts.federation

    def _add_requests(self) -> None:
        """Answer the requests of parts that the request server does not know."""
        joining = Joining(self.parts.config, lambda: self.begin_anew())
        added: dict[str, AnswerOf] = {
            "join": joining.join,
            "invitation": joining.pending,
            "test-alert": self._states.test_alert,
        }
        added |= {"record": self._recorder.record, "stop-recording": self._recorder.stop}
        added |= {"recordings": self._recorder.listed}
        added |= {"jobs": self._pool.jobs, "borrow": self._pool.borrow, "borrowed": self._pool.borrowed}
        for verb, answer in added.items():
            self._requests.add(verb, answer)

    async def run(self, channel: Channel, neighbours: Sequence[Subscriber] = ()) -> None:
        """Judge, store, publish, answer, learn and exchange until cancelled; then write what waits."""
        parts = self.parts
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(watch(channel, self.line, self.store.windows, self._events, parts.clock))
                tasks.create_task(self._keep_windows())
                tasks.create_task(parts.alert_publisher.run(channel))
                for name, work in self._restartable(channel, neighbours).items():
                    tasks.create_task(self.supervisor.keep(name, work))
        finally:
            await self._pool.close()
            if self._model:
                await self._model.close()
            parts.disk.close()

    def _restartable(self, channel: Channel, neighbours: Sequence[Subscriber]) -> dict[str, Work]:
        """Return the tasks that are not vital, by name: the supervisor restarts one that fails."""
        parts, models = self.parts, self.parts.model_rollout
        notifications = {"notifications": parts.notifier.run} if parts.notifier else {}
        return {
            "receipts": partial(parts.receipts.run, channel),
            "recordings": self._recorder.run,
            "states": partial(self._states.run, channel),
            "requests": partial(self._requests.run, channel, parts.retained.topic),
            "hellos": partial(models.meet, channel),
            "model offers": partial(models.repeat, channel),
            "model repairs": partial(models.complete, channel),
            **self._learning(),
            "parts": parts.part_learning.run,
            "trends": partial(
                keep_trends, parts.disk, self.line, self.family.recipe, self.config.machines, parts.clock
            ),
            "firmware": partial(parts.firmware_rollout.run, channel),
            "exchange": partial(parts.neighbourhoods.run, channel, neighbours),
            "pool": partial(parts.pool.run, channel),
            "daily copy": partial(daily_copy.run, self.store, Path(self.config.state), self.config.name),
            **notifications,
            **self._archiving(channel),
        }

    def _archiving(self, channel: Channel) -> dict[str, Work]:
        """Return the work of the archive, if this gateway takes part in it."""
        if not self.parts.archive or not self.contents:
            return {}
        return {
            "archive": partial(self.parts.archive.run, channel.publish),
            "archive contents": self.contents.run,
        }

    def _learning(self) -> dict[str, Work]:
        """Return the rounds of each family; of the first its name is not told."""
        every = self.parts.learners
        return {
            f"learning {each.family.name}" if each is not every[0] else "learning": each.scheduler.run for each in every
        }

    def use_worker(self, new_worker: WorkerFactory) -> None:
        """Learn there instead of in a process of its own: for tests and benches, before `run`."""
        self.parts.part_learning.new_worker = new_worker
        for each in self.parts.learners:
            each.scheduler.new_worker = new_worker

    def see_to_outbox(self) -> int:
        """Have what waits published; returns how often that was done, which grows as long as it does not hang."""
        self.parts.alert_publisher.put(None)
        return self.parts.alert_publisher.turns

    def greeting(self) -> list[Message]:
        """Return what a broker must hold of this gateway; published after every connect."""
        retained = self.parts.retained
        retained.clear()
        self.parts.alert_publisher.put(None)
        info, alerts = self.reported.info(), listed(self.parts.alarms, self.parts.config.notify.priority)
        said = [self.status("online"), retained.message("info", info), retained.noted("alerts", alerts)]
        archive = self.parts.archive.site.peers.greeting() if self.parts.archive else []
        return said + self.parts.neighbourhoods.greeting() + archive

    def status(self, state: str) -> Message:
        """Return the message of `state`: online, stopped (by somebody) or offline (vanished); and of the federation."""
        return self.parts.retained.message("status", {"state": state, "federation": self.federation.mark})

    def vitals(self) -> dict[str, Any]:
        """As `Status.vitals`."""
        return self.reported.vitals()

    def _path_events(self) -> Events:
        """Return who takes what the data path hands on."""
        parts, models = self.parts, self.parts.model_rollout
        return Events(
            self._take,
            models.introduce,
            models.lacking.put,
            parts.firmware_rollout.statuses.put,
            lambda verb, payload: self._requests.put(verb, payload),
            parts.receipts.put,
            parts.part_learning.take,
            parts.part_learning.take_label,
        )

    def _facts(self) -> dict[str, Callable[[], dict[str, Any]]]:
        config = self.parts.config
        return {
            "config": lambda: shown(config),
            "status": self.reported.health,
            "learning": self.reported.learning,
        }

    def farewell(self) -> Message:
        """The message when the gateway ends: stopped by a person, or offline because it failed."""
        return self.status("stopped" if self.stopping() else "offline")

    def _take(self, change: Change) -> None:
        for each in self.parts.alarms.take(change):
            self.parts.alert_publisher.put(each)

    async def _keep_windows(self) -> None:
        while True:
            await asyncio.sleep(self.config.store.flush_seconds)
            await self.parts.disk.flush()
            self.parts.alert_publisher.remind()
            with contextlib.suppress(DiskError):
                await self.parts.disk.once(self.store.alerts.save_worst, self.parts.alarms.open())


def _contents(parts: Parts) -> Contents | None:
    if not parts.archive:
        return None
    return Contents(parts.config, parts.archive, parts.disk, lambda: sorted(parts.line.sensors), parts.clock)


def _context(parts: Parts) -> Context:
    return Context(
        parts.family,
        parts.line,
        parts.disk,
        parts.alarms,
        parts.model_rollout,
        parts.alert_publisher,
        parts.passports,
        parts.clock,
        parts.config.machines,
        parts.config.assistant.shifts,
    )
