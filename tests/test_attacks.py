"""Attacks on what crosses between gateways and on their brokers, one row each: docs/security.md has the same table.

Who attacks is Mallory: she may say anything on the brokers, she has recorded all that was ever said, and in a sealed
federation she knows its secret. What she has not is a key that counts. After each attack a true update must still come
through, and nothing else may have.
"""

import asyncio
import contextlib
import gc
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from reedmesh import keys, shards, succession
from reedmesh.broker import Link, MemoryBroker, Message
from reedmesh.bundle import Bundle
from reedmesh.config import FEDERATION
from reedmesh.errors import WireError
from reedmesh.federation import Federation, Sealed
from reedmesh.keys import Key, Keyring
from reedmesh.shards import Manifest, Shape
from reedmesh.succession import Succession
from reedmesh.trust import Trust
from tests.exchange import FAMILY, Gateway, hearing, key_of, keyring, running, settle
from tests.patience import PATIENCE
from tests.test_access import BROKERS, Site, until

SECRET = bytes(range(32))
SHAPE = Shape(8, 64, 512)
STRANGER, MEMBER = Key(bytes(32)), key_of("hall3")
DOC = Path(__file__).parent.parent / "docs" / "security.md"


def payload(sequence: int) -> bytes:
    return np.random.default_rng(sequence).bytes(512)


class Stage:
    """hall1, which speaks; hall2 and hall3, which it trusts; Mallory. hall2 is the victim."""

    def __init__(self, folder: Path, sealed: bool) -> None:
        self.sealed = sealed
        self.now = time.time()
        self.broker = MemoryBroker()
        self.recorded: list[Message] = []
        deliver = self.broker.deliver
        self.broker.deliver = lambda message: (self.recorded.append(message), deliver(message))[1]  # type: ignore[func-returns-value,method-assign]
        self.mallory = self.broker.link()
        pinned = {name: key_of(name).public for name in ("hall1", "hall3")}
        self.trust = Trust(folder, pinned)
        self.ring = Keyring(pinned, self.trust, clock=lambda: self.now)
        self.hall1 = Gateway("hall1", [self.broker.link()], ["hall2"], federation=self.federation("hall1"))
        self.ears = self.federation("hall2")
        self.hall2 = Gateway("hall2", [self.broker.link()], [], applied={("hall1", FAMILY): 10}, federation=self.ears)
        self.hall2.exchange._keys = self.ring
        self.sequence = 10

    def federation(self, name: str, site: str = FEDERATION) -> Federation:
        """As `name` has it; Mallory uses hall1's but has no key of it."""
        ring = self.ring if name == "hall2" else keyring("hall2", "hall3", clock=lambda: self.now)
        mine = [key_of(name)]
        return (
            Sealed(site, SECRET, name, [FAMILY], mine, ring, self.clock)
            if self.sealed
            else Federation(site, self.clock)
        )

    def clock(self) -> float:
        return self.now

    @asynccontextmanager
    async def on(self) -> AsyncIterator["Stage"]:
        ears = hearing(self.broker, "hall1", "hall3", federation=self.ears)
        back = hearing(self.broker, "hall2", federation=self.hall1.exchange._federation)
        async with running((self.hall1, [back]), (self.hall2, [ears])):
            yield self

    async def say(self, leaf: str, what: bytes, by: str = "hall1") -> None:
        """Mallory says it where hall1 would, as it would."""
        await self.mallory.publish(self.federation("hall1").message(by, FAMILY, leaf, what))

    async def truth(self) -> None:
        """hall1 has learnt something."""
        self.sequence += 1
        await self.hall1.sender.publish(FAMILY, self.sequence, self.sequence, payload(self.sequence))
        await self.hall2.until(lambda: self.sequences[-1:] == [self.sequence])

    @property
    def sequences(self) -> list[int]:
        return [each.manifest.sequence for each in self.hall2.got]

    async def refused(self, *frames: bytes, leaf: str = "manifest", by: str = "hall1") -> None:
        """Mallory says each of these, and each is counted as not to be believed."""
        before = self.hall2.exchange.rejects.total
        for frame in frames:
            await self.say(leaf, frame, by)
        await settle(lambda: self.hall2.exchange.rejects.total >= before + len(frames))


def forged(sequence: int = 11, sender: str = "hall1", what: bytes = b"poison" * 100) -> Bundle:
    bundle = Bundle(what, FAMILY, sender, sequence, sequence)
    bundle.wave({0: bundle.shape.k})
    return bundle


