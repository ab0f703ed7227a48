"""A board that was switched on has the year 2000, and TLS needs the date: who gives it, and what if nobody does.

The real program under MicroPython, a real mosquitto with TLS, and libfaketime in place of the board's clock.
"""

import asyncio
import base64
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from reedmesh.identity import certificates
from tests.firmware import test_app
from tests.firmware.board.test_board_life import board
from tests.support.brokers import free_port, mosquitto
from tests.support.micropython import missing
from tests.support.timeouts import PATIENCE

FAKETIME = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
AFTER_POWER_ON = "@2000-01-01 00:00:20\n"


@contextmanager
def time_server(knows: bool = True) -> Iterator[tuple[int, list[float]]]:
    """Port of an NTP server on this machine, and when it was asked; one that does not know the time says so."""
    asked: list[float] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
        line.bind(("127.0.0.1", 0))

        def serve() -> None:
            while True:
                question, sender = line.recvfrom(100)
                if not question:
                    return
                asked.append(time.monotonic())
                now = (int(time.time()) + 2208988800).to_bytes(4, "big") + bytes(4)
                stratum = 2 if knows else 0
                line.sendto(bytes([0x24, stratum, 6, 0xEC]) + bytes(20) + question[40:48] + now * 2, sender)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield line.getsockname()[1], asked
        finally:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end:
                end.sendto(b"", line.getsockname())
            thread.join()


def heard(folder: Path, ntp: int, made: int = 0) -> tuple[list[str], str]:
    """What is heard in vain or not of a sensor that was switched on: leaves of topics; and its serial line."""
    if not FAKETIME:
        missing("no libfaketime found: apt install faketime")
    site, pki, clock = folder / "site", folder / "pki", folder / "clock"
    certificates.make_ca(site, "site")
    certificates.issue(pki, ["127.0.0.1"], site)
    ca = base64.b64encode(certificates.read(site / "ca.crt").public_bytes(Encoding.DER)).decode()
    clock.write_text(AFTER_POWER_ON)
    secure = free_port()
    tls = [
        f"listener {secure} 127.0.0.1",
        f"certfile {pki / 'server.crt'}",
        f"keyfile {pki / 'server.key'}",
        "user root",
    ]

    async def story(port: int) -> list[str]:
        async with test_app.listening(port, folder) as it, asyncio.timeout(PATIENCE):
            broker = {"host": "127.0.0.1", "port": secure, "ca": ca}
            fake = {
                "LD_PRELOAD": str(FAKETIME[0]), "FAKETIME_TIMESTAMP_FILE": str(clock), "FAKETIME_NO_CACHE": "1",
                "DONT_FAKE_MONOTONIC": "1", "FAKE_CLOCK": str(clock), "TZ": "UTC",
            }  # fmt: skip
            process = board(folder, it, fake, broker=broker, ntp=f"127.0.0.1:{ntp}", made=made)
            try:
                await it.until("window", lambda _: True)
            finally:
                process.kill()
                process.wait()
            return [leaf for leaf, _ in it.heard]

    with mosquitto(folder, free_port(), *tls) as port:
        return asyncio.run(story(port)), (folder / "board.log").read_text()


def test_the_time_comes_before_the_link_that_needs_it(tmp_path: Path) -> None:
    with time_server() as (port, asked):
        leaves, log = heard(tmp_path, port)
    assert "window" in leaves and asked, log
    assert log.index("machine.RTC") < log.index("link: up")


@pytest.mark.parametrize("knows", [True, False])
def test_without_an_answer_it_starts_from_when_its_settings_were_made(tmp_path: Path, knows: bool) -> None:
    with time_server(knows) as (port, _):
        leaves, log = heard(tmp_path, port if not knows else free_port(), int(time.time()))
    assert "window" in leaves, log
