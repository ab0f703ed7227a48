"""A sensor's state on its gateway, and the change that one window makes to it. No I/O: the service acts on it.

A sensor is `learning` until it has a model, `deploying` until it runs that model itself, then `watching`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from reedmesh.alerts.alert import Alert, Change
from reedmesh.alerts.conditions import Rule, rules
from reedmesh.alerts.debounce import Watcher
from reedmesh.alerts.escalation import calls_for
from reedmesh.alerts.presence import Presence
from reedmesh.alerts.seen import Seen
from reedmesh.inference.learnt import Learnt, decibels
from reedmesh.inference.shift import Shift
from reedmesh.protocol import scaling
from reedmesh.protocol.wire import Window
from reedmesh.readings import axes, hello
from reedmesh.readings.arrivals import Arrivals, Counters
from reedmesh.readings.parts import Judged, Station
from reedmesh.readings.standstill import Standstill
from reedmesh.readings.verdict import PendingVerdict

if TYPE_CHECKING:  # the web page uses this file without LiteRT
    from numpy.typing import NDArray

    from reedmesh.inference.family import Family
    from reedmesh.inference.model import Judgement, Model

LEAST_LIMIT = 0.001  # of a score: a model that learnt from a dead transducer has a threshold of 0
YOUNG = 0.5  # of the windows that its family wants: a machine learnt from fewer may not have shown what it does
SHIFTED = "the mean of the last windows shifted"
CALLED = 2  # priority down to which people are called, unless the settings say otherwise
LEARNING, DEPLOYING, WATCHING = "learning", "deploying", "watching"


@dataclass
class Sensor:
    """One sensor of this gateway's line."""

    name: str
    watcher: Watcher
    presence: Presence
    to_learn: int  # windows it takes to learn the machine
    learnt: int = 0
    family: "Family | None" = None  # that judges it, once its hello said its recipe
    length: int = 0  # features of its windows; 0: of a family that is not served, or not known yet
    unserved: str = ""  # why no family here can judge it
    hello: dict[str, Any] = field(default_factory=dict)
    online: bool = False
    model: "Model | None" = None
    sequence: int = 0  # of the newest model made for it
    running: bytes = bytes(8)  # key of the model it says it runs
    refusal: str = ""  # why it did not take the last model, in its own words
    update: str = ""  # what its firmware update is at, in words
    arrivals: Arrivals = field(default_factory=Arrivals)
    verdict: PendingVerdict = field(default_factory=PendingVerdict)
    score: int | None = None
    judgement: "Judgement | None" = None  # of the window that came last, when it is of a part
    relearning: bool = False  # somebody had it learnt anew: not judged until that is done
    pinned: bool = False  # somebody took its model back: it keeps the one before
    moved: float = 0.0  # units from how it was commissioned, when that is too far to be learnt on; else 0
    fresh: int = 0  # normal windows since the last round of learning
    called: int = CALLED  # alerts down to this priority call people
    rules: Mapping[str, Rule] = field(default_factory=rules)  # of conditions that are looked at once a second
    recording: tuple[str, float] | None = None  # label of what is recorded of it, and until when, s since 1970
    station: Station | None = None  # what it is besides, when it judges parts
    still: Standstill = field(default_factory=lambda: Standstill(0.0, 0))
    judged: int = 0  # windows that its model judged while no alert stood ...
    over: int = 0  # ... and those of them above the threshold
    shift: Shift | None = None  # of the mean of its windows, where its model has a limit of that
    unlearnt: str = ""  # why the last attempt to learn its machine failed

    @property
    def counters(self) -> Counters:
        """As `Arrivals.counters`."""
        return self.arrivals.counters

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
        if self.verdict.due:
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

    def begin_anew(self) -> None:
        """Its recipe is another: what was learnt is of no use."""
        self.model, self.learnt, self.score, self.judgement, self.shift = None, 0, None, None, None
        self.relearning = self.pinned = False
        self.station = None
        self.watcher.forget()

    def adopt(self, model: "Model", sequence: int) -> None:
        """From now on judge by `model`."""
        self.model, self.sequence, self.refusal = model, sequence, ""
        self.relearning, self.unlearnt = False, ""
        self.shift = Shift(self.claims.shift) if self.claims.shift else None
        self.judged = self.over = 0
        self.watcher.forget()

    def take(self, window: Window, now: float) -> tuple[int | None, Change | None]:
        """Judge one window: its score, and what that changes. While learning there is no score."""
        self.arrivals.count(window)
        self.running, self.judgement = window.model, None
        if self.model and self.model.length != len(window.features) and not self.relearning:
            self.relearning, self.learnt = True, 0  # it makes other features than those that its model learnt
        if self.model is None or self.relearning:
            self.learnt += not window.clipped
            return None, None
        judgement = self.model.judge(window.features) if self.station and self.model.limits else None
        self.judgement = judgement
        residual = self._residual(window)
        self.score = judgement.score if judgement else self._score(window.features, residual)
        if window.model == self.model.key and window.score != self.score:
            self.counters.disagreements += 1
        if self._stands_still(window):
            return self.score, None
        self.fresh += self.score <= self.model.threshold and not window.clipped and not self.station
        change = self._explained(self.watcher.judge(self.readable(self._with_shift(residual)), self.limit, now))
        self.judged += self.watcher.alert is None
        self.over += self.watcher.alert is None and self.score > self.model.threshold
        return self.score, change

    def take_part(self, window: Window, now: float) -> "Judged | None":
        """After `take`: the part whose window it was; None for a sensor that judges none."""
        if not self.station:
            return None
        limits = self.model.limits if self.model else None
        return self.station.take(window, self.judgement, limits.classes if limits else [], now)

    def take_late(self, window: Window, at: float, now: float) -> tuple[int | None, Change | None]:
        """Judge a window that was kept since `at`. The machine is not learnt from it: it seemed abnormal there."""
        self.arrivals.count_late(window)
        if self.model is None or self.relearning or self.model.length != len(window.features):
            return None, None
        score = self.model.score(window.features)
        if window.model == self.model.key and window.score != score:
            self.counters.disagreements += 1
        levels, running = self._levels(window.features)
        if self.still.is_still(levels, running):
            return score, None
        order = window.boot, window.number
        return score, self.watcher.judge_late(self.readable(score), self.limit, order, at, now)

    def seen(self, steady: float, now: float) -> Seen:
        """The facts about it, for the rules of conditions."""
        places = axes.rms_places(self.hello.get("features"), len(self.arrivals.features))
        fits = self.model is not None and self.model.length == len(self.arrivals.features)
        learnt = axes.flat_mean(self.model.normal()[0].tolist(), places) if self.model and fits and places else ()
        return Seen(
            steady,
            now,
            self.hello,
            self.online,
            self.counters.windows,
            self.counters.missed,
            self.arrivals.clipped,
            axes.flat(self.arrivals.features, places),
            learnt,
            self.refusal,
            self.claims.sensitivity,
            self.unserved,
            self.station.control.broken if self.station else "",
            self.judged,
            self.over,
            self.moved,
            self.unlearnt,
            tuple(decibels(steps) for steps in self.claims.lifts),
            self.claims.windows,
            self.arrivals.starts,
        )

    def alerts(self) -> list[Alert]:
        """The open alerts."""
        return [*filter(None, [self.watcher.alert]), *self.presence.alerts.values()]

    def summary(self) -> dict[str, Any]:
        """The published state of the sensor. Scores are mean squared deviations per feature."""
        state: dict[str, Any] = {"state": self.state, "online": self.online, **vars(self.counters)}
        standing = self.alerts()
        state |= {"alerts": [alert.kind for alert in standing], "call": self.calls}
        state |= {"priority": min((alert.priority for alert in standing), default=None)}
        state |= {"update": self.update} if self.update else {}
        state |= {"moved": self.moved} if self.moved else {}
        if self.recording:
            state |= {"recording": {"label": self.recording[0], "until": self.recording[1]}}
        state |= {"still": True} if self.still.still else {}
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

    def _residual(self, window: Window) -> "NDArray[np.int64] | None":
        """Of a window, where shifts are looked for; not of one that is clipped, for such are not learnt."""
        places = axes.rms_places(self.hello.get("features"), len(window.features))
        if not self.model or not self.shift or window.clipped or axes.clipped(window.features, places):
            return None
        return np.asarray(self.model.residuals(np.frombuffer(window.features, np.int8)[None])[0])

    def _score(self, features: bytes | bytearray, residual: "NDArray[np.int64] | None") -> int:
        assert self.model
        return self.model.score(features) if residual is None else int(residual @ residual)

    def _with_shift(self, residual: "NDArray[np.int64] | None") -> int:
        """The score of the last window, or what the shift of the last ones is worth, if that is more."""
        assert self.model and self.score is not None
        if self.shift is None or residual is None:
            return self.score
        found = self.shift.take(residual, self.score <= self.model.threshold)
        return max(self.score, int(found * self.model.threshold))

    def _explained(self, change: Change | None) -> Change | None:
        """The same; where an alert begins, with what is known of it beside its score."""
        if change is None or change.type != "new" or self.model is None or self.score is None:
            return change
        learnt, wanted = self.claims.windows, self.family.training.windows if self.family else 0
        if 0 < learnt < wanted * YOUNG:
            said = f"learnt from {learnt} windows: perhaps an operating state that they did not show"
            return replace(change, text=said)
        return replace(change, text=SHIFTED) if self.score <= self.model.threshold else change

    def _stands_still(self, window: Window) -> bool:
        """Whether its machine does, or was started a moment ago; what ran out before it stopped is forgotten."""
        if self.station:
            return False
        if self.still.look(*self._levels(window.features)):
            self.watcher.forget()
        return not self.still.judged

    def _levels(self, features: bytes | bytearray) -> tuple[list[int], list[float]]:
        """How much each axis moves in a window, and in those that its model learnt."""
        places = axes.movement_places(self.hello.get("features"), len(features))
        if not self.model or not places:
            return [], []
        means = self.model.means
        return [(features[place] ^ 0x80) - 0x80 for place in places], [means[place] for place in places]
