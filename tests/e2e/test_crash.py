"""A gateway that is killed at any moment loses no alert, tells none of a second one, and leaves a whole database."""

import asyncio
from pathlib import Path

import pytest

from reedmesh.backoff import Backoff
from reedmesh.links import mqtt_link
from tests.support.micropython import missing
from tools.bench import crash
from tools.simulate import mosquitto


@pytest.mark.parametrize("broker", ["mosquitto", "embedded"])
def test_ten_kills(tmp_path: Path, broker: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broker == "mosquitto" and not mosquitto.program():
        missing("no mosquitto found: apt install mosquitto")
    monkeypatch.setattr(mqtt_link, "Backoff", lambda: Backoff(most=0.2))
    counted = asyncio.run(crash.run(tmp_path / "crash", broker, kills=10, sensors=5, rate=200.0))
    assert counted["steps"] > 20
    assert (counted["lost"], counted["doubled"], counted["corrupt"]) == (0, 0, 0)
