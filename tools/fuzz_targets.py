"""What reads bytes from the network or from files, as targets of `tools/fuzz.py` and `tests/test_fuzz.py`.

A target takes any bytes. It may refuse them with an error that says so; anything else that comes out is a fault, and so
is more memory than it is allowed, or a hang.
"""

import asyncio
import builtins
import gc
import importlib
import json
import sys
import tempfile
import types
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from struct import pack
from typing import Any
from unittest.mock import patch

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]


from reedmesh import (  # noqa: E402
    board,
    check_model,
    config,
    delta,
    dsse,
    envelope,
    family,
    home_assistant,
    ledger,
    parcels,
    passport,
    requests,
    scaling,
    serial_message,
    shards,
    succession,
    tflite,
    trust,
    watch,
    wire,
)
from reedmesh.arguments import Arguments  # noqa: E402
from reedmesh.broker import Message, read_json  # noqa: E402
from reedmesh.bundle import Bundle  # noqa: E402
from reedmesh.collect import Collector  # noqa: E402
from reedmesh.config import Alerts  # noqa: E402
from reedmesh.dashboard import answers, passwords  # noqa: E402
from reedmesh.dashboard import settings as dashboard_settings  # noqa: E402
from reedmesh.dashboard.fold import fold  # noqa: E402
from reedmesh.dashboard.view import View  # noqa: E402
from reedmesh.errors import ConfigError, RefusedError  # noqa: E402
from reedmesh.federation import Federation, Sealed  # noqa: E402
from reedmesh.generation import Generation  # noqa: E402
from reedmesh.keys import Key, Keyring  # noqa: E402
from reedmesh.ledger import Entry, Row  # noqa: E402
from reedmesh.merge import Peer  # noqa: E402
from reedmesh.passport import Maker, Passport  # noqa: E402
from reedmesh.sensors import Line  # noqa: E402
from reedmesh.serial_frame import Deframer, frame  # noqa: E402
from reedmesh.shards import Manifest, Shape  # noqa: E402
from reedmesh.store import Store  # noqa: E402
from reedmesh.succession import Succession  # noqa: E402
from reedmesh.verify import verify  # noqa: E402
from reedmesh.wire import Window, WireError  # noqa: E402

FEATURES, TENSORS = 6, (30, 10)
KEY = Key(bytes(range(32)))
MIB = 1 << 20


@dataclass(frozen=True)
class Target:
    """take: under test. refusals: what it may raise. seeds: inputs that mean something, to begin with.

    longest: bytes of an input. room: bytes it may allocate for one. weight: its share of all runs.
    """

    take: Callable[[bytes], object]
    refusals: tuple[type[Exception], ...]
    seeds: Callable[[], list[bytes]]
    longest: int = 4096
    room: int = MIB
    weight: int = 10


def _window() -> bytes:
    into, window = bytearray(1024), Window(bytes(FEATURES), 1, 2)
    window.score = 7
    return bytes(into[: wire.pack_window(window, into)])


def _offer() -> bytes:
    return wire.pack_offer(wire.Offer(3, bytes(100), bytes(32), bytes(8), 9))


def _manifest(length: int = 300, hashed: int = 0) -> Manifest:
    made = Manifest(Shape(4, 32, length), bytes(32), "vibration", "hall2", 5, 5)
    made.hashed, made.hashes = hashed, bytes(16 * hashed * made.shape.blocks)
    return made


def take_manifest(data: bytes) -> None:
    """As a malicious neighbour can sign it: what comes after the signature was checked."""
    manifest = shards.unpack_manifest(data)
    collector = Collector({("hall2", "vibration"): 4})
    collector.announce(manifest, 0.0)
    assert collector.size <= 64 << 20
    collector.requests(10.0)


def manifests() -> list[bytes]:
    """With and without hashes, and one that continues another."""
    plain = [shards.pack_manifest(each) for each in (_manifest(), _manifest(100_000), _manifest(200, 9))]
    return [*plain, KEY.sign(_manifest())]


