"""A wiretap between two gateways, through a whole life of a line: updates explain every byte that it hears.

Two `reedmesh run` with a sensor each; a proxy records what crosses between them, and, to show that the search works,
what crosses between a sensor and its gateway. TLS is off, so that the bytes can be seen.
"""

import asyncio
import contextlib
import gc
import json
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from reedmesh.broker import accounts, acl
from reedmesh.coding import Decoder, encode_block
from reedmesh.coding.bundle import Bundle
from reedmesh.config.settings import FEDERATION
from reedmesh.exchange import seen
from reedmesh.exchange.federation import Federation, Heard, Sealed
from reedmesh.identity import keystore
from reedmesh.identity.keyring import Keyring
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.inference import family, features
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from reedmesh.protocol.shards import Manifest, Shard, unpack_manifest, unpack_shard
from reedmesh.provenance import credit, ledger
from reedmesh.store.store import Store
from tests.support.brokers import CONNECT, DISCONNECT, PINGREQ, PUBACK, PUBLISH, SUBSCRIBE, free_port
from tests.support.sensor import FakeSensor
from tests.support.timeouts import PATIENCE
from tools.simulate.recordings import simulate

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # see `collected` in tests/broker/test_acl.py

FAMILY = family.load_family(family.find_family("vibration"))
HALLS = ("hall1", "hall2")
LEARN = 60  # windows
SECRET = "5e" * 32
PIECE = 12  # bytes of a window that are looked for: so many do not come together by chance
ANSWERS = {2: "CONNACK", 9: "SUBACK", 11: "UNSUBACK", 13: "PINGRESP"}


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """paho leaves the socket of a connection that was refused to the garbage collector, which would complain."""
    yield
    gc.collect()


@cache
def sounds(hall: int) -> dict[str, NDArray[np.int8]]:
    """What a machine sounds like, as features."""
    recording = simulate()
    chosen = {"train": ("train", "normal"), "normal": ("test", "normal"), "fault": ("test", "imbalance")}
    return {name: features.extract(recording.windows(hall, *which), FAMILY.recipe) for name, which in chosen.items()}


class Tap:
    """A TCP proxy to `port` that remembers each connection's bytes: what was said to the broker, and by it."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.said: list[tuple[bytearray, bytearray]] = []
        self._to = port

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        async with await asyncio.start_server(self._serve, sock=self._socket):
            yield

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(OSError, asyncio.CancelledError):
                there, back = await asyncio.open_connection("127.0.0.1", self._to)
                self.said.append((bytearray(), bytearray()))
                up, down = self.said[-1]
                await asyncio.gather(self._pass(reader, back, up), self._pass(there, writer, down))
        finally:
            writer.close()

    @staticmethod
    async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter, record: bytearray) -> None:
        try:
            with contextlib.suppress(OSError):
                while data := await source.read(65536):
                    record += data
                    sink.write(data)
                    await sink.drain()
        finally:
            sink.close()


class Hall:
    """A gateway as a process, its sensor, and taps on the ways to it."""

    def __init__(self, folder: Path, name: str, sealed: bool) -> None:
        self.name = name
        self.folder = folder / name
        self.folder.mkdir()
        self.port = free_port()
        self.from_neighbour, self.from_sensor = Tap(self.port), Tap(self.port)
        self.secret = SECRET if sealed else ""
        self.key = keystore.load(self.folder)

    def write(self, neighbour: "Hall") -> Path:
        password = accounts.derived(neighbour.folder, acl.gateway_user(self.name))
        there = f'name = "{neighbour.name}"\nhost = "127.0.0.1"\nport = {neighbour.from_neighbour.port}\nplain = true\n'
        config = self.folder / "reedmesh.toml"
        config.write_text(
            f'name = "{self.name}"\nstate = "{self.folder}"\n[broker]\nembedded = true\nport = {self.port}\n'
            f'[learning]\nwindows = {LEARN}\n[exchange]\nsecret = "{self.secret}"\n'
            f'[[neighbours]]\n{there}key = "{neighbour.key.public.hex()}"\npassword = "{password}"\n'
        )
        return config

    def link(self, user: str, port: int, *topics: str) -> Link:
        sensor = user.startswith("sensor.")
        key = SensorKeys(self.folder).made_for(user[7:]) if sensor else b""
        password = accounts.sensor_password(key) if sensor else accounts.derived(self.folder, user)
        return Link("127.0.0.1", port, user, subscriptions=dict.fromkeys(topics, 1), login=(user, password))

    def federation(self, neighbour: str, key: bytes) -> Federation:
        """As the neighbour has it, which is whom all of it is for."""
        ring = Keyring({neighbour: key})
        sealed = Sealed(FEDERATION, bytes.fromhex(SECRET), self.name, [FAMILY.id], [self.key], ring)
        return sealed if self.secret else Federation()


@contextlib.contextmanager
def gateways(halls: list[Hall]) -> Iterator[None]:
    """Both at work."""
    with contextlib.ExitStack() as stack:
        for hall, other in zip(halls, halls[::-1], strict=True):
            command = [sys.executable, "-m", "reedmesh", "run", str(hall.write(other))]
            with (hall.folder / "log").open("wb") as log:
                process = stack.enter_context(subprocess.Popen(command, stderr=log, stdout=log))
            stack.callback(process.terminate)
        yield


async def live(hall: Hall, number: int) -> None:
    """A machine is learnt, watched, fails, and is told of; its sensor takes the model it is offered."""
    models = [f"reedmesh/{hall.name}/press/model/{leaf}" for leaf in ("manifest", "shard")]
    link = hall.link("sensor.press", hall.from_sensor.port, *models)
    heard: list[Message] = []
    ears = hall.link(acl.DASHBOARD, hall.port, f"reedmesh/{hall.name}/#")
    sensor = FakeSensor(link, hall.name, "press", FAMILY.recipe)
    tasks = [asyncio.create_task(sensor.receive(link.messages())), asyncio.create_task(listen(ears, heard))]
    while not (link.connected and ears.connected):
        await asyncio.sleep(0.05)
    await sensor.hello()
    await say(sensor, sounds(number)["train"][:LEARN])
    await until(lambda: sensor.model is not None)
    await say(sensor, sounds(number)["normal"][:20])
    await say(sensor, sounds(number)["fault"][:20])
    await until(lambda: any(message.topic.endswith("/alert") for message in heard))
    neighbour = next(other for other in HALLS if other != hall.name)
    await until(lambda: any(taken(message, neighbour) for message in heard))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def listen(link: Link, heard: list[Message]) -> None:
    async for message in link.messages():
        heard.append(message)  # noqa: PERF401 (what came is read while more comes)


async def say(sensor: FakeSensor, windows: NDArray[np.int8]) -> None:
    for window in windows:
        await sensor.window(window.tobytes())


async def until(condition) -> None:  # type: ignore[no-untyped-def]
    while not condition():
        await asyncio.sleep(0.02)


def taken(message: Message, neighbour: str) -> bool:
    """Whether the gateway says that it has its neighbour's update."""
    return message.topic.endswith("/info") and bool(json.loads(message.payload)["neighbours"][neighbour])


