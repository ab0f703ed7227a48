"""Who says far more than a sensor has to say: found by name, not listened to for a while, then tried again. Pure.

A node that floods its bus is a babbling idiot in the literature on fieldbuses (Kopetz, Real-Time Systems): it takes the
others' place, and must be cut off. Each name has a token bucket. Whose overflows is shut out, each time for twice as
long, and babbles until it was heard for a while without overflowing. Strangers, names of no sensor, have one bucket
together when there are many of them: the door. Times are seconds of a clock nobody sets.
"""

from collections.abc import Collection
from dataclasses import dataclass

from reedmesh.protocol.wire import is_name

MOST = 100.0  # messages a second of one name: a sensor has 1 to 20 windows a second to tell
BURST = 300.0  # as many more at once, for the gateway may have been held up
DOOR_BURST = 1000.0  # the same of all strangers: a hall says hello at once after a power cut
STRANGERS = 256  # of them that have a bucket of their own
SETTLED = 2.0  # until the broker has stopped sending what was unsubscribed from
FIRST, LONGEST = 10.0, 300.0  # a name is shut out so long
TRIAL = 10.0  # in which it must not overflow again, to count as well
DOOR = ""  # stands for strangers; no sensor's name is empty


@dataclass
class ClientRate:
    """What one name says. rate: messages a second when it was last shut out; 0 while all is well."""

    burst: float
    tokens: float
    at: float
    began: float = 0.0
    said: int = 0  # since it began to say more than MOST
    shut: bool = False
    since: float = 0.0
    until: float = 0.0  # it is shut out; then, on trial
    pause: float = FIRST
    rate: float = 0.0

    def speak(self, now: float) -> bool:
        """One message more; False if it is one too many, and it is shut out."""
        self.tokens = min(self.burst, self.tokens + (now - self.at) * MOST)
        self.at = now
        if not self.said or self.tokens >= self.burst:
            self.began, self.said = now, 0
        self.said += 1
        self.tokens -= 1
        if self.tokens < 0:
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
        """It babbled, and is on trial."""
        self.rate, self.until = rate, now + TRIAL
        self.tokens, self.at, self.said = MOST, now, 0


class RateGuard:
    """All who speak to a gateway. known: the names of its sensors, as of now. own: more that are no strangers'.

    refused: messages not listened to. shut: names that are not; with DOOR, nor is any stranger.
    """

    def __init__(self, known: Collection[str], own: Collection[str] = ()) -> None:
        self.refused = 0
        self.shut: frozenset[str] = frozenset()
        self._known = known
        self._own = own
        self._voices: dict[str, ClientRate] = {}

    def admit(self, name: str, now: float) -> bool:
        """Whether to listen to a message of `name`."""
        voice = self._voice(name, now)
        if voice.shut and now - voice.since > SETTLED:  # unsubscribed from, it comes in with the strangers
            voice = self._voice(DOOR, now)
        heard = not voice.shut and voice.speak(now)
        if voice.shut and voice.since == now:
            self._note()
        admitted = heard and name not in self.shut and (DOOR not in self.shut or not self._is_strange(name))
        self.refused += not admitted
        return admitted

    def suspect(self, name: str, rate: float, now: float) -> None:
        """`name` babbled before the gateway was started."""
        self._voice(name, now).suspect(rate, now)

    def rates(self) -> dict[str, float]:
        """Messages a second of those that babble."""
        return {name: voice.rate for name, voice in self._voices.items() if voice.rate}

    def look(self, now: float) -> None:
        """Time goes by: those whose time is over are listened to again, and silent strangers forgotten."""
        for name, voice in list(self._voices.items()):
            voice.look(now)
            if not voice.rate and now - voice.at > DOOR_BURST / MOST and self._is_strange(name):
                del self._voices[name]
        self._note()

    def _voice(self, name: str, now: float) -> ClientRate:
        if name not in self._voices:
            crowded = len(self._voices) >= len(self._known) + STRANGERS
            name = DOOR if self._is_strange(name) and (crowded or not is_name(name)) else name
            burst = BURST if name else DOOR_BURST
            self._voices.setdefault(name, ClientRate(burst, burst, now))
        return self._voices[name]

    def _is_strange(self, name: str) -> bool:
        return name not in self._known and name not in self._own

    def _note(self) -> None:
        self.shut = frozenset(name for name, voice in self._voices.items() if voice.shut)
