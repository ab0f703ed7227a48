"""Settings of alerts: when a sensor raises one, and which people are notified."""

import re
from dataclasses import dataclass, field, replace

from reedmesh.config.checks import LANGUAGES, SECRET, TIME


@dataclass(frozen=True)
class AlertRule:
    """When an alert begins and ends. A family's model.toml may have a rule of its own.

    off_seconds: for at least this time no window may be above; None: `off` seconds, so that `off` counts both.
    standstill: a machine stands still when the RMS of every axis is so many dB below that of the running machine; then
    it is not judged, nor in `settle` windows after. None: 40, and 0 for slow variables, of the kind `trend`.
    """

    on: int = field(default=7, metadata={"min": 1, "max": 64})  # windows above the threshold ...
    of: int = field(default=16, metadata={"min": 1, "max": 64})  # ... among the last so many raise an alert
    off: int = field(default=30, metadata={"min": 1, "max": 3600})  # windows, and seconds, below it clear the alert
    deadband: float = field(default=0.1, metadata={"min": 0.0, "max": 0.9})  # below means below by this fraction
    silent: float = field(default=60.0, metadata={"min": 0.0, "max": 86400.0})  # seconds, or 3 windows; 0: no alert
    off_seconds: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})
    standstill: float | None = field(default=None, metadata={"min": 0.0, "max": 90.0})  # dB; 0: always judged
    settle: int = field(default=10, metadata={"min": 0, "max": 3600})  # windows after a start that are not judged

    @property
    def calm(self) -> float:
        """Seconds without a window above the threshold until an alert ends."""
        return float(self.off) if self.off_seconds is None else self.off_seconds


@dataclass(frozen=True)
class Alerts:
    """The part of the rule that the operator sets; None: the value of the family."""

    on: int | None = field(default=None, metadata={"min": 1, "max": 64})
    of: int | None = field(default=None, metadata={"min": 1, "max": 64})
    off: int | None = field(default=None, metadata={"min": 1, "max": 3600})
    deadband: float | None = field(default=None, metadata={"min": 0.0, "max": 0.9})
    silent: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})
    off_seconds: float | None = field(default=None, metadata={"min": 0.0, "max": 86400.0})
    standstill: float | None = field(default=None, metadata={"min": 0.0, "max": 90.0})
    settle: int | None = field(default=None, metadata={"min": 0, "max": 3600})

    def over(self, family: AlertRule) -> AlertRule:
        """The rule of a family, with the values that are set here."""
        return replace(family, **{name: value for name, value in vars(self).items() if value is not None})


@dataclass(frozen=True)
class Route:
    """Further people to notify, for some sensors or at some hours."""

    urls: tuple[str, ...] = field(metadata=SECRET)  # Apprise's
    priority: int = field(default=2, metadata={"min": 1, "max": 3})  # alerts down to this priority
    sensors: tuple[str, ...] = ("*",)  # names, with * and ? as in a shell
    hours: str = ""  # "HH:MM-HH:MM", local time, may pass midnight; not set: at all hours


@dataclass(frozen=True)
class Notify:
    """Which people are notified of an open alert that nobody acknowledged, when it first reaches the priority."""

    urls: tuple[str, ...] = field(default=(), metadata=SECRET)  # Apprise's; not set: nobody
    priority: int = field(default=2, metadata={"min": 1, "max": 3})  # alerts down to this priority
    seconds: float = field(default=60.0, metadata={"min": 1.0, "max": 86400.0})  # from a call to the next, at least
    again: float = field(default=60.0, metadata={"min": 0.0, "max": 10080.0})  # minutes to the next call; 0: never
    second: tuple[str, ...] = field(default=(), metadata=SECRET)  # Apprise's, of the second contact ...
    escalate: float = field(default=30.0, metadata={"min": 1.0, "max": 10080.0})  # ... called so many minutes later
    quiet: str = ""  # "HH:MM-HH:MM", local time: only alerts of priority 1 call, the others when it is over
    language: str = "en"  # of the text: en, pt, fr, de, es
    route: tuple[Route, ...] = ()


def rule_faults(alerts: Alerts) -> list[str]:
    """Contradictions in `[alerts]`, one sentence each."""
    rule = alerts.over(AlertRule())
    wrong = rule.on > rule.of
    return [f"alerts.on = {rule.on} windows cannot be above the threshold among {rule.of}"] if wrong else []


def notify_faults(notify: Notify) -> list[str]:
    """Contradictions in `[notify]`, one sentence each."""
    spans = {
        "notify.quiet": notify.quiet,
        **{f"notify.route[{i}].hours": it.hours for i, it in enumerate(notify.route)},
    }
    wrong = [f'{key} = "{span}": HH:MM-HH:MM, such as "22:00-06:00"' for key, span in spans.items()
             if span and not re.fullmatch(f"{TIME}-{TIME}", span)]  # fmt: skip
    if notify.language not in LANGUAGES:
        wrong.append(f'notify.language = "{notify.language}": one of {", ".join(LANGUAGES)}')
    return wrong
