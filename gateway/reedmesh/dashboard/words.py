"""Numbers and times as people read them. Pure."""

from datetime import datetime


def number(value: float | None) -> str:
    """Three digits or so: 0.84, 12.3, 1 230, 2e+07; a dash for what is unknown."""
    if value is None:
        return "–"
    if value < 100:
        return f"{value:.2f}" if value < 10 else f"{value:.1f}"
    return count(round(value)) if value < 1e6 else f"{value:.0e}"


def count(value: int) -> str:
    """12 345, grouped by narrow spaces that do not break."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(value: int, noun: str) -> str:
    """1 sensor, 2 sensors."""
    return f"{count(value)} {noun}{'' if value == 1 else 's'}"


def duration(seconds: float) -> str:
    """A length of time in its largest unit: 12 s, 3 min, 5 h, 9 days."""
    for unit, length in ((" days", 86400), (" h", 3600), (" min", 60)):
        if seconds >= 2 * length:
            return f"{int(seconds / length)}{unit}"
    return f"{max(0, int(seconds))} s"


def moment(seconds: float, now: float) -> str:
    """Seconds since 1970 as local time, 14:03:22; with the date when that was not today."""
    then, today = datetime.fromtimestamp(seconds), datetime.fromtimestamp(now)
    return f"{then:%H:%M:%S}" if then.date() == today.date() else f"{then:%Y-%m-%d %H:%M}"
