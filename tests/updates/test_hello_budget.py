"""A sensor that changes its hello all the time does not wear out the card."""

import asyncio
from typing import Any

import pytest

from reedmesh.updates import model_rollout
from reedmesh.updates.model_rollout import ModelRollout


class FakeDisk:
    def __init__(self) -> None:
        self.saved: list[dict[str, Any]] = []
        self.store = self
        self.sensors = self

    def save_hello(self, _: str, hello: dict[str, Any]) -> None:
        self.saved.append(hello)

    async def call(self, work: Any, *arguments: Any) -> None:
        work(*arguments)


class FakeSensor:
    name = "press"

    def __init__(self, hello: dict[str, Any]) -> None:
        self.hello = hello


def test_hellos_that_change_all_the_time_are_written_a_bounded_number_of_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(model_rollout.time, "monotonic", lambda: now)
    rollout, disk = ModelRollout.__new__(ModelRollout), FakeDisk()
    rollout._saved, rollout._hellos, rollout._disk = {}, {}, disk  # type: ignore[assignment]
    for n in range(1000):
        asyncio.run(rollout._save_hello(FakeSensor({"n": n})))  # type: ignore[arg-type]
    assert len(disk.saved) == model_rollout.HELLO_BURST
    now = 60.5
    for _ in range(3):
        asyncio.run(rollout._save_hello(FakeSensor({"n": "last"})))  # type: ignore[arg-type]
    assert len(disk.saved) == model_rollout.HELLO_BURST + 1 and disk.saved[-1] == {"n": "last"}
