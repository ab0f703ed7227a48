"""Questions in plain language: `ask`, `why`, `report`. Understood by tables, or by a model where one is configured.

What answers is made of the other requests' answers, so it shows nothing that a viewer could not ask for, and it changes
nothing. A model that is late, busy or gone costs an answer nothing but the time limit of the config.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, cast

from reedmesh.assistant.answer import TEMPLATE, Answer, Query, answer, of_alert
from reedmesh.assistant.model.process import ModelError, ModelProcess
from reedmesh.assistant.model.routing import believed, request
from reedmesh.assistant.past_alerts import PAGE, every
from reedmesh.assistant.periods import NAMED, UNITS, is_period
from reedmesh.assistant.understand import LONGEST, Intent, understand
from reedmesh.assistant.words import CODES
from reedmesh.config.settings import Assistant
from reedmesh.errors import RefusedError
from reedmesh.service.requests.arguments import Arguments

log = logging.getLogger(__name__)

Table = dict[str, Any]
Ask = Callable[[str, Table], Awaitable[Table]]
LONGEST_PERIOD = 16  # characters


class Tables:
    """The tables that the assistant requests from a gateway. ask: a verb and its arguments -> the gateway's answer."""

    def __init__(self, name: str, vitals: Callable[[], Table], learning: Callable[[], Table], ask: Ask) -> None:
        self.name = name
        self.vitals = vitals
        self.learning = learning
        self._ask = ask

    async def alerts(self, since: float, until: float, limit: int) -> Sequence[Table]:
        """Those that stood at some time between, newest first."""

        async def page(until: float) -> Sequence[Table]:
            found = await self._ask("alerts", {"since": since, "until": until, "limit": PAGE})
            return cast(Sequence[Table], found["alerts"])

        return await every(page, until, limit)

    async def alert(self, alert: str) -> Mapping[str, Any]:
        """One, with its contributions."""
        return await self._ask("alert", {"alert": alert})

    async def history(self, sensor: str, since: float, until: float, points: int) -> Mapping[str, Any]:
        """A sensor's score over time."""
        return await self._ask("history", {"sensor": sensor, "since": since, "until": until, "points": points})

    async def models(self, sensor: str) -> Mapping[str, Any]:
        """The models it was offered."""
        return await self._ask("models", {"sensor": sensor})

    async def maintenance(self, sensor: str) -> Mapping[str, Any]:
        """Velocity, zone, marks and trend."""
        return await self._ask("maintenance", {"sensor": sensor})


class Questions:
    """Of one gateway. model: None when tables alone understand."""

    def __init__(
        self,
        settings: Assistant,
        tables: Tables,
        model: ModelProcess | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._settings = settings
        self._tables = tables
        self._model = model
        self._clock = clock

    async def ask(self, given: Arguments) -> Table:
        """{text, language?}: an answer to a question; language: the asker's, if the question does not show it."""
        text, language = given.some_text("text", LONGEST), self._language(given)
        known = list(self._tables.vitals()["sensors"])
        intent, by, trouble = understand(text, known, language), TEMPLATE, ""
        if self._model and not intent.tool and not intent.unknown:
            try:
                told = await self._model.complete(request(text, known))
                intent, by = believed(told, text, known, intent), self._model.name
            except ModelError as error:
                log.warning("assistant: %s", error)
                trouble = str(error)
        said = await self._said(intent, by)
        return said | ({"trouble": trouble} if trouble else {})

    async def why(self, given: Arguments) -> Table:
        """{alert, language?}: what an alert is about, what stood out in it, and where to look."""
        intent = Intent("why", language=self._language(given))
        now = self._clock()
        facts = await of_alert(self._tables, given.some_text("alert", 100), now)
        return Answer(intent, tuple(facts)).table(now)

    async def report(self, given: Arguments) -> Table:
        """{period?, language?}: what happened in a time, such as "8h" or "last-shift"; default: the running shift."""
        period = given.text("period", LONGEST_PERIOD)
        if not is_period(period):
            raise RefusedError(
                f"period: a number with one of {', '.join(UNITS)}, such as 8h, or one of {', '.join(NAMED)}"
            )
        return await self._said(Intent("report", period=period, language=self._language(given)))

    async def _said(self, intent: Intent, by: str = TEMPLATE) -> Table:
        now = self._clock()
        return (await answer(Query(intent, self._tables, now, self._settings.shifts), by)).table(now)

    def _language(self, given: Arguments) -> str:
        code = given.text("language", 8) or self._settings.language
        if code not in CODES:
            raise RefusedError(f"language: one of {', '.join(CODES)}")
        return code