def take_shards(data: bytes) -> None:
    """A stream of shards of one bundle until it is whole: index, block and 32 bytes each; their CRC is put right."""
    manifest = _manifest()
    generation = Generation(manifest)
    for at in range(0, len(data), 34):
        place, rest = data[at : at + 2], data[at + 2 : at + 34]
        if len(rest) < 32 or generation.complete:
            break
        body = pack("<BBBBHH8sI", 1, 0, 4, place[0], place[1], 32, manifest.bundle, 300) + rest
        generation.add(shards.unpack_shard(body + pack("<I", zlib.crc32(body))))
    if generation.complete:
        generation.payload()
    generation.need().table()


def shard_streams() -> list[bytes]:
    """In order, and with parity."""
    whole = Bundle(bytes(range(256)) + bytes(44), "vibration", "hall2", 5, 5, Shape(4, 32, 300))
    frames = [shards.unpack_shard(each) for each in whole.wave({0: 6, 1: 6, 2: 6})]
    return [b"".join(bytes([each.index, each.block]) + bytes(each.data) for each in frames), bytes(34)]


def deltas() -> list[bytes]:
    """Of every profile and a snapshot, as they travel."""
    step, squares = np.linspace(-1, 1, sum(TENSORS), dtype=np.float32), np.ones(FEATURES, np.float32)
    made = [(delta.Delta(step, 9, 2.0), each) for each in delta.PROFILES.values()]
    made.append((delta.Delta(step, 9, 2.0, squares), delta.PROFILES["full"]))
    return [delta.pack(news, TENSORS, profile)[0] for news, profile in made]


def inflated_deltas() -> list[bytes]:
    """The same, before they are deflated."""
    return [each[:2] + zlib.decompress(each[2:]) for each in deltas()]


def take_inflated_delta(data: bytes) -> None:
    """What a fuzzer would hardly find behind zlib's checksum."""
    delta.unpack(data[:2] + zlib.compress(data[2:], 1), TENSORS, FEATURES)


def take_update(data: bytes) -> None:
    """A neighbour's update as the next of what is known of it: which it continues, then its payload, inflated."""
    known = Peer(np.zeros(sum(_family().tensors), np.float32), 9, 2.0, 4)
    verify(_family(), known, 5, data[0] if data else 5, data[1:3] + zlib.compress(data[3:], 1))


def updates() -> list[bytes]:
    """A delta and a snapshot of a real family."""
    tensors, length = _family().tensors, _family().recipe.length
    step = np.linspace(-1, 1, sum(tensors), dtype=np.float32)
    news = [(4, delta.Delta(step, 9, 2.0)), (5, delta.Delta(step, 9, 2.0, np.ones(length, np.float32)))]
    packed = [(base, delta.pack(each, tensors, delta.PROFILES["narrow10"])[0]) for base, each in news[:1]]
    packed += [(base, delta.pack(each, tensors, delta.PROFILES["full"])[0]) for base, each in news[1:]]
    return [bytes([base]) + each[:2] + zlib.decompress(each[2:]) for base, each in packed]


def _succession() -> bytes:
    said = Succession("hall2", 1_800_000_000, KEY.public, KEY.public)
    return succession.pack(said, KEY.signature(said.text()), KEY.signature(said.text()))


def _parcel() -> bytes:
    return parcels.pack({"node.mpy": b"M\x06\x2b\x1f" + bytes(9), "tflite/dot.mpy": b"M\x06\x00\x1f"}, 7)


@cache
def _sealed() -> Sealed:
    ring = Keyring({"hall2": KEY.public})
    return Sealed("plant", bytes(32), "hall1", ["vibration"], [KEY], ring, lambda: 1_800_000_000.0)


def take_message(data: bytes) -> None:
    """A topic's length, the topic, and what is said there: in an open federation and in a sealed one."""
    size = data[0] if data else 0
    topic, said = data[1 : 1 + size].decode("latin-1"), data[1 + size :]
    for federation in (Federation(), _sealed()):
        with suppress(WireError):
            heard = federation.hear(Message(topic, said))
            if heard.leaf.startswith("request/"):
                requests.read(heard.leaf[8:], heard.family, read_json(heard.payload, 4096))


