"""What a gateway tells of itself, made short enough for one MQTT message. Pure."""

from typing import Any

MOST_SENSORS, MOST_ALERTS, MOST_BABBLING = 150, 100, 20  # in one answer: a broker may refuse more than 128 KiB


def shortened(vitals: dict[str, Any]) -> dict[str, Any]:
    """The same with the sensors that need a look most, and the most urgent alerts; `counted`: how many there are."""
    sensors, alerts = vitals["sensors"], vitals["standing"]
    urgent = sorted(alerts, key=lambda each: (each["priority"], each["since"]))[:MOST_ALERTS]
    names = sorted(sensors, key=lambda name: (not needs_a_look(sensors[name]), name))[:MOST_SENSORS]
    counted = {"sensors": len(sensors), "alerts": len(alerts)}
    chosen = {name: sensors[name] for name in names}
    loudest = sorted(vitals["babbling"].items(), key=lambda each: -each[1])[:MOST_BABBLING]
    return vitals | {
        "sensors": chosen,
        "standing": urgent,
        "counted": counted,
        "babbling": dict(loudest),
        "alerts": [each["id"] for each in urgent],
    }


def needs_a_look(sensor: dict[str, Any]) -> bool:
    """Whether a sensor is not simply watching."""
    return bool(sensor["state"] != "watching" or not sensor["online"] or sensor.get("alert") or sensor.get("refusal"))