async def deliver(stage: Stage, bundle: Bundle, frame: bytes) -> None:
    """The manifest, and all shards of it."""
    await stage.say("manifest", frame)
    for shard in Bundle(bundle._payload, FAMILY, bundle.manifest.sender, bundle.manifest.sequence, 0).wave({0: 30}):
        await stage.say("shard", shard)


async def tampered_manifest(stage: Stage) -> None:
    frame = key_of("hall1").sign(forged().manifest, at=stage.now)
    places = (1, 8, 12, 20, 50, 85, 112, 116, len(frame) - 70, len(frame) - 1)
    await stage.refused(*(frame[:at] + bytes([frame[at] ^ 1]) + frame[at + 1 :] for at in places))


async def tampered_shard(stage: Stage) -> None:
    """Mallory is faster than the truth, with other content and a right CRC."""
    bundle = Bundle(seal(stage, 11, 11), FAMILY, "hall1", 11, 11)
    frames = bundle.wave({0: bundle.shape.k})
    await stage.say("manifest", key_of("hall1").sign(bundle.manifest, at=stage.now))
    wrong = [shards.unpack_shard(frame) for frame in frames]
    for shard in wrong:
        shard.data = bytes(len(shard.data))
    await stage.refused(*map(shards.pack_shard, wrong), leaf="shard")
    for frame in frames:
        await stage.say("shard", frame)
    await stage.hall2.until(lambda: stage.sequences == [11])
    stage.sequence = 11


async def replayed(stage: Stage) -> None:
    await stage.truth()
    for message in list(stage.recorded):
        await stage.mallory.publish(message)


async def replayed_after_a_restart(stage: Stage) -> None:
    """hall2 is another program by now, which knows what its store kept: the newest sequence of each."""
    await stage.truth()
    again = Gateway("hall2", [stage.broker.link()], [], applied=dict(stage.hall2.applied), federation=stage.ears)
    again.exchange._keys = stage.ring
    for message in list(stage.recorded):
        await again.exchange.hear(message)
    assert again.got == [] and again.collector.size == 0


async def replayed_to_one_that_forgot(stage: Stage) -> None:
    await stage.truth()
    old = list(stage.recorded)
    stage.hall2.applied.clear()
    stage.hall2.got.clear()
    stage.now += keys.LIFE + 1
    for message in old:
        await stage.mallory.publish(message)
    await settle(lambda: stage.hall2.exchange.rejects.total > 0)
    assert stage.hall2.got == []


async def reordered(stage: Stage) -> None:
    """Three updates, each continuing the one before; their shards come the other way round."""
    made = [Bundle(seal(stage, n, n - 1), FAMILY, "hall1", n, n - 1) for n in (11, 12, 13)]
    frames = [bundle.wave({0: bundle.shape.k})[::-1] for bundle in made]
    for bundle in made:
        await stage.say("manifest", key_of("hall1").sign(bundle.manifest, at=stage.now))
    for frame in [frame for each in frames[::-1] for frame in each]:
        await stage.say("shard", frame)
    await stage.hall2.until(lambda: len(stage.hall2.got) == 3)
    assert stage.sequences == [11, 12, 13]
    stage.sequence = 13


def seal(stage: Stage, sequence: int, base: int) -> bytes:
    """What hall1 makes of an update."""
    return stage.hall1.exchange._federation.close(payload(sequence), FAMILY, "hall1", sequence, base)


async def downgraded_update(stage: Stage) -> None:
    await stage.truth()
    await stage.refused(*(key_of("hall1").sign(forged(sequence).manifest, at=stage.now) for sequence in (0, 5, 10)))


async def downgraded_seal(stage: Stage) -> None:
    bare = forged().manifest
    await stage.refused(shards.pack_manifest(bare), shards.sealed(forged().manifest, bytes(32)))


async def another_site(stage: Stage) -> None:
    """The same gateway, the same key, another federation."""
    await stage.refused(key_of("hall1").sign(forged().manifest, "south", stage.now))


async def from_the_future(stage: Stage) -> None:
    await stage.refused(key_of("hall1").sign(forged().manifest, at=stage.now + keys.AHEAD + 60))


async def impersonated(stage: Stage) -> None:
    by_stranger, by_member = (key.sign(forged().manifest, at=stage.now) for key in (STRANGER, MEMBER))
    unknown = STRANGER.sign(forged(sender="hall9").manifest, at=stage.now)
    await stage.refused(by_stranger, by_member, unknown)
    await deliver(stage, forged(), by_stranger)