def messages() -> list[bytes]:
    """What neighbours say of updates."""
    need = requests.Need("hall1", "vibration", bytes(8), {0: 3, 1: 2}, 10, 1).table()
    told = [("manifest", manifests()[0]), ("request/need", json.dumps(need).encode()), ("key", _succession())]
    said = [each.message("hall2", "vibration", leaf, what) for each in (Federation(), _sealed()) for leaf, what in told]
    return [bytes([len(each.topic)]) + each.topic.encode() + bytes(each.payload) for each in said]


def take_envelope(data: bytes) -> None:
    """What is sealed for us."""
    envelope.unseal(data, [KEY.opens], b"context")


SAID = ("hello", "availability", "model/status", "firmware/status", "window", "late")


def take_from_sensor(data: bytes) -> None:
    """All that a sensor can say, and what the gateway makes of it: which leaf, then the payload."""
    leaf, payload = SAID[data[0] % len(SAID)] if data else "hello", data[1:]
    line, store = Line(FEATURES, 100, Alerts(), 10), _store()
    events = watch.Events(_ignore, _ignore, _ignore, _ignore, _ignore, _ignore)
    try:
        watch.take(Message(f"reedmesh/gw/press/{leaf}", payload), line, store, events, 1.0)
    finally:
        store.take_pending()
    for sensor in line.sensors.values():
        shown = home_assistant.sensor_device("gw", sensor)
        json.dumps([sensor.summary(), sensor.hz, sensor.longest_shard, sensor.hello, shown]).encode()


def from_sensors() -> list[bytes]:
    """What they do say."""
    hello: dict[str, Any] = {"model": "00" * 8, "sequence": 3, "shard": 228, "measured_hz": 199.5, "room": 4096}
    hello |= {"sensor": {"rate_hz": 200}, "tree": {"code": "xtensawin-6-3", "sequence": 1, "newest": 2}}
    said = [
        hello,
        {"state": "online", "seconds": 60},
        {"code": 206, "missing": 3},
        {"code": 206, "block": 1, "missing": 2},
    ]
    return [
        *(bytes([i]) + json.dumps(each).encode() for i, each in enumerate(said)),
        b"\x04" + _window(),
        b"\x05" + wire.pack_late(9, _window()),
    ]


def _ignore(*_: object) -> None:
    pass


@cache
def _store() -> Store:
    return Store()


