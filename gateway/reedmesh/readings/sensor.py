"""What the gateway knows of its sensors, and what one window changes in that. No I/O: the service does what follows.

A sensor is `learning` until it has a model, `deploying` until it runs that model itself, then `watching`.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from reedmesh.alerts.alert import Alert, Change
from reedmesh.alerts.conditions import Rule, rules
from reedmesh.alerts.debounce import Watcher
from reedmesh.alerts.escalation import calls_for
from reedmesh.alerts.presence import Presence
from reedmesh.alerts.seen import Seen
from reedmesh.inference.learnt import Learnt
from reedmesh.protocol import scaling
from reedmesh.protocol.wire import Window
from reedmesh.readings import axes, hello
from reedmesh.readings.parts import Judged, Station

if TYPE_CHECKING:  # the web page uses this file without LiteRT
    from reedmesh.inference.model import Judgement, Model

RECENT = 256  # windows by which it is known whether a late one was heard before
BOOTS = 4  # starts of a sensor that are remembered
LEAST_LIMIT = 0.001  # of a score: a model that learnt from a dead transducer has a threshold of 0
MOST_TRIES = 3  # rounds of learning that may break off before a verdict's lesson has failed
CALLED = 2  # priority down to which people are called, unless the settings say otherwise
LEARNING, DEPLOYING, WATCHING = "learning", "deploying", "watching"


@dataclass
class Counters:
    """What happened to a sensor's windows since the gateway started."""

    windows: int = 0
    missed: int = 0  # published but never arrived: gaps in the numbering
    lost: int = 0  # discarded on the sensor because the transducer overran, since the sensor's boot
    disagreements: int = 0  # sensor and gateway ran the same model on the same features and differ
    late: int = 0  # kept by the sensor over an outage and sent after it; not among `windows`
    doubled: int = 0  # from a start before the last one, or numbered like one before: two boards have this name


