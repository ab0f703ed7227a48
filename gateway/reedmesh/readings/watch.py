"""THE DATA PATH: collect -> check -> score -> alert -> store -> show, one window after the other.

Nothing on this path waits for a disk or a network: windows and changes are handed on, and other tasks write and publish
them. What does not parse is counted, logged once per sender and minute, and dropped.
"""

import logging
from collections.abc import Callable
from typing import Any

from reedmesh.alerts.alert import Change
from reedmesh.alerts.presence import LONGEST_SLEEP
from reedmesh.json_object import read_json
from reedmesh.links.message import Channel, Message
from reedmesh.links.rejects import Rejects
from reedmesh.protocol import late_frame, wire
from reedmesh.protocol import part as parts
from reedmesh.protocol.verdict import MAX_NAME
from reedmesh.protocol.wire import Window, WireError
from reedmesh.readings.line import Line
from reedmesh.readings.parts import FIRST, Judged, Order, station
from reedmesh.readings.sensor import Sensor
from reedmesh.store.windows import WindowTable

log = logging.getLogger(__name__)

LEAVES = (["hello"], ["availability"], ["model", "status"], ["firmware", "status"])  # where sensors speak JSON
MAX_JSON = 4096  # bytes of a hello or a status; a sensor has a few hundred to say
PARTIAL, REFUSED, TIMEOUT, BUSY = 206, 400, 408, 409  # what a sensor says of a model, in the numbers of HTTP
OLDEST = 90 * 86400  # seconds: the age of a late window that is believed


class Events:
    """Functions to which the path hands on its results."""

    def __init__(
        self,
        changed: Callable[[Change], None],
        introduced: Callable[[Sensor], None],
        lacking: Callable[[tuple[Sensor, tuple[int, int]]], None],
        updating: Callable[[tuple[Sensor, dict[str, Any]]], None],
        asked: Callable[[str, bytes], None],
        received: Callable[[str, Window], None],
        part: Callable[[str, Judged], None] | None = None,
        labelled: Callable[[str, Order, str], None] | None = None,
    ) -> None:
        self.changed = changed  # an alert began, worsened or ended
        self.introduced = introduced  # a sensor said hello
        self.lacking = lacking  # a block of its model of which a sensor still needs so many shards
        self.updating = updating  # what a sensor says of the firmware it is sent
        self.asked = asked  # a person or program asks for something: verb, payload; raises WireError
        self.received = received  # a late window came, of the sensor with this name
        self.part = part or _nobody  # a part was judged, or its sensor told more of it
        self.labelled = labelled or _no_teacher  # somebody pressed the button of a station: boot and number, label
        self.rejects = Rejects()


def _no_teacher(_: str, __: Order, ___: str) -> None:
    """Who takes labels where nobody does."""


def _nobody(_: str, __: Judged) -> None:
    """Who takes parts where nobody does."""


async def watch(channel: Channel, line: Line, windows: WindowTable, events: Events, clock: Callable[[], float]) -> None:
    """Judge every window the sensors send, for as long as the gateway runs."""
    async for message in channel.messages():
        try:
            take(message, line, windows, events, clock())
        except Exception as fault:  # noqa: BLE001 - nothing that a sensor says may end judging
            events.rejects.add(message.topic, fault)


def take(message: Message, line: Line, windows: WindowTable, events: Events, now: float) -> None:
    """One message: a window to judge, what a sensor says of itself, or a request. Raises WireError."""
    _, name, *leaf = wire.split_topic(message.topic)
    if name == "request" and len(leaf) == 1:
        events.asked(leaf[0], message.payload)
    elif leaf == ["window"]:
        judge(message.payload, name, line, windows, events, now)
    elif leaf == ["part"]:
        tell_part(message.payload, name, line, events)
    elif leaf == ["teach"]:
        note_label(read_json(message.payload, MAX_JSON), name, line, events)
    elif leaf == ["late"]:
        judge_late(message.payload, name, line, windows, events, now)
    elif leaf in (["hello"], ["availability"]) and not message.payload:
        return  # what was retained is taken back: the sensor was forgotten
    elif leaf == ["availability"] and name not in line.sensors and b"offline" in message.payload:
        return  # the last word of one that was forgotten, or that was never heard
    elif leaf in LEAVES:
        note(leaf, read_json(message.payload, MAX_JSON), line.sensor(name), line, events)
    else:
        raise WireError(f"nothing is expected on {message.topic}")


def note(leaf: list[str], said: dict[str, Any], sensor: Sensor, line: Line, events: Events) -> None:
    """Take a JSON message of a sensor. Raises WireError."""
    if leaf == ["hello"]:
        introduce(sensor, said, line, events)
    elif leaf == ["availability"]:
        note_availability(sensor, said)
    elif leaf == ["model", "status"]:
        note_status(sensor, said, events)
    else:
        events.updating((sensor, said))