def take_request(data: bytes) -> None:
    """All kinds of arguments of whatever is asked for."""
    given = Arguments(read_json(data, 4096))
    for key in ("alert", "by", "sensor"):
        for take in (given.text, given.some_text):
            take(key)
    given.number("minutes", 1, 10080, 5)
    given.number("since", 0, 1e11, 0)


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
    """What gateways say."""
    alert = {
        "id": "press-1",
        "sensor": "press",
        "state": "new",
        "since": 3.5,
        "top_score": 4,
        "threshold": 2,
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
    for read in (answers.story, answers.alerts, answers.scores, answers.picture, answers.models):
        repr(read(said))


def given_answers() -> list[bytes]:
    """What gateways answer."""
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


def take_serial(data: bytes) -> None:
    """Bytes on a wire, through to the message; then the same bytes as one body, for which no check is in the way."""
    assembler = serial_message.Assembler()
    for body in [*Deframer().feed(data), data[:234]]:
        try:
            _take_body(body, assembler)
        except WireError:
            continue


def _take_body(body: bytes, assembler: serial_message.Assembler) -> None:
    kind = body[0] if body else 0
    if kind == serial_message.REPORT:
        serial_message.unpack_report(body)
    elif kind == serial_message.SHARD:
        serial_message.unpack_shard(body, bytes(8), Shape(4, 32, 300))
    else:
        whole = assembler.add(body)[2]
        serial_message.unpack_message(whole)


def serial_lines() -> list[bytes]:
    """Messages, reports, and a frame that has to be mended."""
    message = serial_message.pack_message("reedmesh/gw/press/hello", b'{"model": ""}', 1, True)
    bodies = [*serial_message.pieces(9, message), serial_message.pack_report(9, 5), bytes([3, 0, 1, 2]) + bytes(32)]
    framed = [frame(each) for each in bodies]
    bent = bytearray(framed[0])
    bent[9] ^= 1
    return [*framed, *bodies, bytes(bent), b"".join(framed)]


@cache
def _passport() -> bytes:
    made = Passport(
        "ab" * 32, "cd" * 32, "press", "f" * 16, Maker("hall1", "1a2b"), "2026-01-01T00:00:00Z", {"ADD": 1}, {}
    )
    return passport.sign(made, KEY)


def statements() -> list[bytes]:
    """What is inside a passport's envelope."""
    return [dsse.unseal(_passport(), passport.ENVELOPE, [KEY.public])[0]]


def take_statement(data: bytes) -> None:
    """As if it were signed."""
    found = passport.verify(dsse.seal(passport.ENVELOPE, data, KEY, ""), [KEY.public])
    assert found.lines() and found.faults("press", "f" * 16, b"", b"")


def take_head(data: bytes) -> None:
    """A head of a ledger; then its hash signed, as by a neighbour that lies."""
    size = len(data) // 32 * 32
    before, tail = data[:32].ljust(32, b"\0"), tuple(data[at : at + 32] for at in range(32, size, 32))
    number = len(data)
    hashed = ledger.Head("hall2", number, b"", b"", before, tail).hashes()[number]
    signature = KEY.signature(ledger.signed_text("hall2", number, hashed))
    lie = ledger.Head("hall2", number, hashed, signature, before, tail)
    ledger.forks({number - 1: bytes(32)}, ledger.unpack_head(ledger.pack_head(lie), [KEY.public]))
    ledger.unpack_head(data, [KEY.public])


def _head() -> bytes:
    hashed = ledger.link(ledger.origin("hall2"), sha256(b"{}").digest())
    signature = KEY.signature(ledger.signed_text("hall2", 1, hashed))
    return ledger.pack_head(
        ledger.Head("hall2", 1, hashed, signature, ledger.origin("hall2"), (sha256(b"{}").digest(),))
    )


def take_ledger(data: bytes) -> None:
    """Rows of a database that somebody wrote into."""
    rows = [Row(i + 1, text, sha256(text).digest(), data[:64]) for i, text in enumerate(data.split(b"\n", 7))]
    assert ledger.verify("hall1", rows, [KEY.public]).entries
    assert all(isinstance(ledger.read(row), dict) for row in rows)


@cache
def _folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="reedmesh-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))


def _file(data: bytes) -> Path:
    path = _folder() / "input"
    path.write_bytes(data)
    return path


def take_trust(data: bytes) -> None:
    """trust.json, and who is trusted then."""
    _file(data).replace(_folder() / trust.FILE)
    known = trust.Trust(_folder(), {})
    for name in known.names():
        known.of(name)


def trusts() -> list[bytes]:
    """As it is written."""
    key = KEY.public.hex()
    table = {"trusted": {"hall2": [key]}, "revoked": [key], "until": {key: 1.5}, "appointed": {key: key}}
    return [json.dumps(table).encode()]


@cache
def sensor_module(name: str) -> Any:
    """A module of the firmware under CPython. Compiled kernels do nothing there: what reads and checks needs none."""
    told, spare = types.ModuleType("micropython"), types.ModuleType("gc")
    told.const, told.viper, told.native = (lambda value: value), (lambda _: lambda *_: 0), (lambda value: value)
    spare.collect = spare.mem_free = spare.threshold = lambda *_: 0
    vars(builtins).update(dict.fromkeys(("ptr8", "ptr16", "ptr32"), object))
    if str(ROOT / "firmware") not in sys.path:
        sys.path.append(str(ROOT / "firmware"))
        sys.path.append(str(ROOT / "gateway" / "reedmesh"))
    sys.modules |= {"micropython": told, "gc": spare}
    try:
        return importlib.import_module(name)
    finally:
        sys.modules["gc"] = gc


def take_model_on_sensor(data: bytes) -> None:
    """A model that a sensor is to load."""
    engine = sensor_module("tflite")
    try:
        engine.Model(bytearray(data)).metadata("reedmesh.scaling")
    except engine.ModelError as refusal:
        raise WireError(str(refusal)) from refusal


def models() -> list[bytes]:
    """One of each operator, and a family's own."""
    from tests import operator_models  # they write them operator by operator

    return [draw(np.random.default_rng(3)) for draw in operator_models.OPERATORS.values()]


@cache
def _family() -> family.Family:
    return family.load(family.find("vibration"))


def take_model(data: bytes) -> None:
    """What the gateway itself reads of a model: metadata, buffers, and whether a sensor runs it."""
    for read in (lambda: tflite.metadata(data, "reedmesh.scaling"), lambda: tflite.buffers(data)):
        with suppress(ValueError):
            read()
    check_model.check(data).lines(board.load("esp32"))


def take_packets(data: bytes) -> None:
    """What a broker sends a sensor."""
    packets = sensor_module("mqtt_packets")
    small, source = memoryview(bytearray(64)), BytesIO(data)
    packet = packets.Incoming(small, lambda topic: small if topic else None)
    try:
        while source.tell() < len(data):
            for view in packet.parts():
                if source.readinto(view) < len(view):
                    return
            if packet.kind != packets.PUBLISH:
                packets.check_accepted(packet)
    except packets.MqttError as refusal:
        raise WireError(str(refusal)) from refusal


def packets() -> list[bytes]:
    """CONNACK, SUBACK, a message at each QoS, PINGRESP."""
    said = [b"\x20\x02\0\0", b"\x90\x03\0\x01\x01", b"\x30\x06\0\x01a{} ", b"\x32\x06\0\x01a\0\x07!", b"\xd0\0"]
    return [*said, b"".join(said)]


def take_settings(data: bytes) -> None:
    """A sensor's config.json."""
    sensor_module("settings").load(str(_file(data)))


def settings() -> list[bytes]:
    """With a broker, and with a wire."""
    features = {"version": 1, "samples": 200, "axes": 3, "bands": 20}
    common = {"gateway": "gw", "name": "press", "board": "esp32", "sensor": {"driver": "replay"}, "features": features}
    ways = {"broker": {"host": "a", "port": 1, "plain": True}}, {"serial": {"uart": 1, "baud": 9600}, "key": "ab" * 32}
    return [json.dumps(common | {"model_bytes": 16384} | way).encode() for way in ways]


ASKED = ("alerts", "alert", "history", "spectrum", "windows", "models", "passport", "status", "no such thing")


@cache
def _gateway() -> tuple[Any, asyncio.AbstractEventLoop]:
    from reedmesh.service import Gateway

    made = Gateway(config.Config("gw", str(_folder())), _family(), Store())
    made.line.sensor("press")
    return made, asyncio.new_event_loop()


def take_at_desk(data: bytes) -> None:
    """A question to a whole gateway: which one, then its arguments; the answer must be one that can be sent."""
    gateway, loop = _gateway()
    verb = ASKED[data[0] % len(ASKED)] if data else "alerts"
    answer = loop.run_until_complete(gateway._desk.answer(verb, data[1:]))
    assert answer["status"] in ("ok", "error") and len(json.dumps(answer)) < wire.MAX_PAYLOAD


def at_desk() -> list[bytes]:
    """Every verb, with what it takes."""
    given = {"sensor": "press", "alert": "press-1", "by": "Ana", "text": "why", "minutes": 5, "transaction": "7"}
    timed = {"sensor": "press", "since": 0, "until": 1e10, "points": 50, "limit": 5}
    return [bytes([i]) + json.dumps(each).encode() for i in range(len(ASKED)) for each in (given, timed)]


def _example() -> bytes:
    return (ROOT / "gateway" / "reedmesh.example.toml").read_bytes()


def dashboards() -> list[bytes]:
    """With every table there is."""
    broker = '[[brokers]]\nhost = "127.0.0.1"\nport = 1883\n'
    return [broker.encode(), f'{broker}\n[[accounts]]\nname = "ana"\npassword = "x"\nrole = "operator"\n'.encode()]


def take_plan(data: bytes) -> None:
    """A family's model.toml."""
    folder = _folder() / "vibration"
    folder.mkdir(exist_ok=True)
    family.read_plan(_file(data).rename(folder / "model.toml").parent)


WIRE, CONFIG = (WireError,), (ConfigError,)
TARGETS = {
    "window": Target(wire.unpack_window, WIRE, lambda: [_window()]),
    "offer": Target(wire.unpack_offer, WIRE, lambda: [_offer()]),
    "topic": Target(lambda data: wire.split_topic(data.decode("latin-1")), WIRE, lambda: [b"reedmesh/gw/press/window"]),
    "manifest": Target(take_manifest, WIRE, manifests),
    "shard": Target(
        shards.unpack_shard,
        WIRE,
        lambda: [shards.pack_shard(shards.Shard(bytes(8), Shape(1, 32, 20), 0, 0, bytes(32)))],
    ),
    "bundle": Target(take_shards, WIRE, shard_streams, weight=3),
    "delta": Target(lambda data: delta.unpack(data, TENSORS, FEATURES), WIRE, deltas),
    "delta inflated": Target(take_inflated_delta, WIRE, inflated_deltas),
    "update": Target(take_update, WIRE, updates, longest=8192, weight=3),
    "succession": Target(succession.unpack, WIRE, lambda: [_succession()]),
    "parcel": Target(parcels.unpack, WIRE, lambda: [_parcel()]),
    "federation": Target(take_message, WIRE, messages, weight=5),
    "envelope": Target(
        take_envelope, WIRE, lambda: [envelope.seal(b"payload", [KEY.opens.public_key()], b"context")], weight=1
    ),
    "from a sensor": Target(take_from_sensor, WIRE, from_sensors),
    "request": Target(take_request, (*WIRE, RefusedError), lambda: [each[1:] for each in at_desk()]),
    "desk": Target(take_at_desk, (), at_desk, weight=1),
    "dashboard": Target(take_on_page, (), on_pages),
    "answer": Target(take_answer, WIRE, given_answers),
    "password hash": Target(take_password_hash, (), lambda: [passwords.hashed("a password").encode()]),
    "dashboard.toml": Target(lambda data: dashboard_settings.load(_file(data)), CONFIG, dashboards, weight=2),
    "scaling": Target(scaling.from_bytes, (ValueError,), lambda: [scaling.to_bytes([1, 2], [3, 4], 5)]),
    "serial": Target(take_serial, (), serial_lines, longest=1024, weight=2),
    "envelope of a passport": Target(lambda data: passport.verify(data, [KEY.public]), WIRE, lambda: [_passport()]),
    "passport": Target(take_statement, WIRE, statements, weight=3),
    "head": Target(take_head, WIRE, lambda: [_head(), bytes(96)], weight=3),
    "ledger": Target(take_ledger, (), lambda: [Entry("taken", "hall2").text(1, 5.0) + b'\n{"at": 1e9}'], weight=3),
    "trust.json": Target(take_trust, CONFIG, trusts, weight=3),
    "config": Target(lambda data: config.load(_file(data)), CONFIG, lambda: [_example()], weight=2),
    "model.toml": Target(take_plan, CONFIG, lambda: [(family.find("vibration") / "model.toml").read_bytes()], weight=2),
    "model": Target(take_model, CONFIG, models, longest=8192, room=16 * MIB, weight=3),
    "model on a sensor": Target(take_model_on_sensor, WIRE, models, longest=8192, room=4 * MIB, weight=5),
    "packets on a sensor": Target(take_packets, WIRE, packets),
    "settings of a sensor": Target(take_settings, (ValueError,), settings, weight=5),
}


def run(target: Target, data: bytes) -> None:
    """One input; what it refuses it may refuse."""
    with suppress(*target.refusals):
        target.take(data)