@dataclass
class Sensor:
    """One sensor of this gateway's line."""

    name: str
    watcher: Watcher
    presence: Presence
    to_learn: int  # windows it takes to learn the machine
    learnt: int = 0
    hello: dict[str, Any] = field(default_factory=dict)
    online: bool = False
    model: "Model | None" = None
    sequence: int = 0  # of the newest model made for it
    running: bytes = bytes(8)  # key of the model it says it runs
    refusal: str = ""  # why it did not take the last model, in its own words
    update: str = ""  # what its firmware update is at, in words
    counters: Counters = field(default_factory=Counters)
    score: int | None = None
    judgement: "Judgement | None" = None  # of the window that came last, when it is of a part
    relearning: bool = False  # somebody had it learnt anew: not judged until that is done
    pinned: bool = False  # somebody took its model back: it keeps the one before
    moved: float = 0.0  # units from how it was commissioned, when that is too far to be learnt on; else 0
    fresh: int = 0  # normal windows since the last round of learning
    lesson: str | None = None  # what came of the lesson of a verdict, "" when it is in service; None: nothing yet
    answering: bool = False  # the round of learning that goes on has the windows of that verdict
    tries: int = 0  # rounds that failed to
    called: int = CALLED  # alerts down to this priority call people
    clipped: int = 0  # windows with readings at an end of the transducer's range, since the gateway started
    rules: Mapping[str, Rule] = field(default_factory=rules)  # of conditions that are looked at once a second
    station: Station | None = None  # what it is besides, when it judges parts
    due: bool = False  # somebody called an alert no fault: a candidate with its windows, at once
    _last: bytes | bytearray = b""  # features of its last window
    _boot: int = -1
    _number: int = -1
    _recent: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=RECENT))  # boot and number
    _boots: deque[int] = field(default_factory=lambda: deque(maxlen=BOOTS))  # those before

    @property
    def state(self) -> str:
        """learning, deploying or watching."""
        if self.model is None or self.relearning:
            return LEARNING
        return WATCHING if self.running == self.model.key else DEPLOYING

    @property
    def ready_to_learn(self) -> bool:
        """Whether enough windows are there for a model, and one is wanted; models of parts are made elsewhere."""
        if self.station:
            return False
        if self.due:
            return self.watcher.evident
        return self.state == LEARNING and self.learnt >= self.to_learn

    @property
    def hz(self) -> float:
        """As `hello.hz`."""
        return hello.hz(self.hello)

    @property
    def pace(self) -> float:
        """As `hello.pace`."""
        return hello.pace(self.hello)

    @property
    def channels(self) -> list[str]:
        """As `hello.channels`."""
        return hello.channels(self.hello)

    @property
    def longest_shard(self) -> int:
        """As `hello.longest_shard`."""
        return hello.longest_shard(self.hello)

    @property
    def room(self) -> int:
        """As `hello.room`."""
        return hello.room(self.hello)

    def adopt(self, model: "Model", sequence: int) -> None:
        """From now on judge by `model`."""
        self.model, self.sequence, self.refusal = model, sequence, ""
        self.relearning = False
        self.watcher.forget()

    def take(self, window: Window, now: float) -> tuple[int | None, Change | None]:
        """Judge one window: its score, and what that changes. While learning there is no score."""
        self._count(window)
        self.running, self.judgement = window.model, None
        if self.model is None or self.relearning:
            self.learnt += not window.clipped
            return None, None
        judgement = self.model.judge(window.features) if self.station and self.model.limits else None
        self.judgement = judgement
        self.score = judgement.score if judgement else self.model.score(window.features)
        if window.model == self.model.key and window.score != self.score:
            self.counters.disagreements += 1
        self.fresh += self.score <= self.model.threshold and not window.clipped and not self.station
        return self.score, self.watcher.judge(self.readable(self.score), self.limit, now)

    def take_part(self, window: Window, now: float) -> "Judged | None":
        """After `take`: the part whose window it was; None for a sensor that judges none."""
        if not self.station:
            return None
        limits = self.model.limits if self.model else None
        return self.station.take(window, self.judgement, limits.classes if limits else [], now)

    def is_news(self, window: Window) -> bool:
        """Whether a late window was never heard: it may have arrived in time all the same, or be sent twice."""
        return (window.boot, window.number) not in self._recent

    def take_late(self, window: Window, at: float, now: float) -> tuple[int | None, Change | None]:
        """Judge a window that was kept since `at`. The machine is not learnt from it: it seemed abnormal there."""
        self.counters.late += 1
        self._recent.append((window.boot, window.number))
        if self.model is None or self.relearning:
            return None, None
        score = self.model.score(window.features)
        if window.model == self.model.key and window.score != score:
            self.counters.disagreements += 1
        order = window.boot, window.number
        return score, self.watcher.judge_late(self.readable(score), self.limit, order, at, now)

    def seen(self, steady: float, now: float) -> Seen:
        """What is known of it, for the rules of conditions."""
        places = axes.rms_places(self.hello.get("features"), len(self._last))
        learnt = axes.flat_mean(self.model.normal()[0].tolist(), places) if self.model and places else ()
        return Seen(
            steady,
            now,
            self.hello,
            self.online,
            self.counters.windows,
            self.counters.missed,
            self.clipped,
            axes.flat(self._last, places),
            learnt,
            self.refusal,
            self.claims.sensitivity,
        )

    def answer(self, failed: str) -> None:
        """The round with the windows of a verdict is over. failed: why nothing came of it; "": it is in service."""
        if self.answering:
            self.answering, self.tries, self.lesson = False, 0, failed

    def try_again(self, reason: str) -> None:
        """That round broke off: the next one has the windows again; after MOST_TRIES it has failed."""
        self.tries += self.answering
        if self.tries >= MOST_TRIES:
            self.answer(reason)
        elif self.answering:
            self.answering, self.due = False, True

    def alerts(self) -> list[Alert]:
        """Those that stand."""
        return [*filter(None, [self.watcher.alert]), *self.presence.alerts.values()]

    def close(self, what: str, now: float, by: str = "", text: str = "") -> list[Change]:
        """End its alerts, for it is not listened to any more."""
        ended = self.watcher.close(what, now, by, text)
        return [*filter(None, [ended]), *self.presence.close(what, now, by, text)]

    def shelve(self, until: float | None, now: float, by: str, text: str) -> list[Change]:
        """Call nobody for it until then; None: call people again."""
        watcher = self.watcher
        change = watcher.unshelve(now, by, text) if until is None else watcher.shelve(until, now, by, text)
        what = "shelved" if until else "unshelved"
        return [*filter(None, [change]), *self.presence.shelved(until, what, now, by, text)]

    def expire(self, now: float) -> list[Change]:
        """Take it off the shelf when its time is over: a shelf always expires."""
        until = self.watcher.shelved_until
        return self.shelve(None, now, "", "time was over") if until is not None and now >= until else []

    def summary(self) -> dict[str, Any]:
        """What is published as the sensor's state. Scores are mean squared deviations per feature."""
        state: dict[str, Any] = {"state": self.state, "online": self.online, **vars(self.counters)}
        standing = self.alerts()
        state |= {"alerts": [alert.kind for alert in standing], "call": self.calls}
        state |= {"priority": min((alert.priority for alert in standing), default=None)}
        state |= {"update": self.update} if self.update else {}
        state |= {"moved": self.moved} if self.moved else {}
        state |= {"parts": self.station.summary()} if self.station else {}
        if self.state == LEARNING:
            return state | {"progress": min(1.0, round(self.learnt / self.to_learn, 3))}
        assert self.model
        state |= {"shelved_until": self.watcher.shelved_until, "sequence": self.sequence}
        state |= {"model": self.model.key.hex(), "threshold": self.limit, "sensitivity": self.claims.sensitivity}
        state |= {"promise": self.claims.promise and round(self.claims.promise, 4)}
        state |= {"score": None if self.score is None else self.readable(self.score)}
        return state | {"alert": self.watcher.alert and self.watcher.alert.id, "refusal": self.refusal}

    @property
    def claims(self) -> Learnt:
        """What its model says of itself."""
        return (self.model and self.model.learnt) or Learnt()

    @property
    def limit(self) -> float:
        """The threshold of its model as people read it, above 0."""
        return max(LEAST_LIMIT, self.readable(self.model.threshold)) if self.model else LEAST_LIMIT

    @property
    def calls(self) -> bool:
        """Whether an alert of it stands that people are called for, and that nobody acknowledged."""
        return any(calls_for(each, self.called) for each in self.alerts())

    def readable(self, score: int) -> float:
        """A score in squared standard deviations per feature."""
        return round(scaling.deviations(score, self.model.length), 3) if self.model else 0.0

    def _count(self, window: Window) -> None:
        self.counters.windows += 1
        self.clipped += bool(window.clipped)
        self._last = window.features
        self.counters.lost = window.lost
        if window.boot != self._boot:
            self.counters.doubled += window.boot in self._boots
            self._boots.append(self._boot)
        elif window.number > self._number:
            self.counters.missed += window.number - self._number - 1
        else:
            self.counters.doubled += 1
        self._boot, self._number = window.boot, window.number
        self._recent.append((window.boot, window.number))