def packets(stream: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Kind, body and whole length of each MQTT packet; the last one may be cut off."""
    at = 0
    while at < len(stream):
        first, size, shift, start = stream[at], 0, 0, at
        while True:
            at += 1
            size |= (stream[at] & 127) << shift
            shift += 7
            if stream[at] < 128:
                break
        body = stream[at + 1 : at + 1 + size]
        at += 1 + size
        if len(body) == size:
            yield first, bytes(body), at - start


def published(first: int, body: bytes) -> Message:
    """The message in a PUBLISH."""
    length = int.from_bytes(body[:2], "big")
    return Message(body[2 : 2 + length].decode(), body[2 + length + 2 * bool(first & 6) :])


def pieces(windows: NDArray[np.int8]) -> set[bytes]:
    """All that a window could be known by: every 12 bytes of it in a row."""
    return {row[i : i + PIECE] for row in map(bytes, windows) for i in range(len(row) - PIECE + 1)}


def found(stream: bytes, wanted: set[bytes]) -> int:
    """How many places of the stream are in `wanted`."""
    return sum(stream[i : i + PIECE] in wanted for i in range(len(stream) - PIECE + 1))


@pytest.mark.parametrize("sealed", [False, True])
def test_nothing_crosses_between_gateways_but_updates(
    tmp_path: Path, sealed: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    halls = [Hall(tmp_path, name, sealed) for name in HALLS]

    async def story() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for hall in halls:
                for tap in (hall.from_neighbour, hall.from_sensor):
                    await stack.enter_async_context(tap.listening())
            with gateways(halls):
                async with asyncio.timeout(PATIENCE):
                    await asyncio.gather(*(live(hall, number) for number, hall in enumerate(halls)))

    asyncio.run(story())
    for number, hall in enumerate(halls):
        windows = np.concatenate([sounds(number)[kind] for kind in ("train", "normal", "fault")])
        tapped = b"".join(up + down for up, down in hall.from_sensor.said)
        assert found(tapped, pieces(windows)) > 100 * LEARN // 2 and b"score" not in tapped  # so the search finds
        crossed = b"".join(up + down for tap in (each.from_neighbour for each in halls) for up, down in tap.said)
        assert found(crossed, pieces(windows)) == 0
        for word in (b"press", b"score", b"alert", b"threshold", b"watching", b"/window", b"/hello", b"/state"):
            at = crossed.find(word)
            assert at < 0, crossed[max(0, at - 60) : at + 60]
        assert (FAMILY.id.encode() in crossed) == (not sealed)
    for hall, other in zip(halls, halls[::-1], strict=True):
        report = explained(hall, other)
        with capsys.disabled():
            print(f"\n{hall.name} -> {other.name}, {'sealed' if sealed else 'open'}: {report}")


def explained(hall: Hall, reader: Hall) -> dict[str, int]:
    """Account for every byte that left `hall` by the tap: bytes by what they are; fails for what is not explained."""
    federation = reader.federation(hall.name, hall.key.public)
    counts = dict.fromkeys(
        ("packets", "shards", "manifests", "heads", "seen", "points", "requests", "status", "MQTT"), 0
    )
    manifests: dict[bytes, Manifest] = {}
    shards: dict[bytes, list[Shard]] = {}
    for up, down in hall.from_neighbour.said:
        kinds = {first >> 4 for first, _, _ in packets(up)}
        assert kinds <= {CONNECT, SUBSCRIBE, PINGREQ, PUBACK, DISCONNECT}, "a neighbour only listens"
        for first, body, size in packets(down):
            counts["packets"] += 1
            if first >> 4 != PUBLISH:
                assert first >> 4 in ANSWERS and (len(body) <= 4 or set(body[2:]) <= {0, 1})  # QoS granted
                counts["MQTT"] += size
                continue
            message = published(first, body)
            counts["MQTT"] += size - len(message.payload)
            if message.topic == f"reedmesh/{hall.name}/status":
                assert json.loads(message.payload).keys() == {"state", "federation"}
                counts["status"] += len(message.payload)
            else:
                heard = federation.hear(message)
                if not message.payload:
                    continue  # retained under yesterday's name, and taken back
                note(heard, hall.key.public, len(message.payload), counts, manifests, shards)
    asked = asked_for(hall, reader)
    for bundle, pieces in shards.items():  # some parity, and not more than was asked for
        shape = manifests[bundle].shape
        assert len(pieces) <= 2 * (shape.k * shape.blocks + asked[bundle.hex()])
    payloads = {bundle: rebuilt(federation, manifests[bundle], pieces) for bundle, pieces in shards.items()}
    assert set(payloads.values()) == {last_update(hall)}
    return counts


def asked_for(hall: Hall, reader: Hall) -> Counter[str]:
    """How many shards of each bundle of the hall's the reader asked for: it says so on its own broker."""
    federation, asked = hall.federation(reader.name, reader.key.public), Counter[str]()
    for _, down in reader.from_neighbour.said:
        for first, body, _ in packets(down):
            if first >> 4 == PUBLISH and not published(first, body).topic.endswith("/status"):
                heard = federation.hear(published(first, body))
                if heard.leaf == "request/need" and heard.payload:
                    said = json.loads(heard.payload)
                    asked[said["bundle"]] += sum(said["need"].values())
    return asked


def note(
    heard: Heard,
    signer: bytes,
    size: int,
    counts: dict[str, int],
    manifests: dict[bytes, Manifest],
    shards: dict[bytes, list[Shard]],
) -> None:
    if heard.leaf == "manifest":
        manifest = unpack_manifest(heard.payload)
        manifests[manifest.bundle] = manifest
        counts["manifests"] += size
    elif heard.leaf == "shard":
        shard = unpack_shard(heard.payload)
        shards.setdefault(shard.bundle, []).append(shard)
        counts["shards"] += size
    elif heard.leaf == "head":
        assert (
            ledger.unpack_checkpoint(heard.payload, [signer]).name == heard.gateway
        )  # a number, hashes and a signature
        counts["heads"] += size
    elif heard.leaf == "seen":
        seen.unpack(heard.payload)  # heads of others, and which updates are held
        counts["seen"] += size
    elif heard.leaf == "owed":
        said = credit.unpack(heard.payload, [signer])
        assert said.name == heard.gateway and set(said.entries) <= set(HALLS)  # points
        counts["points"] += size
    else:
        assert json.loads(heard.payload).keys() <= {"to", "bundle", "need", "received", "lost"}
        counts["requests"] += size


def rebuilt(federation: Federation, manifest: Manifest, shards: list[Shard]) -> bytes:
    """The update that all these shards are of: each is what coding that payload gives, and nothing else."""
    decoder = Decoder(manifest.shape, manifest.sha256, 0)
    for shard in shards:
        decoder.add(shard.block, shard.index, shard.data)
    payload = decoder.payload()
    for shard in shards:
        made = encode_block(payload, manifest.shape, shard.block, [shard.index])
        assert bytes(made[0]) == bytes(shard.data)
    assert Bundle(payload, FAMILY.id, manifest.sender, manifest.sequence, manifest.base).id == manifest.bundle
    return federation.open(manifest, payload)


def last_update(hall: Hall) -> bytes:
    """What the gateway says it has published."""
    with Store(hall.folder) as store:
        found = store.replicas.last_update(hall.name, FAMILY.id)
    assert found
    return found[1]
