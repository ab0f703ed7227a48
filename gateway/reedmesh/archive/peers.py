"""Questions to neighbours and their answers, over the links that a gateway has: each speaks on its own broker."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Iterable

from reedmesh.archive import frames
from reedmesh.archive.frames import Frame
from reedmesh.errors import WireError
from reedmesh.identity.keys import Key
from reedmesh.links.message import Message

PATIENCE = 10.0  # seconds that an answer may take
MOST_ASKED = 1000  # questions that wait for their answers

Say = Callable[[Message], Awaitable[bool]]
KeysOf = Callable[[str], Iterable[bytes]]


class Peers:
    """Speaks for the gateway `name`. keys_of: the keys that a neighbour may sign with. clock: s since 1970."""

    def __init__(self, name: str, key: Key, federation: str, keys_of: KeysOf, clock: Callable[[], float]) -> None:
        self.say: Say = _nobody
        self.patience = PATIENCE
        self._name, self._key, self._federation = name, key, federation
        self._keys_of, self._clock = keys_of, clock
        self._asked: dict[bytes, tuple[str, asyncio.Future[Frame]]] = {}
        self._last = 0
        self._offer: Message | None = None

    def hear(self, gateway: str, raw: bytes) -> Frame | None:
        """The message in `raw` if somebody has to act on it; an answer goes to who asked. Raises WireError."""
        it = frames.unpack(raw, gateway, self._name, self._keys_of(gateway), self._federation)
        if it.kind not in frames.ANSWERS:
            return it
        asked, answer = self._asked.get(it.nonce, ("", None))
        if asked != gateway or answer is None or answer.done():
            raise WireError(f"archive: an answer of {gateway} that nobody waits for: it was late, or is repeated")
        answer.set_result(it)
        return None

    async def ask(self, gateway: str, kind: int, body: bytes = b"") -> Frame | None:
        """The answer of a neighbour to a question; None if there is none in time."""
        if len(self._asked) >= MOST_ASKED:
            return None
        nonce = secrets.token_bytes(frames.NONCE)
        answer: asyncio.Future[Frame] = asyncio.get_running_loop().create_future()
        self._asked[nonce] = gateway, answer
        try:
            async with asyncio.timeout(self.patience):
                if not await self._send(kind, gateway, nonce, body):
                    return None
                return await answer
        except TimeoutError:
            return None
        finally:
            self._asked.pop(nonce)

    async def answer(self, question: Frame, kind: int, body: bytes = b"") -> None:
        """Answer a neighbour's question; if that is not sent, it asks again."""
        await self._send(kind, question.sender, question.nonce, body)

    async def refuse(self, question: Frame, why: str) -> None:
        """Answer that it is not done, and why."""
        await self.answer(question, frames.REFUSED, why.encode()[: frames.LONGEST_REASON])

    async def tell(self, offer: frames.Offer) -> bool:
        """Have our broker hold our offer."""
        return await self._send(frames.OFFER, "", bytes(frames.NONCE), offer.pack(), retain=True)

    def greeting(self) -> list[Message]:
        """What our broker must hold of us."""
        return [self._offer] if self._offer else []

    async def _send(self, kind: int, to: str, nonce: bytes, body: bytes, retain: bool = False) -> bool:
        self._last = max(self._last + 1, int(self._clock() * 1000))
        raw = frames.pack(Frame(kind, self._name, to, self._last, nonce, body), self._key, self._federation)
        message = Message(frames.topic(self._name, to), raw, qos=1, retain=retain)
        self._offer = message if retain else self._offer
        return await self.say(message)


async def _nobody(_message: Message) -> bool:
    return False