def judge(frame: bytes, name: str, line: Line, windows: WindowTable, events: Events, now: float) -> None:
    """The life of a window on the gateway. Junk makes no sensor of a name."""
    window = wire.unpack_window(frame)
    line.admit(window, name)
    sensor = line.sensor(name)
    score, change = sensor.take(window, now)
    if part := sensor.take_part(window, now):
        events.part(name, part)
    if not window.clipped:  # what is kept is learnt from, and clipped readings are not what the machine does
        windows.add(sensor.name, now, bytes(window.features), score)
    if change:
        events.changed(change)


def tell_part(frame: bytes, name: str, line: Line, events: Events) -> None:
    """Take the verdict of a station on a part; that of any other sensor is refused."""
    part, sensor = parts.unpack(frame), line.sensors.get(name)
    if not sensor or not sensor.station:
        raise WireError("part: of a sensor that did not say in its hello that it judges parts")
    if known := sensor.station.tell(part):
        events.part(name, known)
    if trouble := sensor.station.trouble():
        log.warning("%s: %s", name, trouble)


def note_label(said: dict[str, Any], name: str, line: Line, events: Events) -> None:
    """Somebody pressed the button at a station. Raises WireError."""
    sensor, label = line.sensors.get(name), said.get("label")
    order = said.get("boot"), said.get("number")
    if not sensor or not sensor.station:
        raise WireError("teach: of a sensor that did not say in its hello that it judges parts")
    if not isinstance(label, str) or not 0 < len(label.encode()) <= MAX_NAME or not label.isprintable():
        raise WireError(f"teach: a label is 1 to {MAX_NAME} bytes that print")
    if not all(type(each) is int and 0 <= each < 1 << 32 for each in order):
        raise WireError("teach: no boot and number of a part")
    events.labelled(name, (int(order[0] or 0), int(order[1] or 0)), label)


def judge_late(frame: bytes, name: str, line: Line, windows: WindowTable, events: Events, now: float) -> None:
    """A window the sensor kept while its link was down: it counts for the time at which it was judged there."""
    age, window = late_frame.unpack_late(frame)
    events.received(name, window)
    line.admit(window, name)
    sensor = line.sensor(name)
    if not sensor.arrivals.is_news(window):
        return
    at = now - age if age < OLDEST else now
    score, change = sensor.take_late(window, at, now)
    windows.add(sensor.name, at, bytes(window.features), score)
    if change:
        events.changed(change)


def introduce(sensor: Sensor, hello: dict[str, Any], line: Line, events: Events) -> None:
    """A sensor started, came back, or changed its model."""
    sensor.hello = hello
    line.assign(sensor)
    sensor.station = station(hello, sensor.station) if not sensor.unserved else None
    try:
        sensor.running = bytes.fromhex(hello.get("model") or "00" * 8)[:8]
    except (TypeError, ValueError) as fault:
        raise WireError(f"hello: model {hello.get('model')!r:.40} is no digest") from fault
    if sensor.station:
        sensor.to_learn, sensor.presence.asleep = FIRST, LONGEST_SLEEP
    events.introduced(sensor)


def note_availability(sensor: Sensor, said: dict[str, Any]) -> None:
    """online, offline, or sleeping for so many "seconds", in which nobody misses it."""
    state, seconds = said.get("state"), said.get("seconds", LONGEST_SLEEP)
    sensor.online = state in ("online", "sleeping")
    known = isinstance(seconds, int | float) and 0 <= seconds <= LONGEST_SLEEP
    quiet = LONGEST_SLEEP if sensor.station else 0.0  # a line that makes nothing sends nothing
    sensor.presence.asleep = quiet if state != "sleeping" else float(seconds) if known else LONGEST_SLEEP


def note_status(sensor: Sensor, status: dict[str, Any], events: Events) -> None:
    """Take the answer to an offered model; codes as in HTTP: 206 part of it is here, from 400 on it was refused."""
    code, reason = status.get("code"), str(status.get("reason", ""))[:200]
    block, missing = status.get("block", 0), status.get("missing")
    if not isinstance(code, int):
        raise WireError("model/status: no code")
    if code == PARTIAL and isinstance(missing, int) and missing > 0 and isinstance(block, int) and block >= 0:
        events.lacking((sensor, (block, missing)))
    sensor.refusal = f"{code} {reason}".strip() if code >= REFUSED and code not in (TIMEOUT, BUSY) else ""
    if sensor.refusal:
        log.error("%s refused its new model and keeps the old one: %s", sensor.name, sensor.refusal)
