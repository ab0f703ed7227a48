"""Times of a question -> since and until, by the gateway's local clock and the shifts of its config. Pure."""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta

UNITS = {"min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
LENGTH = r"([1-9]\d{0,6})(min|h|d|w)"
LONGEST = 31 * 86400.0  # seconds
NIGHT = (time(22), timedelta(hours=8))  # when it begins and how long it is
DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NAMED = ("shift", "last-shift", "today", "yesterday", "night", "weekend", *DAYS)
SINCE = ("yesterday", "night", "weekend", "last-shift", *DAYS)  # times that a question may mean the beginning of
CLOCK = r"([01]?\d|2[0-3]):([0-5]\d)"
SHIFTS = ("06:00", "14:00", "22:00")

Span = tuple[float, float]


def is_period(text: str) -> bool:
    """Whether `span` knows it; "" stands for its default."""
    return not text or text in NAMED or bool(re.fullmatch(LENGTH, text))


def span(period: str, now: float, default: str, shifts: Sequence[str] = SHIFTS) -> Span:
    """Since and until, in s since 1970. period: as understand.Intent has it; "": `default`."""
    period = period or default
    if found := re.fullmatch(LENGTH, period):
        return now - min(int(found[1]) * UNITS[found[2]], LONGEST), now
    today = datetime.fromtimestamp(now)
    if period == "today":
        return _at(today, time()), now
    if period == "yesterday":
        return _at(today - timedelta(days=1), time()), _at(today, time())
    if period == "night":
        return _night(today, now)
    if period in (*DAYS, "weekend"):
        weekend = period == "weekend"
        first = _last(DAYS.index("saturday" if weekend else period), today)
        return _at(first, time()), min(now, _at(first + timedelta(days=2 if weekend else 1), time()))
    return shift(now, 1 if period == "last-shift" else 0, shifts)


def shift(now: float, ago: int = 0, shifts: Sequence[str] = SHIFTS) -> Span:
    """The shift that runs, until now; ago: so many before it, whole."""
    begun, until = _begun(now, shifts), now
    for _ in range(ago):
        begun, until = _begun(begun - 1, shifts), begun
    return begun, until


def since(begin: str, now: float, shifts: Sequence[str] = SHIFTS) -> Span:
    """From then until now. begin: a time of day such as "06:00", today's or else yesterday's, or one of SINCE."""
    if not (found := re.fullmatch(CLOCK, begin)):
        return span(begin, now, begin, shifts)[0], now
    today = datetime.fromtimestamp(now)
    then = _at(today, time(int(found[1]), int(found[2])))
    return (then if then <= now else _at(today - timedelta(days=1), time(int(found[1]), int(found[2])))), now


def _last(day: int, today: datetime) -> datetime:
    """The last day of that number, 0 for Monday, which may be today."""
    return today - timedelta(days=(today.weekday() - day) % 7)


def _night(today: datetime, now: float) -> Span:
    """The night that goes on, or the last one."""
    begin, length = NIGHT
    since = _at(today, begin)
    since = since if since <= now else _at(today - timedelta(days=1), begin)
    return since, min(now, since + length.total_seconds())


def _begun(moment: float, shifts: Sequence[str]) -> float:
    """When the shift of that moment began.

    Moments are compared, not times of day: where the clock is put forward a beginning may be missing, and is an hour
    later then; where it is put back one comes twice, and the first counts.
    """
    today = datetime.fromtimestamp(moment)
    days = [today + timedelta(days=each) for each in (-1, 0)]
    return max(at for day in days for each in shifts if (at := _at(day, time.fromisoformat(each))) <= moment)


def _at(day: datetime, when: time) -> float:
    return datetime.combine(day.date(), when).timestamp()
