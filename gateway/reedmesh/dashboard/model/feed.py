"""The link of the dashboard to the brokers: reads every broker, keeps the view, and sends requests to gateways."""

import asyncio
import json
import logging
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reedmesh.broker.acl import DASHBOARD
from reedmesh.config.hosts import Address
from reedmesh.dashboard.model.reducer import SUBSCRIPTIONS, connection, fold
from reedmesh.dashboard.model.view import View
from reedmesh.errors import RefusedError
from reedmesh.identity.invitation import opened_by
from reedmesh.json_object import read_json
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol import wire
from reedmesh.protocol.wire import WireError

log = logging.getLogger(__name__)

LOOK = 0.2  # seconds between two looks at the connections
PATIENCE = 8.0  # seconds a gateway has to answer ...
PATIENCE_OF = {"ask": 45.0}  # ... but to what it may have to ask a language model
MOST_ASKED = 200  # questions that may be open at once, of all browsers together


class NoAnswerError(RefusedError):
    """A gateway cannot be asked now, or did not answer in time."""


@dataclass(frozen=True)
class BrokerAddress:
    """Where a broker is, and how to log in. ca: file of what its certificate is checked against; "" for no TLS."""

    host: str
    port: int
    password: str = ""
    ca: str = ""
    others: Sequence[Address] = ()  # further nodes of a cluster


class Feed:
    """The messages of some brokers so far, in `view`."""

    def __init__(self, brokers: Sequence[BrokerAddress]) -> None:
        client = f"dashboard-{secrets.token_hex(4)}"  # two clients of one name would keep throwing each other out
        self.view = View()
        self._asked: dict[str, asyncio.Future[dict[str, Any]]] = {}
        links = [
            Link(
                each.host,
                each.port,
                client,
                subscriptions=dict.fromkeys(SUBSCRIPTIONS, 0) if each.others else SUBSCRIPTIONS,
                login=(DASHBOARD, each.password),
                ca=each.ca,
                others=each.others,
            )
            for each in brokers
        ]
        self._links = {link.place: link for link in links}
        self._passwords = {link.place: each.password for link, each in zip(links, brokers, strict=True)}

    async def run(self) -> None:
        """Listen until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for link in self._links.values():
                tasks.create_task(self._listen(link), name=f"listen {link.place}")
            tasks.create_task(self._look(), name="look")

    async def ask(self, gateway: str, verb: str, **arguments: Any) -> dict[str, Any]:
        """The answer of `gateway` to `verb`; raises RefusedError with its reason, NoAnswerError without one."""
        known = self.view.gateways.get(gateway)
        link = self._links.get(known.broker) if known else None
        if not link or not link.connected or len(self._asked) >= MOST_ASKED:
            raise NoAnswerError(gateway)
        mine = secrets.token_hex(8)
        self._asked[mine] = answer = asyncio.get_running_loop().create_future()
        try:
            payload = json.dumps({**arguments, "transaction": mine}).encode()
            async with asyncio.timeout(PATIENCE_OF.get(verb, PATIENCE)):
                if not await link.publish(Message(wire.topic(gateway, "request", verb), payload, qos=1)):
                    raise NoAnswerError(gateway)
                return _data(await answer)
        except TimeoutError as error:
            raise NoAnswerError(gateway) from error
        finally:
            del self._asked[mine]

    async def invitation(self, gateway: str, by: str) -> str:
        """The open invitation of a gateway, "" if there is none; raises as `ask` does, and for a wrong login."""
        answer = await self.ask(gateway, "invitation", by=by)
        if not answer.get("sealed"):
            return ""
        try:
            return opened_by(self._passwords[self.view.gateways[gateway].broker], str(answer["sealed"]))
        except (WireError, KeyError) as error:
            raise RefusedError(f"the invitation of {gateway}: {error}") from error

    async def _listen(self, link: Link) -> None:
        async for message in link.messages():
            if "/response/" in message.topic:
                self._answered(message)
            else:
                self.view = fold(self.view, link.place, message, time.time())

    def _answered(self, message: Message) -> None:
        """Hand an answer to whoever asked; most are for others."""
        try:
            said = read_json(message.payload, wire.MAX_PAYLOAD)
        except WireError:
            return
        asked = self._asked.get(str(said.get("transaction")))
        if asked and not asked.done():
            asked.set_result(said)

    async def _look(self) -> None:
        while True:
            for place, link in self._links.items():
                self.view = connection(self.view, place, link.connected, time.time())
            await asyncio.sleep(LOOK)


def _data(said: dict[str, Any]) -> dict[str, Any]:
    data = said.get("data")
    if said.get("status") != "ok" or not isinstance(data, dict):
        raise RefusedError(str(said.get("error", "")))
    return data
