"""Addresses of pages. Pure."""

from urllib.parse import quote


def to_sensor(gateway: str, sensor: str) -> str:
    """The address of a sensor's page."""
    return f"/gateway/{quote(gateway, safe='')}/sensor/{quote(sensor, safe='')}"


def to_alert(gateway: str, alert: str) -> str:
    """The address of an alert's page."""
    return f"/gateway/{quote(gateway, safe='')}/alert/{quote(alert, safe='')}"


def to_windows(gateway: str, sensor: str) -> str:
    """Where the newest windows of a sensor can be had as CSV."""
    return f"{to_sensor(gateway, sensor)}/windows.csv"
