"""The one place where an alert of a condition is raised, grows and ends. Pure: time is an argument.

A condition's own rule only says whether it holds, by which value, and beyond which limit.
"""

from dataclasses import dataclass, replace

from reedmesh.alerts.alert import Alert, Change, begin, end


@dataclass(frozen=True)
class Finding:
    """A condition holds. value: how much there is of it; limit: above 0, what it must not exceed; text: details."""

    value: float
    limit: float
    text: str = ""


class Standing:
    """The alerts of one owner that stand, at most one of each kind. owner: a sensor's name, or the gateway's."""

    def __init__(self, owner: str) -> None:
        self.alerts: dict[str, Alert] = {}
        self._owner = owner

    def set(self, kind: str, found: Finding | None, now: float, shelf: float | None = None) -> Change | None:
        """Raise the alert of that kind, keep its worst value, or end it; returns the step, if it is one.

        shelf: until when alerts of the owner are shelved.
        """
        alert = self.alerts.get(kind)
        if found and alert is None:
            self.alerts[kind] = begin(kind, self._owner, found.value, found.limit, now, shelf=shelf)
            return Change("new", self.alerts[kind], "raised", now, text=found.text)
        if found and alert and found.value > alert.worst:
            self.alerts[kind] = replace(alert, worst=found.value)
        return end(self.alerts.pop(kind), "cleared", now) if alert and not found else None

    def grow(self, kind: str, value: float, now: float, text: str = "") -> Change | None:
        """Raise the worst value of the open alert of that kind, when it doubled; returns that step."""
        alert = self.alerts[kind]
        if value < 2 * alert.worst:
            return None
        self.alerts[kind] = replace(alert, worst=value)
        return Change("update", self.alerts[kind], "worsened", now, text=text)

    def close(self, what: str, now: float, by: str, text: str) -> list[Change]:
        """End all of them: somebody saw to the owner."""
        alerts, self.alerts = self.alerts, {}
        return [end(each, what, now, by, text) for each in alerts.values()]

    def shelved(self, until: float | None, what: str, now: float, by: str, text: str) -> list[Change]:
        """Mark the open alerts as shelved, or no longer."""
        self.alerts = {kind: replace(alert, shelved_until=until) for kind, alert in self.alerts.items()}
        return [Change("update", alert, what, now, by, text) for alert in self.alerts.values()]
