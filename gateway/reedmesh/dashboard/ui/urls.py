"""Addresses of pages. They stand below the prefix that a reverse proxy has for this dashboard, one of a process."""

from urllib.parse import quote

_prefix = ""


def stand_below(prefix: str) -> None:
    """Have every address begin with `prefix`, such as "/reedmesh"; "": none."""
    global _prefix
    _prefix = prefix


def within(path: str) -> str:
    """A path of ours, "/learning", as browsers reach it; one that is below the prefix already stays so."""
    below = path == _prefix or path.startswith((f"{_prefix}/", f"{_prefix}?"))
    return path if not _prefix or below or not path.startswith("/") else _prefix + path


def to_sensor(gateway: str, sensor: str) -> str:
    """The address of a sensor's page."""
    return f"/gateway/{quote(gateway, safe='')}/sensor/{quote(sensor, safe='')}"


def to_alert(gateway: str, alert: str) -> str:
    """The address of an alert's page."""
    return f"/gateway/{quote(gateway, safe='')}/alert/{quote(alert, safe='')}"


def to_windows(gateway: str, sensor: str) -> str:
    """Where the newest windows of a sensor can be had as CSV."""
    return f"{to_sensor(gateway, sensor)}/windows.csv"
