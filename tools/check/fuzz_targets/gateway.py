"""Requests to a whole gateway, and the files that it reads."""

import asyncio
import json
from contextlib import suppress
from functools import cache
from typing import Any

from reedmesh.config import settings
from reedmesh.errors import RefusedError
from reedmesh.inference import boards, compatibility, family, tflite_file
from reedmesh.json_object import read_json
from reedmesh.protocol import wire
from reedmesh.service.requests.arguments import Arguments
from reedmesh.store.store import Store
from tools.check.fuzz_targets.target import CONFIG, MIB, WIRE, Target, folder, input_file, operators, real_family
from tools.checkout import ROOT


def take_request(data: bytes) -> None:
    """All kinds of arguments of whatever is asked for."""
    given = Arguments(read_json(data, 4096))
    for key in ("alert", "by", "sensor"):
        for take in (given.text, given.some_text):
            take(key)
    given.number("minutes", 1, 10080, 5)
    given.number("since", 0, 1e11, 0)


ASKED = ("alerts", "alert", "history", "spectrum", "windows", "models", "passport", "status", "no such thing")


@cache
def _gateway() -> tuple[Any, asyncio.AbstractEventLoop]:
    from reedmesh.service.gateway import Gateway

    made = Gateway(settings.Config("gw", str(folder())), real_family(), Store())
    made.line.sensor("press")
    return made, asyncio.new_event_loop()


def take_at_server(data: bytes) -> None:
    """A question to a whole gateway: which one, then its arguments; the answer must be one that can be sent."""
    gateway, loop = _gateway()
    verb = ASKED[data[0] % len(ASKED)] if data else "alerts"
    answer = loop.run_until_complete(gateway._requests.answer(verb, data[1:]))
    assert answer["status"] in ("ok", "error") and len(json.dumps(answer)) < wire.MAX_PAYLOAD


def at_server() -> list[bytes]:
    """Every verb, with what it takes."""
    given = {"sensor": "press", "alert": "press-1", "by": "Ana", "text": "why", "minutes": 5, "transaction": "7"}
    timed = {"sensor": "press", "since": 0, "until": 1e10, "points": 50, "limit": 5}
    return [bytes([i]) + json.dumps(each).encode() for i in range(len(ASKED)) for each in (given, timed)]


def take_model(data: bytes) -> None:
    """The gateway's own reading of a model: metadata, buffers, and whether a sensor runs it."""
    for read in (lambda: tflite_file.metadata(data, "reedmesh.scaling"), lambda: tflite_file.buffers(data)):
        with suppress(ValueError):
            read()
    compatibility.check(data).lines(boards.load("esp32"))


def _example() -> bytes:
    return (ROOT / "gateway" / "reedmesh.example.toml").read_bytes()


def take_plan(data: bytes) -> None:
    """A family's model.toml."""
    place = folder() / "vibration"
    place.mkdir(exist_ok=True)
    family.read_plan(input_file(data).rename(place / "model.toml").parent)


TARGETS = {
    "request": Target(take_request, (*WIRE, RefusedError), lambda: [each[1:] for each in at_server()]),
    "requests": Target(take_at_server, (), at_server, weight=1),
    "config": Target(lambda data: settings.load_config(input_file(data)), CONFIG, lambda: [_example()], weight=2),
    "model.toml": Target(
        take_plan, CONFIG, lambda: [(family.find_family("vibration") / "model.toml").read_bytes()], weight=2
    ),
    "model": Target(take_model, CONFIG, operators, longest=8192, room=16 * MIB, weight=3),
}
