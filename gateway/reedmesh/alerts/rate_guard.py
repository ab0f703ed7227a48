"""The rate limiter of clients: blocks a name that sends far too much, for a while, then tries it again. Pure.

The literature on fieldbuses calls a node that floods its bus a babbling idiot (Kopetz, Real-Time Systems): it takes the
place of the others and must be cut off. Each name has a token bucket. A name that takes more than its bucket holds is
blocked, each time for twice as long. It counts as babbling until it passed TRIAL seconds without another overflow.
Unknown names share one bucket (DOOR) when there are many of them. Times are seconds of a clock that nobody sets.
"""

from collections.abc import Collection
from dataclasses import dataclass

from reedmesh.protocol.wire import is_name
from reedmesh.token_bucket import TokenBucket

MOST = 100.0  # messages a second of one name: a sensor has 1 to 20 windows a second to tell
BURST = 300.0  # as many more at once, for the gateway may have been held up
DOOR_BURST = 1000.0  # the same of all unknown senders: a hall says hello at once after a power cut
STRANGERS = 256  # of them that have a bucket of their own
SETTLED = 2.0  # until the broker has stopped sending what was unsubscribed from
FIRST, LONGEST = 10.0, 300.0  # a name is shut out so long
TRIAL = 10.0  # in which it must not overflow again, to count as well
DOOR = ""  # stands for unknown senders; no sensor's name is empty


@dataclass
class ClientRate:
    """The rate of one name. rate: messages a second when it was last blocked; 0 while it is not."""

    bucket: TokenBucket
    began: float = 0.0
    said: int = 0  # since it began to say more than MOST
    shut: bool = False
    since: float = 0.0
    until: float = 0.0  # it is shut out; then, on trial
    pause: float = FIRST
    rate: float = 0.0

    def speak(self, now: float) -> bool:
        """One message more; False if it is one too many, and it is shut out."""
        if not self.said or self.bucket.tokens(now) >= self.bucket.burst:
            self.began, self.said = now, 0
        self.said += 1
        if self.bucket.take(1, now) < 0:
            self.rate = self.said / max(now - self.began, 0.001)
            self.shut, self.since, self.until = True, now, now + self.pause
            self.pause = min(LONGEST, 2 * self.pause)
        return not self.shut

    def look(self, now: float) -> None:
        """Time goes by: it is put on trial, or has passed."""
        if self.shut and now >= self.until:
            self.shut = False
            self.suspect(self.rate, now)
        elif self.rate and not self.shut and now >= self.until:
            self.rate, self.pause = 0.0, FIRST

    def suspect(self, rate: float, now: float) -> None:
        """Whether it was blocked, and is on trial now."""
        self.rate, self.until = rate, now + TRIAL
        self.said = 0
        self.bucket.set(MOST, now)


class RateGuard:
    """All who speak to a gateway. known: the names of its sensors, as of now. own: more that are no unknown senders'.

    refused: messages not listened to. shut: names that are not; with DOOR, nor is any unknown sender.
    """

    def __init__(self, known: Collection[str], own: Collection[str] = ()) -> None:
        self.refused = 0
        self.shut: frozenset[str] = frozenset()
        self._known = known
        self._own = own
        self._clients: dict[str, ClientRate] = {}

    def admit(self, name: str, now: float) -> bool:
        """Whether to listen to a message of `name`."""
        client = self._client(name, now)
        if client.shut and now - client.since > SETTLED:  # unsubscribed from, it comes in with the unknown senders
            client = self._client(DOOR, now)
        heard = not client.shut and client.speak(now)
        if client.shut and client.since == now:
            self._note()
        admitted = heard and name not in self.shut and (DOOR not in self.shut or not self._is_strange(name))
        self.refused += not admitted
        return admitted

    def suspect(self, name: str, rate: float, now: float) -> None:
        """Treat `name` as blocked: it was so before the gateway started."""
        self._client(name, now).suspect(rate, now)

    def rates(self) -> dict[str, float]:
        """Messages a second of the blocked senders."""
        return {name: client.rate for name, client in self._clients.items() if client.rate}

    def look(self, now: float) -> None:
        """Time goes by: those whose time is over are listened to again, and silent unknown senders forgotten."""
        for name, client in list(self._clients.items()):
            client.look(now)
            if not client.rate and now - (client.bucket.at or 0.0) > DOOR_BURST / MOST and self._is_strange(name):
                del self._clients[name]
        self._note()

    def _client(self, name: str, now: float) -> ClientRate:
        if name not in self._clients:
            crowded = len(self._clients) >= len(self._known) + STRANGERS
            name = DOOR if self._is_strange(name) and (crowded or not is_name(name)) else name
            burst = BURST if name else DOOR_BURST
            self._clients.setdefault(name, ClientRate(TokenBucket(MOST, burst, now)))
        return self._clients[name]

    def _is_strange(self, name: str) -> bool:
        return name not in self._known and name not in self._own

    def _note(self) -> None:
        self.shut = frozenset(name for name, client in self._clients.items() if client.shut)
