"""Brokers for tests, all on loopback: mosquitto, amqtt, and one whose every byte the test writes itself."""

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import tools.simulate.mosquitto
from tests.support.micropython import missing
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE
from tools.simulate.free_ports import free_port as free_port

GOODBYE = 10  # seconds for a broker to end by itself

CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14


@contextmanager
def mosquitto(directory: Path, port: int, *settings: str) -> Iterator[int]:
    """A mosquitto on `port` while the block runs; settings are lines of its configuration."""
    config = directory / "mosquitto.conf"
    lines = [f"listener {port} 127.0.0.1", "allow_anonymous true", "set_tcp_nodelay true", *settings]
    config.write_text("\n".join(lines) + "\n")
    with mosquitto_by(config):
        yield port


@contextmanager
def mosquitto_by(config: Path) -> Iterator["subprocess.Popen[str]"]:
    """A mosquitto with this configuration, while the block runs."""
    program = tools.simulate.mosquitto.program()
    if not program:
        missing("no mosquitto found: apt install mosquitto")
    with subprocess.Popen([str(program), "-c", str(config)], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        try:
            log: list[str] = []
            while not any(" running" in line for line in log[-1:]):
                log.append(process.stderr.readline())
                assert log[-1], f"mosquitto did not start: {log}"
            yield process
        finally:
            end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, then make it: a mosquitto that is told in the wrong moment goes on."""
    process.terminate()
    try:
        process.wait(GOODBYE)
    except subprocess.TimeoutExpired:
        process.kill()


@contextmanager
def amqtt(directory: Path, port: int) -> Iterator[int]:
    """An amqtt broker on `port` while the block runs: in a process of its own, because it can only be relied on to die.

    amqtt 0.12's shutdown waits for a cancelled reader that, under Python 3.11, may never notice (its wait_for loses a
    cancellation that comes together with data).
    """
    command = [sys.executable, "-m", "tests.support.brokers", str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        try:
            assert process.stdout.readline(), process.stderr.read()
            yield port
        finally:
            process.kill()


async def _serve_amqtt(port: int) -> None:
    from amqtt.broker import Broker

    anonymous = {"amqtt.plugins.authentication.AnonymousAuthPlugin": {"allow_anonymous": True}}
    settings = {"listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{port}"}}, "plugins": anonymous}
    await Broker(settings).start()
    print("running", flush=True)
    await asyncio.Event().wait()


class ScriptedBroker:
    """A listening socket; `accept` gives the next connection, on which the test plays the broker."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(PATIENCE)
        self.port = int(self._server.getsockname()[1])

    def __enter__(self) -> "ScriptedBroker":
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    @contextmanager
    def accept(self, code: int | None = 0) -> Iterator["Connection"]:
        """Take a connection and its CONNECT, and answer with CONNACK `code`; None: leave it unanswered."""
        with ExitStack() as stack:
            link = stack.enter_context(self._server.accept()[0])
            link.settimeout(PATIENCE)
            connection = stack.enter_context(Connection(link))
            assert connection.packet()[0] >> 4 == CONNECT
            if code is not None:
                connection.send(b"\x20\x02\x00" + bytes([code]))
            yield connection


class Connection:
    """One client's connection to a ScriptedBroker; leaving its block hangs up."""

    def __init__(self, link: socket.socket) -> None:
        self._link = link
        self._file = link.makefile("rb")

    def __enter__(self) -> "Connection":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

    def send(self, data: bytes) -> None:
        """Send exactly these bytes."""
        self._link.sendall(data)

    def packet(self) -> tuple[int, bytes]:
        """First byte and body of the client's next packet; EOFError when it has hung up."""
        first = self._file.read(1)
        if not first:
            raise EOFError
        size, shift = 0, 0
        while True:
            byte = self._file.read(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return first[0], self._file.read(size)

    def hung_up(self) -> bool:
        """Whether the client's next act is to hang up."""
        try:
            self.packet()
        except (EOFError, ConnectionResetError):
            return True
        return False


def publish(topic: str, payload: bytes, qos: int = 0, packet_id: int = 0, flags: int = 0) -> bytes:
    """A PUBLISH as the standard has it, 3.3: what the codec under test is compared with."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (packet_id.to_bytes(2, "big") if qos else b"") + payload
    size, length = len(body), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return bytes([0x30 | qos << 1 | flags]) + length + bytes([size]) + body


if __name__ == "__main__":
    asyncio.run(_serve_amqtt(int(sys.argv[1])))
