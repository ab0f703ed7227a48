"""An alert in words: the sentence and the remedy of its condition, with its figures, in a reader's language. Pure."""

from collections.abc import Mapping
from typing import Any

from reedmesh.alerts.alert import ANOMALY, MOST_FACTOR
from reedmesh.alerts.condition import Words, conditions

OVER = {"en": "over", "pt": "mais de", "fr": "plus de", "de": "über", "es": "más de"}
DAYS = {"en": "days", "pt": "dias", "fr": "jours", "de": "Tage", "es": "días"}
UNKNOWN = Words("{kind}", "{sensor}: {kind}", "")


def sentence(alert: Mapping[str, Any], code: str = "en", text: str = "") -> str:
    """The sentence for an alert, a JSON object. text: details of the step that raised it."""
    kind, unit = str(alert["kind"]), str(alert.get("unit", ""))
    worst, limit = float(alert["worst"]), float(alert["limit"])
    said = _words(kind, code).sentence.format(
        kind=kind,
        sensor=alert["sensor"],
        value=quantity(worst, unit, code),
        limit=quantity(limit, unit, code),
        factor=factor(worst, limit, code),
        text=text,
    )
    return said if text else said.rstrip(" :;(")


def remedy(kind: str, code: str = "en") -> str:
    """The remedy for a condition; "" for an unknown kind."""
    return _words(kind, code).remedy


def factor(worst: float, limit: float, code: str = "en") -> str:
    """How many times the limit: "3.4"; beyond MOST_FACTOR "over 100"."""
    times = worst / limit if limit > 0 else 0.0
    return f"{OVER.get(code, OVER['en'])} {MOST_FACTOR:.0f}" if times > MOST_FACTOR else f"{times:.1f}"


def quantity(value: float, unit: str, code: str = "en") -> str:
    """A value, with its unit where the sentence does not name it: seconds, percent and days."""
    number = f"{value:.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"
    shown = DAYS.get(code, unit) if unit == "days" else unit
    return f"{number} {shown}" if unit in ("s", "%", "days") else number


def amounts(alert: Mapping[str, Any]) -> str:
    """The figures alone: "5.00, threshold 1.00" of an anomaly, "75 s, limit 60 s" of another kind."""
    worst, limit, unit = float(alert["worst"]), float(alert["limit"]), str(alert.get("unit", ""))
    if alert["kind"] == ANOMALY:
        return f"score {worst:.2f}, threshold {limit:.2f}"
    return f"{worst:.0f} {unit}, limit {limit:.0f} {unit}"


def _words(kind: str, code: str) -> Words:
    known = conditions().get(kind)
    return known.in_language(code) if known else UNKNOWN