async def adopted(stage: Stage) -> None:
    """hall3, a neighbour, says hall1's update is its own."""
    await stage.truth()
    own = stage.federation("hall1")
    heard = [own.hear(message) for message in stage.recorded if stage.hall1.name]
    true = next(shards.unpack_manifest(each.payload) for each in heard if each.leaf == "manifest")
    true.sender = "hall3"
    frame = MEMBER.sign(true, at=stage.now)
    await stage.mallory.publish(own.message("hall3", FAMILY, "manifest", frame))
    for each in [each for each in heard if each.leaf == "shard"]:
        shard = shards.unpack_shard(each.payload)
        shard.bundle = true.bundle
        await stage.mallory.publish(own.message("hall3", FAMILY, "shard", shards.pack_shard(shard)))
    if stage.sealed:
        await settle(lambda: true.bundle in stage.hall2.collector._wrong)
    else:  # it is signed by hall3, and who says what everybody can read is not wrong
        await stage.hall2.until(lambda: len(stage.hall2.got) == 2)
        stage.hall2.got.pop()


async def key_swapped(stage: Stage) -> None:
    until_ = int(stage.now) + 86400
    said = [Succession("hall1", until_, old.public, STRANGER.public) for old in (key_of("hall1"), STRANGER, MEMBER)]
    signers = [(STRANGER, STRANGER), (STRANGER, STRANGER), (MEMBER, STRANGER)]
    frames = [
        succession.pack(each, a.signature(each.text()), b.signature(each.text()))
        for each, (a, b) in zip(said, signers, strict=True)
    ]
    await stage.refused(*frames, leaf="key")
    assert stage.ring.of("hall1") == [key_of("hall1").public]
    await stage.refused(STRANGER.sign(forged().manifest, at=stage.now))


async def stolen_key(stage: Stage) -> None:
    """hall3's was, and has been revoked: what is signed with it counts no more, and nothing is sealed for it."""
    stage.trust.revoke(MEMBER.public)
    await stage.refused(MEMBER.sign(forged(1, "hall3").manifest, at=stage.now), by="hall3")
    if stage.sealed:
        made = stage.ears.close(payload(1), FAMILY, "hall2", 1, 1)
        with pytest.raises(WireError, match="not for this gateway"):
            stage.federation("hall3").open(Manifest(SHAPE, bytes(32), FAMILY, "hall2", 1, 1), made)


async def oversized(stage: Stage) -> None:
    """Each frame says that more is coming than anybody keeps; none makes the receiver keep it."""
    huge = Manifest(Shape(1, 4, 16384), bytes(32), FAMILY, "hall1", 11, 11)
    frame = key_of("hall1").sign(huge, at=stage.now)
    blocks = frame[:1] + b"\x01\x04\x00" + (1 << 24).to_bytes(4, "little") + frame[8:]
    long = frame + bytes(200_000)
    await stage.refused(frame, blocks, long)
    await stage.refused(shards.pack_shard(shards.Shard(bytes(8), SHAPE, 0, 0, bytes(64))) + bytes(70_000), leaf="shard")
    assert stage.hall2.collector.size == 0
    before = stage.hall1.exchange.rejects.total
    for verb, asked in (("need", b'{"to": "hall1", "need": "' + b"9" * 5000 + b'"}'), ("snapshot", b"[" * 4000)):
        await stage.mallory.publish(stage.ears.message("hall2", FAMILY, f"request/{verb}", asked))
    await settle(lambda: stage.hall1.exchange.rejects.total == before + 2)


CBOR = (b"\xbf\x61a\x9f\xff\xff", b"\x9b" + b"\xff" * 8, b"\x5f" * 500, b"\xa1" * 5000)
JSON = (b"null", b"[[[[" * 900, b'{"to": 1e999}', b'{"to": {"need": -1}}', b'{"to": "\xff"}')
STRUCT = (b"\x01", b"\x01" * 28, b"\xff" * 116, bytes(4096), b"\x01\xfe\xfc\xff" + b"\xff" * 200)


async def junk(stage: Stage) -> None:
    """On every topic, and of every kind."""
    for leaf in ("manifest", "shard", "key", "request/need", "request/snapshot"):
        await stage.refused(*CBOR, *JSON, *STRUCT, leaf=leaf)
    assert stage.hall2.collector.size == 0


async def asked_to_exhaustion(stage: Stage) -> None:
    """hall2 asks hall1 for all shards of its update, again and again."""
    await stage.truth()
    sent = stage.hall1.sender.counts.shards
    bundle = stage.hall2.got[-1].manifest
    asked = json.dumps({"to": "hall1", "bundle": bundle.bundle.hex(), "need": {"0": 255}}).encode()
    for _ in range(30):
        await stage.mallory.publish(stage.ears.message("hall2", FAMILY, "request/need", asked))
        await asyncio.sleep(0.02)
    await settle(lambda: stage.hall1.exchange.rejects.total >= 20)
    assert stage.hall1.sender.counts.shards - sent <= 2 * 255 + 2 * bundle.shape.k


