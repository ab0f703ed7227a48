"""Sensors of several gateways on one broker: none has the client id of another, whatever their names are."""

import asyncio
from pathlib import Path

from reedmesh.links.mqtt_link import Link
from tests.firmware import test_app
from tests.firmware.board.test_board_life import board
from tests.support.brokers import free_port, mosquitto
from tests.support.timeouts import PATIENCE


def test_names_that_join_alike_do_not_evict_each_other(tmp_path: Path) -> None:
    pairs = [("hall", "2-press"), ("hall-2", "press")]
    heard: dict[str, int] = {}

    async def story(port: int) -> None:
        link = Link("127.0.0.1", port, "test", subscriptions={"reedmesh/+/+/window": 0})
        async with test_app.listening(port, tmp_path) as it, asyncio.timeout(PATIENCE):
            boards = []
            for gateway, name in pairs:
                folder = tmp_path / gateway
                folder.mkdir()
                boards.append(board(folder, it, gateway=gateway, name=name))
            try:
                async for message in link.messages():
                    heard[message.topic] = heard.get(message.topic, 0) + 1
                    if len(heard) == 2 and min(heard.values()) >= 10:
                        break
            finally:
                for each in boards:
                    each.kill()
                    each.wait()

    log = tmp_path / "mosquitto.log"
    with mosquitto(tmp_path, free_port(), "user root", f"log_dest file {log}", "log_dest stderr") as port:
        asyncio.run(story(port))
    told = log.read_text()
    assert "already connected" not in told
    for gateway, name in pairs:
        assert f"as {gateway}:{name} " in told and heard[f"reedmesh/{gateway}/{name}/window"] >= 10
