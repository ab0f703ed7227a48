"""An alert and the steps of its life, as values: `new -> acknowledged -> cleared` (ISA-18.2). Pure."""

from dataclasses import dataclass, fields, replace
from typing import Any

from reedmesh.alerts.condition import conditions

NEW, ACKNOWLEDGED, CLEARED = "new", "acknowledged", "cleared"
ANOMALY, SILENT, DOUBLE, BABBLING = "anomaly", "silent", "double", "babbling"  # kinds of alert: of a sensor
FLOOD, STRANGERS = "flood", "strangers"  # and of the gateway
NOT_A_FAULT, FAULT = "not a fault", "fault"  # verdicts: the condition is normal on this machine; it was a fault
WAITING, LEARNT = "waiting", "in service"  # the lesson of a verdict; one that failed says why
HIGH, MEDIUM = (
    4.0,
    2.0,
)  # times the threshold: priority 1 and 2; EEMUA 191 asks for few of the first
MOST_FACTOR = 100.0  # a factor beyond that says no more than that the score is far away


@dataclass(frozen=True)
class Alert:
    """A condition a person should see. Times are seconds since 1970; values are in `unit`, which the kind decides."""

    id: str
    sensor: str  # its name; the gateway's, where the condition is the gateway's own
    state: str
    since: float
    until: float | None
    value: float  # when it was raised
    limit: float  # above 0: what the value must not exceed
    worst: float  # the highest value so far
    kind: str = ANOMALY
    by: str = ""  # who acknowledged it
    verdict: str = ""  # "", NOT_A_FAULT or FAULT
    shelved_until: float | None = None
    flood: str = ""  # id of the flood it came in
    cause: str = ""  # of a fault, in a person's words
    tags: str = ""  # of a fault, separated by commas
    lesson: str = ""  # of NOT_A_FAULT: WAITING, LEARNT, or why it failed

    @property
    def open(self) -> bool:
        """Whether the condition still holds."""
        return self.state != CLEARED

    @property
    def unit(self) -> str:
        """The unit of value, limit and worst: "s", "windows", ...; "" for an anomaly, whose scores have none."""
        known = conditions().get(self.kind)
        return known.unit if known else ""

    @property
    def factor(self) -> float:
        """The worst value as a multiple of the limit; 0 where the limit is 0."""
        return self.worst / self.limit if self.limit > 0 else 0.0

    @property
    def priority(self) -> int:
        """1 (act now), 2 or 3: of an anomaly by how far above the threshold it went, else its condition's."""
        if self.kind != ANOMALY:
            known = conditions().get(self.kind)
            return known.priority if known else 2
        return 1 if self.factor >= HIGH else 2 if self.factor >= MEDIUM else 3

    def table(self) -> dict[str, Any]:
        """The alert as a JSON object. An anomaly also has its scores under the names that its state uses."""
        scores = {"score": self.value, "threshold": self.limit, "top_score": self.worst}
        return {**vars(self), "unit": self.unit, "priority": self.priority, **(scores if self.kind == ANOMALY else {})}


COLUMNS = tuple(each.name for each in fields(Alert))


@dataclass(frozen=True)
class Change:
    """A step in an alert's life: "new", "update" or "end", the alert as it now is, and what happened.

    what: raised, worsened, cleared, revoked, clock set; or acknowledged, commented, shelved, unshelved, "not a fault",
    fault, undone, "seen again", learnt, "not learnt", "learnt anew", forgotten, by whom and in what words.
    """

    type: str
    alert: Alert
    what: str
    at: float
    by: str = ""
    text: str = ""

    def message(self) -> dict[str, Any]:
        """The change as a published JSON object; `by` belongs to the alert, `who` to this change."""
        return {
            "type": self.type,
            **self.alert.table(),
            "what": self.what,
            "at": self.at,
            "who": self.by,
            "text": self.text,
        }


def begin(
    kind: str, owner: str, value: float, limit: float, now: float, number: int = 0, shelf: float | None = None
) -> Alert:
    """A new alert of `owner`, a sensor or the gateway. value, limit: in the unit of `kind`; now: seconds since 1970.

    number: makes its id unique; 0: the time does. shelf: until when nobody is notified, seconds since 1970.
    """
    name = f"{owner}-{number or int(now * 1000):x}" if kind == ANOMALY else f"{owner}-{kind}-{int(now * 1000):x}"
    return Alert(name, owner, NEW, now, None, value, limit, value, kind, shelved_until=shelf)


def end(alert: Alert, what: str, now: float, by: str = "", text: str = "") -> Change:
    """The change by which `alert` ends at `now`, seconds since 1970. by: a person's name; text: a comment."""
    return Change("end", replace(alert, state=CLEARED, until=now), what, now, by, text)


def acknowledged(alert: Alert, now: float, by: str, text: str = "") -> Change:
    """The change by which the person `by` takes an open alert on at `now`, seconds since 1970."""
    state = ACKNOWLEDGED if alert.open else alert.state
    return Change("update", replace(alert, state=state, by=by), "acknowledged", now, by, text)
