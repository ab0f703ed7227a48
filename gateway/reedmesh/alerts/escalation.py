"""Notification of people: once for each priority that an alert reaches, again while nobody acts, once at its end.

The one rule, `calls_for`, also makes the "call" that Home Assistant, Sparkplug and the page show. Pure: what is due
follows from the open alerts, the time, and what was called before, which the store keeps. So a restart repeats nothing
and forgets nothing.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from reedmesh.alerts.alert import NEW, Alert

URGENT = 1  # the priority that calls in quiet hours, too
LONGEST = 3600.0  # seconds after which a call that reached nobody is given up, if its alert is over
REACHED, AGAIN, SECOND, ENDED = "reached", "again", "second contact", "ended"  # why people are called


def calls_for(alert: Alert, priority: int) -> bool:
    """Whether people who want alerts down to `priority`, 1 to 3, are notified of this one.

    They are while it is open, not acknowledged, its sensor not shelved, and no part of a flood, which notifies by
    itself.
    """
    stands = alert.state == NEW and alert.shelved_until is None and not alert.flood
    return stands and alert.priority <= priority


@dataclass(frozen=True)
class Contact:
    """Somebody who is called. after: seconds that nobody must have acted since the first call; 0: is called first."""

    name: str
    priority: int
    sensors: tuple[str, ...] = ("*",)
    hours: str = ""  # "HH:MM-HH:MM" in which it is called; "": at all hours
    quiet: str = ""  # the same, in which only URGENT alerts call
    after: float = 0.0

    def wants(self, alert: Alert, now: float) -> bool:
        """Whether the contact is notified of the alert at `now`, seconds since 1970."""
        if not calls_for(alert, self.priority) or not any(fnmatchcase(alert.sensor, each) for each in self.sensors):
            return False
        return self.may_call(now, alert.priority)

    def may_call(self, now: float, priority: int) -> bool:
        """Whether the hour of `now`, seconds since 1970, allows a notification of `priority`, 1 to 3."""
        if self.hours and not _within(self.hours, now):
            return False
        return not self.quiet or priority <= URGENT or not _within(self.quiet, now)


@dataclass(frozen=True)
class Call:
    """A notification of one contact about one alert. at: when it became due; sent: whether it was delivered."""

    alert: str
    contact: str
    priority: int
    at: float
    first: float  # when this contact was first called for the alert
    why: str = REACHED
    sent: bool = False


class Escalation:
    """Of one gateway. again: seconds until a call is repeated, 0: never. calls: what the store remembers."""

    def __init__(self, contacts: Iterable[Contact], again: float, calls: Iterable[Call] = ()) -> None:
        self.contacts = {each.name: each for each in contacts}
        self.calls = {(each.alert, each.contact): each for each in calls if each.contact in self.contacts}
        self._again = again

    def look(self, alerts: Mapping[str, Alert], now: float) -> list[Call]:
        """Notifications that became due by `now`, seconds since 1970. alerts: the open ones, by id."""
        again = self._stand_again(alerts, now)
        self.calls |= {(each.alert, each.contact): each for each in again}
        due = [self._due(alert, contact, now) for alert in alerts.values() for contact in self.contacts.values()]
        over = [self._over(call, alerts, now) for call in self.calls.values()]
        fresh = [each for each in (*again, *due, *over) if each]
        self.calls |= {(each.alert, each.contact): each for each in fresh}
        return fresh

    def waiting(self, contact: str) -> list[Call]:
        """Notifications that were not sent yet, the most urgent first."""
        mine = [each for each in self.calls.values() if each.contact == contact and not each.sent]
        return sorted(mine, key=lambda each: (each.priority, each.at))

    def sent(self, call: Call) -> Call | None:
        """Note a notification as sent; returns what to remember of it, None when its alert needs no more."""
        key = call.alert, call.contact
        if self.calls.get(key) != call:  # it became due anew meanwhile
            return self.calls.get(key)
        if call.why == ENDED:
            del self.calls[key]
            return None
        self.calls[key] = replace(call, sent=True)
        return self.calls[key]

    def drop(self, call: Call) -> None:
        """Forget a notification that reached nobody and is of no use any more."""
        self.calls.pop((call.alert, call.contact), None)

    def move(self, step: float) -> None:
        """Follow the clock, which was set forward by `step` seconds."""
        self.calls = {
            key: replace(each, at=each.at + step, first=each.first + step) for key, each in self.calls.items()
        }

    def _stand_again(self, alerts: Mapping[str, Alert], now: float) -> list[Call]:
        """An alert whose verdict was taken back before its end was told: that is not told, and it calls anew."""
        found = [call for call in self.calls.values() if call.why == ENDED and call.alert in alerts]
        for call in found:
            self.drop(call)
        wanted = [call for call in found if self.contacts[call.contact].wants(alerts[call.alert], now)]
        return [replace(call, at=now, why=REACHED, sent=False) for call in wanted]

    def _due(self, alert: Alert, contact: Contact, now: float) -> Call | None:
        if not contact.wants(alert, now):
            return None
        before = self.calls.get((alert.id, contact.name))
        if before is None:
            due = not contact.after or self._unheeded(alert.id, now) >= contact.after
            why = SECOND if contact.after else REACHED
            return Call(alert.id, contact.name, alert.priority, now, now, why) if due else None
        if alert.priority < before.priority:
            return replace(before, priority=alert.priority, at=now, why=REACHED, sent=False)
        if before.sent and self._again and now - before.at >= self._again:
            return replace(before, at=now, why=AGAIN, sent=False)
        return None

    def _unheeded(self, alert: str, now: float) -> float:
        """Seconds since somebody was first called for the alert; below 0 when nobody was."""
        firsts = [it.first for it in self.calls.values() if it.alert == alert and not self.contacts[it.contact].after]
        return now - min(firsts) if firsts else -1.0

    def _over(self, call: Call, alerts: Mapping[str, Alert], now: float) -> Call | None:
        if call.alert in alerts or call.why == ENDED or not self.contacts[call.contact].may_call(now, call.priority):
            return None
        return replace(call, at=now, why=ENDED, sent=False)


def _within(span: str, now: float) -> bool:
    """Whether local time is within "HH:MM-HH:MM", which may pass midnight."""
    begin, end = span.split("-")
    clock = time.strftime("%H:%M", time.localtime(now))
    return begin <= clock < end if begin <= end else clock >= begin or clock < end
