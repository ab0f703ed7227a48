"""Alerts are stored, then told; on a broken disk told, then stored; and never twice."""

import asyncio
import json
from pathlib import Path

from reedmesh.alerts.alert import Alert, Change
from reedmesh.errors import DiskError
from reedmesh.links.message import Message
from reedmesh.outputs.alert_publisher import AlertPublisher
from reedmesh.store.store import Store
from reedmesh.store.writer import Disk


class Broker:
    """A publisher that can be away."""

    def __init__(self) -> None:
        self.there = True
        self.told: list[str] = []

    async def publish(self, message: Message) -> bool:
        if self.there and message.topic == "alert":
            self.told.append(json.loads(message.payload)["id"])
        return self.there


def change(name: str) -> Change:
    return Change("new", Alert(name, "press", "new", 10.0, None, 2.5, 1.0, 2.5), "raised", 10.0)


def full(store: Store, yes: bool) -> None:
    pages = store._db.execute("pragma page_count").fetchone()[0] if yes else 1 << 30
    store._db.execute(f"pragma max_page_count = {pages}")


async def told(alert_publisher: AlertPublisher, *names: str) -> None:
    for name in names:
        alert_publisher.put(change(name))
    await alert_publisher.settled()


def test_with_broker_and_disk_each_is_stored_and_told_once(tmp_path: Path) -> None:
    async def story() -> None:
        disk, broker = Disk(Store(tmp_path)), Broker()
        alert_publisher = AlertPublisher(disk, "alert", lambda: Message("alerts", b""), lambda: 20.0)
        running = asyncio.create_task(alert_publisher.run(broker))
        await told(alert_publisher, "a", "b")
        broker.there = False
        await told(alert_publisher, "c")
        broker.there = True
        await told(alert_publisher, "d")
        while await disk.once(disk.store.outbox.waiting):
            await asyncio.sleep(0)
        assert broker.told == ["a", "b", "c", "d"] and len(disk.store.alerts.open()) == 4
        running.cancel()
        disk.close()

    asyncio.run(story())


def test_a_full_disk_delays_no_alert_and_repeats_none(tmp_path: Path) -> None:
    async def story() -> None:
        disk, broker = Disk(Store(tmp_path)), Broker()
        alert_publisher = AlertPublisher(disk, "alert", lambda: Message("alerts", b""), lambda: 20.0)
        running = asyncio.create_task(alert_publisher.run(broker))
        full(disk.store, True)
        names = [f"a{i}" for i in range(300)]  # more than fits in the pages that are there
        for each in names:
            await told(alert_publisher, each)
        assert alert_publisher.unsaved > 0 and disk.trouble
        assert set(broker.told) == set(names)
        full(disk.store, False)
        alert_publisher.remind()
        await alert_publisher.settled()
        while await disk.once(disk.store.outbox.waiting):
            await asyncio.sleep(0)
        assert alert_publisher.unsaved == 0 and not disk.trouble
        assert sorted(broker.told) == sorted(names) and len(disk.store.alerts.open()) == 300
        running.cancel()
        disk.close()

    asyncio.run(story())


def test_what_is_out_is_not_repeated_because_the_disk_fills_up_before_it_is_struck_off(tmp_path: Path) -> None:
    async def story() -> None:
        disk, broker = Disk(Store(tmp_path)), Broker()
        alert_publisher = AlertPublisher(disk, "alert", lambda: Message("alerts", b""), lambda: 20.0)
        strike_off, tried = disk.store.outbox.sent, []

        def broken(ids: list[int]) -> None:
            tried.append(ids)
            raise DiskError("the store: database or disk is full")

        disk.store.outbox.sent = broken  # type: ignore[method-assign]
        running = asyncio.create_task(alert_publisher.run(broker))
        for again in range(1, 4):
            alert_publisher.put(change("a") if again == 1 else None)
            while len(tried) < again:
                await asyncio.sleep(0)
        disk.store.outbox.sent = strike_off  # type: ignore[method-assign]
        await told(alert_publisher, "b")
        while await disk.once(disk.store.outbox.waiting):
            await asyncio.sleep(0)
        assert broker.told == ["a", "b"]
        running.cancel()
        disk.close()

    asyncio.run(story())
