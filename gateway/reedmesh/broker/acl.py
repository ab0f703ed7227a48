"""The access list of a gateway's broker: one table, for mosquitto and for the embedded broker. Pure.

    user                  reads                              writes
    gateway.<this one>    all                                all
    gateway.<neighbour>   update/#, status, archive/offer,   request/recover
                          archive/<it>/#, response/recover
    sensor.<name>         <name>/model/#, firmware/#,        its hello, availability, window, part, late, and their
                          late/taken, trigger of its own     status
    dashboard             all of this gateway                request/#
    home-assistant        all of this gateway, <prefix>/#    request/#, <prefix>/status and <prefix>/device/+/config
    invite.<id>           response/join                      request/join
    sparkplug             spBv1.0/#                          spBv1.0/+/NCMD/<this one>, spBv1.0/STATE/+
    plc                   part and state of each sensor,     trigger of each sensor, request/label
                          status, response/label

A neighbour reads reedmesh/+/update/#: updates of a sealed federation stand under pseudonyms (`federation.py`), and only
this gateway writes there. <prefix> is [home_assistant] prefix, "homeassistant" unless it is set. Users are names with
a role before the dot, which no sensor's or gateway's name has in it.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from reedmesh.protocol.wire import BASE, is_name

READ, WRITE = "read", "write"
DASHBOARD, HOME_ASSISTANT, SPARKPLUG, PLC = "dashboard", "home-assistant", "sparkplug", "plc"
INVITED = "invite"  # role of who has an invitation and wants to join
PROGRAMS = (DASHBOARD, HOME_ASSISTANT, SPARKPLUG, PLC)  # users that are no gateway and no sensor
SENSOR_SAYS = ("hello", "availability", "window", "part", "teach", "late", "model/status", "firmware/status")
SENSOR_HEARS = ("model/#", "firmware/#", "late/taken", "trigger")
PLC_HEARS = ("+/part", "+/state", "status", "response/label")  # verdicts, and answers to its labels
PLC_SAYS = ("+/trigger", "request/label")
RECOVER = "recover"  # request of a gateway that is restored, before it has a broker of its own
DISCOVERY = "homeassistant"  # prefix of Home Assistant's discovery topics, as it comes
UPDATES = f"{BASE}/+/update/#"


@dataclass(frozen=True)
class Rule:
    """Leave to `access` (read or write) what matches the topic filter `topic`."""

    access: str
    topic: str


def gateway_user(name: str) -> str:
    """The user that the gateway `name` is, on its own broker and on its neighbours'."""
    return f"gateway.{name}"


def sensor_user(name: str) -> str:
    """The user that the sensor `name` is."""
    return f"sensor.{name}"


def rules(gateway: str, user: str, prefix: str = DISCOVERY) -> tuple[Rule, ...]:
    """All that `user` may do on the broker of `gateway`; nothing for one that is no user there.

    prefix: of Home Assistant's discovery topics.
    """
    return tuple(_rules(f"{BASE}/{gateway}", gateway, user, prefix))


def may(gateway: str, user: str, access: str, topic: str, prefix: str = DISCOVERY) -> bool:
    """Whether a message on `topic` (no wildcards) may pass, or `topic` as a filter lies within what may be read."""
    return any(rule.access == access and covers(rule.topic, topic) for rule in rules(gateway, user, prefix))


def covers(allowed: str, asked: str) -> bool:
    """Whether the filter `allowed` matches all that `asked`, a topic or a filter, matches (MQTT 3.1.1, 4.7)."""
    mine, theirs = allowed.split("/"), asked.split("/")
    for i, level in enumerate(mine):
        if level == "#":
            return i > 0 or not asked.startswith("$")
        if i >= len(theirs) or theirs[i] == "#" or (level not in ("+", theirs[i])):
            return False
    return len(mine) == len(theirs)


def _rules(base: str, gateway: str, user: str, prefix: str) -> Iterator[Rule]:
    role, _, name = user.partition(".")
    if user == gateway_user(gateway):
        yield from (Rule(READ, "#"), Rule(WRITE, "#"))
    elif role == "gateway" and is_name(name):
        yield from (Rule(READ, UPDATES), Rule(READ, f"{base}/status"))
        yield from (Rule(READ, f"{base}/archive/{leaf}") for leaf in ("offer", f"{name}/#"))
        yield from (Rule(READ, f"{base}/response/{RECOVER}"), Rule(WRITE, f"{base}/request/{RECOVER}"))
    elif role == "sensor" and is_name(name):
        yield from (Rule(READ, f"{base}/{name}/{leaf}") for leaf in SENSOR_HEARS)
        yield from (Rule(WRITE, f"{base}/{name}/{leaf}") for leaf in SENSOR_SAYS)
    elif role == INVITED:
        yield from (Rule(READ, f"{base}/response/join"), Rule(WRITE, f"{base}/request/join"))
    elif user in (DASHBOARD, HOME_ASSISTANT):
        yield from (Rule(READ, f"{base}/#"), Rule(WRITE, f"{base}/request/#"))
        if user == HOME_ASSISTANT:
            yield from (Rule(READ, f"{prefix}/#"), Rule(WRITE, f"{prefix}/status"))
            yield Rule(WRITE, f"{prefix}/device/+/config")  # takes back what somebody deletes there
    elif user == SPARKPLUG:
        yield from (Rule(READ, "spBv1.0/#"), Rule(WRITE, f"spBv1.0/+/NCMD/{gateway}"), Rule(WRITE, "spBv1.0/STATE/+"))
    elif user == PLC:
        yield from (Rule(READ, f"{base}/{topic}") for topic in PLC_HEARS)
        yield from (Rule(WRITE, f"{base}/{topic}") for topic in PLC_SAYS)
