"""The request server: takes requests of people and programs on `request/<verb>`, answers on `response/<verb>`.

    {"alert": "press3-18f2", "by": "Ana", "transaction": "7"}
    {"status": "ok", "data": {...}, "transaction": "7"}    or    {"status": "error", "error": "...", "transaction": "7"}

What a request changes is on disk before it is answered. Reading is done on the store's thread.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from reedmesh.errors import DiskError, RefusedError
from reedmesh.inference import explain
from reedmesh.json_object import read_json
from reedmesh.links.message import Message, Publisher
from reedmesh.protocol.wire import WireError
from reedmesh.service.requests import (
    alert_requests,
    audits,
    history_requests,
    maintenance_requests,
    part_requests,
    provenance_requests,
    sensor_requests,
)
from reedmesh.service.requests.arguments import Arguments
from reedmesh.service.requests.context import Context
from reedmesh.service.requests.verbs import VERBS

# Importing them fills VERBS.
MODULES = (
    alert_requests,
    sensor_requests,
    part_requests,
    history_requests,
    maintenance_requests,
    audits,
    provenance_requests,
)
log = logging.getLogger(__name__)

MOST_JSON = 4096  # bytes of a request
QUEUE = 200  # requests that wait; more are dropped
MOST_ANSWERING = 4  # requests that may take their time at once; further ones are answered in turn

AnswerOf = Callable[[Arguments], Awaitable[dict[str, Any]]]


class RequestServer:
    """Answers for one gateway. facts: answers to requests without arguments, by verb."""

    def __init__(self, context: Context, facts: dict[str, Callable[[], dict[str, Any]]]) -> None:
        self.inbox: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(QUEUE)
        self._context = context
        self._facts = facts
        self._added: dict[str, AnswerOf] = {}
        self._answering: set[asyncio.Task[None]] = set()  # requests that were added, each with a task of its own

    def add(self, verb: str, answer: AnswerOf) -> None:
        """Answer `verb`, too; it may take its time, for others do not wait for it."""
        self._added[verb] = answer

    def put(self, verb: str, payload: bytes) -> None:
        """Take a request; raises WireError when too many wait."""
        if self.inbox.full():
            raise WireError(f"{QUEUE} requests wait already")
        self.inbox.put_nowait((verb, payload))

    async def run(self, publisher: Publisher, topic: Callable[..., str]) -> None:
        """Answer one after the other until cancelled. topic: ("response", verb) -> the topic of the answer."""
        try:
            while True:
                verb, payload = await self.inbox.get()
                if verb in self._added and len(self._answering) < MOST_ANSWERING:
                    task = asyncio.create_task(self._respond(verb, payload, publisher, topic))
                    self._answering.add(task)
                    task.add_done_callback(self._answering.discard)
                else:
                    await self._respond(verb, payload, publisher, topic)
        finally:
            for each in list(self._answering):
                each.cancel()  # the store closes, and what reads it would fail

    async def _respond(self, verb: str, payload: bytes, publisher: Publisher, topic: Callable[..., str]) -> None:
        answer = await self.answer(verb, payload)
        known = verb if verb in self._verbs() else "unknown"
        await publisher.publish(Message(topic("response", known), explain.compact(answer), qos=1))

    async def answer(self, verb: str, payload: bytes) -> dict[str, Any]:
        """The answer to one request; what is wrong with it is in the answer."""
        transaction: str | None = None
        try:
            table = read_json(payload, MOST_JSON) if payload else {}
            transaction = Arguments(table).text("transaction", 64) or None
            said = {"status": "ok", "data": await self.do(verb, table)}
        except (RefusedError, WireError, DiskError) as error:
            said = {"status": "error", "error": f"{verb:.20}: {error}"}
        except Exception as error:
            log.error("%.20s: not foreseen", verb, exc_info=error)
            said = {
                "status": "error",
                "error": f"{verb:.20}: {type(error).__name__}, which nobody foresaw: see the log",
            }
        return said | ({"transaction": transaction} if transaction else {})

    async def do(self, verb: str, table: dict[str, Any]) -> dict[str, Any]:
        """The answer to a request; raises RefusedError with its fault."""
        given = Arguments(table)
        if fact := self._facts.get(verb):
            return fact()
        if added := self._added.get(verb):
            return await added(given)
        if verb not in VERBS:
            raise RefusedError(f"no such request; there are {', '.join(sorted(self._verbs()))}")
        return await VERBS[verb](self._context, given)

    def _verbs(self) -> set[str]:
        return {*VERBS, *self._facts, *self._added}
