"""Actions on all alerts of one sensor: end them, shelve them, take them off the shelf. Pure."""

from reedmesh.alerts.alert import Change
from reedmesh.readings.sensor import Sensor


def close(sensor: Sensor, what: str, now: float, by: str = "", text: str = "") -> list[Change]:
    """End its alerts, because the gateway takes no more data from it. what: "revoked" or "forgotten"."""
    ended = sensor.watcher.close(what, now, by, text)
    return [*filter(None, [ended]), *sensor.presence.close(what, now, by, text)]


def shelve(sensor: Sensor, until: float | None, now: float, by: str, text: str) -> list[Change]:
    """Notify nobody of its alerts before `until`, seconds since 1970; None: notify people again."""
    watcher = sensor.watcher
    change = watcher.unshelve(now, by, text) if until is None else watcher.shelve(until, now, by, text)
    what = "shelved" if until else "unshelved"
    return [*filter(None, [change]), *sensor.presence.shelved(until, what, now, by, text)]


def expire(sensor: Sensor, now: float) -> list[Change]:
    """Take its alerts off the shelf when the time is over."""
    until = sensor.watcher.shelved_until
    return shelve(sensor, None, now, "", "time was over") if until is not None and now >= until else []
