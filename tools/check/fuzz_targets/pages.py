"""Readers of the dashboard: messages, answers, its settings."""

import json
from functools import cache
from typing import Any
from unittest.mock import patch

from reedmesh.dashboard import settings
from reedmesh.dashboard.model import answers, passwords
from reedmesh.dashboard.model.reducer import fold
from reedmesh.dashboard.model.view import View
from reedmesh.json_object import read_json
from reedmesh.links.message import Message
from reedmesh.protocol import wire
from tools.check.fuzz_targets.target import CONFIG, WIRE, Target, input_file


def take_on_page(data: bytes) -> None:
    """A message at the dashboard, twice, after another; it never raises."""
    size = data[0] if data else 0
    topic, said = data[1 : 1 + size].decode("latin-1"), data[1 + size :]
    view = fold(_view(), "b", Message(topic, said), 5.0)
    fold(view, "b", Message(topic, said), 6.0)


@cache
def _view() -> View:
    state = json.dumps({"state": "watching", "score": 1.5, "threshold": 2, "windows": 3, "model": "a"}).encode()
    return fold(View(), "b", Message("reedmesh/gw/press/state", state), 1.0)


def on_pages() -> list[bytes]:
    """Messages of gateways, on pages."""
    alert = {
        "id": "press-1",
        "sensor": "press",
        "state": "new",
        "since": 3.5,
        "worst": 4,
        "limit": 2,
        "type": "new",
    }
    said = {
        "reedmesh/gw/status": {"state": "online"},
        "reedmesh/gw/info": {"version": "1", "family": {"name": "vibration"}},
        "reedmesh/gw/alerts": {"alerts": [alert]},
        "reedmesh/gw/alert": alert,
        "reedmesh/gw/press/state": {"state": "watching", "score": 1.5, "online": True, "alert": "press-1"},
    }
    return [bytes([len(topic)]) + topic.encode() + json.dumps(value).encode() for topic, value in said.items()]


def take_answer(data: bytes) -> None:
    """An answer of a gateway at the dashboard; nothing there raises."""
    said = read_json(data, wire.MAX_PAYLOAD)
    for read in (answers.details, answers.alerts, answers.scores, answers.picture, answers.models):
        repr(read(said))


def given_answers() -> list[bytes]:
    """Answers of gateways."""
    feature = {"feature": "band", "axis": 1, "hz": [1, 2.5], "share": 0.5}
    step = {"at": 1.5, "what": "raised", "who": "", "text": "why"}
    said: list[dict[str, Any]] = [
        {"alert": {"id": "press-1", "since": 2.5, "journal": [step]}, "contributions": [feature]},
        {"alerts": [{"id": "press-1", "state": "new"}]},
        {"at": [1, 2], "mean": [0.5, 1], "top": [1, 2], "threshold": 2.5},
        {"at": 1, "features": [feature], "now": [-3.5], "normal": [2], "spread": [1]},
        {"in_service": 2, "models": [{"sequence": 2, "made": 1.5, "bytes": 9, "source": "learnt"}]},
    ]
    return [json.dumps(each).encode() for each in said]


def take_password_hash(data: bytes) -> None:
    """What stands in a dashboard's settings, and logging in with it, all but the hashing, which is meant to be slow."""
    text = data.decode("latin-1")
    if passwords.is_hash(text):
        with patch.object(passwords, "_key", lambda *_: bytes(32)):
            passwords.fits("guess", text)


def dashboards() -> list[bytes]:
    """With every table there is."""
    broker = '[[brokers]]\nhost = "127.0.0.1"\nport = 1883\n'
    return [broker.encode(), f'{broker}\n[[accounts]]\nname = "ana"\npassword = "x"\nrole = "operator"\n'.encode()]


TARGETS = {
    "dashboard": Target(take_on_page, (), on_pages),
    "answer": Target(take_answer, WIRE, given_answers),
    "password hash": Target(take_password_hash, (), lambda: [passwords.hashed("a password").encode()]),
    "dashboard.toml": Target(lambda data: settings.load(input_file(data)), CONFIG, dashboards, weight=2),
}