Attack = Callable[[Stage], Awaitable[None]]
ATTACKS: dict[str, tuple[Attack, str]] = {
    "tamper: a bit of a manifest": (tampered_manifest, "refused: the signature does not hold"),
    "tamper: content of shards": (tampered_shard, "counts as missing; the true ones complete it"),
    "replay: all that was ever said": (replayed, "changes nothing"),
    "replay: after a restart": (replayed_after_a_restart, "changes nothing: the store knows what was taken"),
    "replay: to one that forgot": (replayed_to_one_that_forgot, "refused: signed more than two days ago"),
    "reorder": (reordered, "delivered in order, each once"),
    "downgrade: an older update": (downgraded_update, "refused: older than what was taken"),
    "downgrade: another seal, or none": (downgraded_seal, "refused: no signature"),
    "cross-site: another federation": (another_site, "refused: not signed for this federation"),
    "a time to come": (from_the_future, "refused: more than an hour ahead"),
    "impersonation: by a stranger, by a neighbour": (impersonated, "refused: not signed by whom it names"),
    "adoption: another's update as one's own": (adopted, "sealed: cannot be opened; open: is its own word"),
    "key swap": (key_swapped, "refused: not appointed by the key before"),
    "a stolen key, revoked": (stolen_key, "refused; nothing is sealed for it"),
    "oversized": (oversized, "refused before anything is kept"),
    "junk: CBOR, JSON, struct": (junk, "refused, counted, logged once a minute"),
    "exhaustion: asking for ever": (asked_to_exhaustion, "twice the bundle at most"),
}


@pytest.mark.parametrize("sealed", [False, True], ids=["open", "sealed"])
@pytest.mark.parametrize("name", ATTACKS)
def test_attack_on_updates(tmp_path: Path, name: str, sealed: bool) -> None:
    stage = Stage(tmp_path, sealed)

    async def story() -> None:
        async with stage.on():
            await ATTACKS[name][0](stage)
            await stage.truth()
            took = {each.manifest.sequence: each.data for each in stage.hall2.got}
            assert took == {sequence: payload(sequence) for sequence in took} and stage.sequence in took
            assert stage.sequences == sorted(set(stage.sequences))

    asyncio.run(story())


DRIBBLERS = 60
CONNECT = b"\x10\x80\x08\x00\x04MQTT\x04\x02\xff\xff"  # of 1024 bytes, the rest of which takes its time


async def dribble(port: int, first: bytes, over: ssl.SSLContext | None = None) -> None:
    """A client that never finishes what it says."""
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=over)
    with contextlib.suppress(OSError):
        writer.write(first)
        while True:
            writer.write(b"\0")
            await writer.drain()
            await asyncio.sleep(0.5)
    writer.close()


async def served(site: Site) -> None:
    """An honest client comes in by TLS, is answered, and hears the gateway; so does the gateway, without."""
    async with asyncio.timeout(PATIENCE):
        link = site.link("gateway.hall2", subscriptions={"reedmesh/hall1/status": 1})
        own = Link("127.0.0.1", site.port, "own", login=("gateway.hall1", site.users.password("gateway.hall1") or ""))
        tasks = [asyncio.create_task(anext(each.messages())) for each in (link, own)]
        await until(lambda: link.connected and own.connected)
        assert await own.publish(Message("reedmesh/hall1/status", b"{}", 1))
        assert (await tasks[0]).payload == b"{}"
        tasks[1].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def slow_connect(site: Site) -> None:
    """Sixty clients begin a CONNECT and never end it."""
    tasks = [asyncio.create_task(dribble(site.tls_port, CONNECT, ours(site))) for _ in range(DRIBBLERS)]
    await settle_down(tasks)
    await served(site)
    await ended(tasks)


async def slow_handshake(site: Site) -> None:
    """Sixty clients begin a TLS handshake and never end it."""
    tasks = [asyncio.create_task(dribble(site.tls_port, b"\x16\x03\x01\x02\x00\x01")) for _ in range(DRIBBLERS)]
    await settle_down(tasks)
    await served(site)
    await ended(tasks)


async def malformed_tls(site: Site) -> None:
    """Noise, a bad record, a plain CONNECT, and TLS 1.1, on the port for TLS."""
    noise = np.random.default_rng(1).bytes(3000)
    for said in (
        noise,
        b"\x16\x03\x03\xff\xff" + noise,
        b"\x15\x03\x03\x00\x02\x02\x28",
        CONNECT,
        b"\x80\x2e\x01\x00\x02",
    ):
        with contextlib.suppress(TimeoutError):  # who waits for the rest of a record is a dribbler
            await asyncio.wait_for(hung_up(site.tls_port, said), 1)
    old = ours(site)
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.raises(OSError):  # ssl.SSLError is one
        await asyncio.open_connection("127.0.0.1", site.tls_port, ssl=old)
    await served(site)


