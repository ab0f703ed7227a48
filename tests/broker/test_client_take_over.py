"""A client that comes again under its client id: the old connection goes first, and its will never comes after."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from pathlib import Path

import pytest

from reedmesh.broker import embedded
from reedmesh.broker.accounts import Users
from reedmesh.config.settings import Broker, Config
from tests.support.brokers import free_port, mosquitto
from tests.support.timeouts import PATIENCE

ONLINE, OFFLINE, TOPIC = b"online", b"offline", b"reedmesh/gw/press/availability"


def text(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def packet(kind: int, body: bytes) -> bytes:
    length = bytes([len(body)]) if len(body) < 128 else bytes([len(body) % 128 | 128, len(body) // 128])
    return bytes([kind]) + length + body


class Client:
    """MQTT 3.1.1 by hand: a connection that may stay open half dead, as no library leaves one."""

    def __init__(self, port: int, name: bytes, clean: bool = True, login: tuple[str, str] | None = None) -> None:
        self._link = socket.create_connection(("127.0.0.1", port), PATIENCE)
        flags = 0x2C | (2 if clean else 0) | (0xC0 if login else 0)  # a will, retained, QoS 1
        who = b"".join(text(each.encode()) for each in login or ())
        header = text(b"MQTT") + bytes([4, flags, 0, 60])
        self._link.sendall(packet(0x10, header + text(name) + text(TOPIC) + text(OFFLINE) + who))
        self.taken = self.read()

    def read(self) -> bytes:
        head = self._exactly(2)
        return head + self._exactly(head[1])

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self._link.recv(count - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data

    def publish(self, payload: bytes) -> None:
        self._link.sendall(packet(0x33, text(TOPIC) + b"\0\1" + payload))
        assert self.read()[:1] == b"\x40"

    def ping(self) -> bool:
        """Whether the broker answers, which hung up otherwise."""
        try:
            self._link.sendall(b"\xc0\0")
            return self.read()[:1] == b"\xd0"
        except OSError:
            return False

    def retained(self) -> bytes:
        self._link.sendall(packet(0x82, b"\0\1" + text(TOPIC) + b"\0"))
        while True:
            got = self.read()
            if got[0] & 0xF0 == 0x30:
                return got[4 + len(TOPIC) :]

    def close(self) -> None:
        self._link.close()


@contextmanager
def ours(_: Path, port: int, users: Users | None = None) -> Iterator[int]:
    """The embedded broker, in a thread of its own."""
    loop, up, over = asyncio.new_event_loop(), threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with embedded.broker(Broker(port=port), users):
            up.set()
            await over.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert up.wait(PATIENCE)
    yield port
    loop.call_soon_threadsafe(over.set)
    thread.join()
    loop.close()


BROKERS = {"mosquitto": mosquitto, "embedded": ours}


@contextmanager
def broker(kind: str, folder: Path) -> Iterator[int]:
    start: Callable[[Path, int], AbstractContextManager[int]] = BROKERS[kind]
    with start(folder, free_port()) as port:
        yield port


@pytest.mark.parametrize("kind", BROKERS)
@pytest.mark.parametrize("clean", [True, False])
def test_the_old_connection_is_closed_and_its_will_does_not_speak_after_the_new_one(
    tmp_path: Path, kind: str, clean: bool
) -> None:
    with broker(kind, tmp_path) as port, ExitStack() as stack:
        opened = lambda name: stack.enter_context(closing(Client(port, name, clean)))  # noqa: E731
        for i in range(6):
            first = opened(b"press%d" % i)
            first.publish(ONLINE)
            second = opened(b"press%d" % i)
            assert not first.ping()  # MQTT-3.1.4-2; mosquitto speaks the will before it lets the second one in
            second.publish(ONLINE)
            first.close()
            assert second.ping() and opened(b"observer%d" % i).retained() == ONLINE


@pytest.mark.parametrize("kind", BROKERS)
def test_a_client_that_vanishes_is_offline(tmp_path: Path, kind: str) -> None:
    with broker(kind, tmp_path) as port, closing(Client(port, b"observer")) as watcher:
        first = Client(port, b"press")
        first.publish(ONLINE)
        assert watcher.retained() == ONLINE
        first.close()
        assert watcher.read().endswith(OFFLINE)


@pytest.mark.parametrize("clean", [True, False])
def test_who_has_no_password_takes_over_nothing(tmp_path: Path, clean: bool) -> None:
    users = Users(Config("gw", str(tmp_path)))
    good = "gateway.gw", users.password("gateway.gw") or ""
    with ours(tmp_path, free_port(), users) as port, closing(Client(port, b"gw-1", clean, good)) as gateway:
        assert gateway.taken == b"\x20\x02\0\0"
        for login in (("gateway.gw", "wrong"), ("dashboard", "wrong"), None):
            with closing(Client(port, b"gw-1", clean, login)) as stranger:
                assert stranger.taken[3] in (4, 5)
        gateway.publish(ONLINE)
        assert gateway.ping() and gateway.retained() == ONLINE