async def malformed_mqtt(site: Site) -> None:
    """On the plain port: noise, an endless length, a packet of 256 MiB, PUBLISH before CONNECT, a bad protocol name."""
    noise = np.random.default_rng(2).bytes(3000)
    large = b"\x10\xff\xff\xff\x7f"
    for said in (
        noise,
        b"\x10" + b"\xff" * 200,
        large + bytes(100_000),
        b"\x30\x05\x00\x01aXY",
        b"\x10\x06\x00\x04HTTP",
    ):
        with contextlib.suppress(TimeoutError):  # who waits for the rest of a packet is a dribbler
            await asyncio.wait_for(hung_up(site.port, said), 1)
    await served(site)


def ours(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(site.ca))


async def settle_down(tasks: list["asyncio.Task[None]"]) -> None:
    """Until all have begun."""
    await asyncio.sleep(0)
    await asyncio.wait(tasks, timeout=1.0)


async def ended(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def hung_up(port: int, said: bytes) -> None:
    """Say it, and read until the other side ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(said)
        await writer.drain()
        while await reader.read(65536):
            pass
    except OSError:
        pass
    finally:
        writer.close()


BROKER_ATTACKS: dict[str, tuple[Callable[[Site], Awaitable[None]], str]] = {
    "slow-loris: CONNECT without end": (slow_connect, "others are served meanwhile"),
    "slow-loris: handshake without end": (slow_handshake, "others are served meanwhile"),
    "malformed TLS, TLS 1.1": (malformed_tls, "hung up; others are served"),
    "malformed MQTT": (malformed_mqtt, "hung up; others are served"),
}


@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("kind", BROKERS)
@pytest.mark.parametrize("name", BROKER_ATTACKS)
def test_attack_on_a_broker(tmp_path: Path, name: str, kind: str) -> None:
    site = Site(tmp_path, kind)

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            await BROKER_ATTACKS[name][0](site)

    asyncio.run(story())
    gc.collect()  # paho leaves sockets of connections that failed to it


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_broker_that_dribbles_or_talks_nonsense_holds_up_nobody_else() -> None:
    """Our own link, at a broker that never answers in full, and at ones that do not speak MQTT."""
    memory = MemoryBroker()

    async def story(port: int) -> None:
        link = Link("127.0.0.1", port, "x")
        task = asyncio.create_task(anext(link.messages()))
        await asyncio.sleep(0.3)
        assert not link.connected and not task.done()
        assert not await link.publish(Message("x", b"y", 1))
        assert await memory.link().publish(Message("x", b"y", 1))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    for answer in (b"", b"\x20", b"HTTP/1.1 400 Bad Request\r\n\r\n", bytes(100)):
        with socket.create_server(("127.0.0.1", 0)) as server:

            def play(server: socket.socket = server, answer: bytes = answer) -> None:
                with contextlib.suppress(OSError):
                    there, _ = server.accept()
                    there.sendall(answer)
                    while there.recv(4096):
                        pass
                    there.close()

            thread = threading.Thread(target=play, daemon=True)
            thread.start()
            asyncio.run(story(server.getsockname()[1]))
            gc.collect()


def rows() -> list[str]:
    """The tables as docs/security.md has them."""
    every = [(name, said, "test_attack_on_updates") for name, (_, said) in ATTACKS.items()]
    every += [(name, said, "test_attack_on_a_broker") for name, (_, said) in BROKER_ATTACKS.items()]
    return [f"| {name} | {said} | `{test}` |" for name, said, test in every]


def test_the_documentation_has_these_attacks_and_results() -> None:
    text = DOC.read_text()
    for row in rows():
        assert row in text, row
    assert len(re.findall("`test_attack_on_", text)) == len(rows())


def test_every_test_that_the_documentation_names_is_there() -> None:
    tests = Path(__file__).parent
    named = set(re.findall(r"`(?:[a-z_0-9]+/)?(test_\w+\.py)`", DOC.read_text()))
    assert len(named) > 15
    assert named <= {path.name for path in tests.rglob("test_*.py")}
    functions = set(re.findall(r"`(test_\w+)`", DOC.read_text()))
    written = "".join(path.read_text() for path in tests.rglob("test_*.py"))
    assert not [each for each in functions if f"def {each}(" not in written]
