"""Who may say what: a real mosquitto with the generated files, over TLS, and the embedded broker, try every row."""

import asyncio
import base64
import gc
import json
import signal
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path

import aiomqtt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from reedmesh.__main__ import main
from reedmesh.broker import accounts, acl, embedded
from reedmesh.broker.accounts import Users
from reedmesh.broker.mosquitto import files
from reedmesh.config import settings
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates
from reedmesh.identity.keys import Key
from reedmesh.identity.sensor_keys import SensorKeys
from reedmesh.links.message import Message
from reedmesh.links.mqtt_link import Link
from tests.support import micropython
from tests.support.brokers import free_port, mosquitto_by
from tests.support.paths import ROOT
from tests.support.timeouts import PATIENCE

pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning")  # see `collected`

NEIGHBOUR = Key(bytes(32))
BROKERS = ("mosquitto", "embedded")
PROGRAMS = ("dashboard", "home-assistant", "sparkplug", "plc")
USERS = ("gateway.hall1", "gateway.hall2", "sensor.press", "sensor.fan", *PROGRAMS)
# What must come out, by hand: the users that may read each topic, and those that may write it, by their place in USERS.
RIGHTS = {
    "reedmesh/hall1/press/window": ("045", "02"),
    "reedmesh/hall1/press/hello": ("045", "02"),
    "reedmesh/hall1/press/state": ("0457", "0"),
    "reedmesh/hall1/press/availability": ("045", "02"),
    "reedmesh/hall1/press/late": ("045", "02"),
    "reedmesh/hall1/press/late/taken": ("0245", "0"),
    "reedmesh/hall1/press/trigger": ("0245", "07"),
    "reedmesh/hall1/press/part": ("0457", "02"),
    "reedmesh/hall1/press/teach": ("045", "02"),
    "reedmesh/hall1/press/model/manifest": ("0245", "0"),
    "reedmesh/hall1/press/model/status": ("0245", "02"),
    "reedmesh/hall1/fan/window": ("045", "03"),
    "reedmesh/hall1/fan/model/shard": ("0345", "0"),
    "reedmesh/hall1/status": ("01457", "0"),
    "reedmesh/hall1/info": ("045", "0"),
    "reedmesh/hall1/alert": ("045", "0"),
    "reedmesh/hall1/request/ack": ("045", "045"),
    "reedmesh/hall1/request/label": ("045", "0457"),
    "reedmesh/hall1/response/label": ("0457", "0"),
    "reedmesh/hall1/update/vibration/manifest": ("0145", "0"),
    "reedmesh/hall1/update/vibration/shard": ("0145", "0"),
    "reedmesh/hall2/update/vibration/manifest": ("01", "0"),
    "reedmesh/0f1e2d3c4b5a69788796a5b4c3d2e1f0/update/sealed/manifest": ("01", "0"),
    "homeassistant/device/press/config": ("05", "05"),
    "homeassistant/status": ("05", "05"),
    "reedmesh/hall1/archive/offer": ("0145", "0"),
    "reedmesh/hall1/archive/hall2/frame": ("0145", "0"),
    "reedmesh/hall1/archive/hall3/frame": ("045", "0"),
    "reedmesh/hall1/request/recover": ("045", "0145"),
    "reedmesh/hall1/response/recover": ("0145", "0"),
    "elsewhere": ("0", "0"),
    "reedmesh/hall1/press/firmware/shard": ("0245", "0"),
    "reedmesh/hall1/press/firmware/status": ("0245", "02"),
    "spBv1.0/plant/DDATA/hall1/press": ("06", "0"),
    "spBv1.0/plant/NCMD/hall1": ("06", "06"),
    "spBv1.0/plant/NCMD/hall2": ("06", "0"),
    "spBv1.0/STATE/scada": ("06", "06"),
}
TOPICS = tuple(RIGHTS)


@pytest.fixture(autouse=True)
def collected() -> Iterator[None]:
    """paho leaves the socket of a connection that was refused to the garbage collector, which would complain."""
    yield
    gc.collect()


class Site:
    """A gateway's config, certificate and users, and a broker by them."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.kind = kind
        self.port, self.tls_port, self.psk_port = free_port(), free_port(), free_port()
        self.config = folder / "reedmesh.toml"
        neighbour = f'[[neighbours]]\nname = "hall2"\nhost = "127.0.0.1"\nkey = "{NEIGHBOUR.public.hex()}"\n'
        broker = f"[broker]\nport = {self.port}\ntls_port = {self.tls_port}\n"
        broker += f"psk_port = {self.psk_port}\n" if kind == "mosquitto" else ""
        self.config.write_text(f'name = "hall1"\nstate = "{folder}"\n{broker}{neighbour}')
        self.settings = settings.load_config(self.config)
        self.keys = SensorKeys(folder)
        self.passwords = {}
        for sensor in ("press", "fan"):
            self.keys.made_for(sensor)
        assert main(["pki", "ca", str(folder / "site")]) == 0
        assert main(["pki", "issue", "--host", "127.0.0.1", "--ca", str(folder / "site"), str(self.config)]) == 0
        self.ca = folder / "site" / "ca.crt"
        self.folder = folder
        self.users = Users(self.settings)

    @asynccontextmanager
    async def broker(self) -> AsyncIterator[None]:
        """The broker at work."""
        if self.kind == "embedded":
            async with embedded.broker(self.settings.broker, self.users, self.folder / certificates.FOLDER):
                yield
        else:
            with self._mosquitto():
                yield

    @contextmanager
    def _mosquitto(self) -> Iterator[None]:
        assert main(["acl", "write", str(self.config)]) == 0
        made = self.folder / "mosquitto" / "mosquitto.conf"
        made.write_text(made.read_text() + "user root\n")  # it would give up root's rights to read a test's folder
        with mosquitto_by(made) as self.process:
            yield

    def link(self, user: str, password: str | None = None, **options: object) -> Link:
        """A link of `user`, by TLS."""
        login = user, self.users.password(user) or "" if password is None else password
        return Link("127.0.0.1", self.tls_port, f"as-{user}", login=login, ca=str(self.ca), **options)  # type: ignore[arg-type]


class Client:
    """A connected user, with what it hears."""

    def __init__(self, site: Site, user: str, *topics: str) -> None:
        self.heard: set[tuple[str, bytes]] = set()
        topics = topics or (("#",) if user == "gateway.hall1" else TOPICS)
        self.link = site.link(user, subscriptions=dict.fromkeys(topics, 1))
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async for message in self.link.messages():
            self.heard.add((message.topic, message.payload))


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.01)


@asynccontextmanager
async def clients(site: Site) -> AsyncIterator[dict[str, Client]]:
    found = {user: Client(site, user) for user in USERS}
    try:
        await until(lambda: all(client.link.connected for client in found.values()))
        yield found
    finally:
        for client in found.values():
            client.task.cancel()
        await asyncio.gather(*(client.task for client in found.values()), return_exceptions=True)


async def tried(site: Site) -> dict[tuple[str, str, str], bool]:
    """Every user publishes on every topic; who hears what the gateway itself says there is what it may read."""
    result = {}
    async with asyncio.timeout(PATIENCE), AsyncExitStack() as stack:
        await stack.enter_async_context(site.broker())
        them = await stack.enter_async_context(clients(site))
        owner = them["gateway.hall1"]
        for user, client in them.items():
            for topic in TOPICS:  # some brokers acknowledge what they drop, so the owner's ears decide
                with suppress(TimeoutError):
                    await asyncio.wait_for(client.link.publish(Message(topic, user.encode(), qos=0)), 1)
        for topic in TOPICS:
            assert await owner.link.publish(Message(topic, b"read", qos=1))
        # What is sent last arrives last: each says one more that it may say, and hears one more that it may hear.
        last = {"gateway.hall1": "reedmesh/hall1/press/window", "gateway.hall2": "reedmesh/hall1/status"}
        last["sparkplug"] = "spBv1.0/plant/DDATA/hall1/press"
        last |= {f"sensor.{name}": f"reedmesh/hall1/{name}/model/manifest" for name in ("press", "fan")}
        for user, client in them.items():
            hears = last.get(user, "reedmesh/hall1/status")
            await client.link._client.subscribe(hears, 1)  # type: ignore[union-attr]
            await owner.link.publish(Message(hears, b"end", qos=1))
            await until(lambda client=client, hears=hears: (hears, b"end") in client.heard)  # type: ignore[misc]
        ends = {
            "sensor.press": "reedmesh/hall1/press/hello",
            "sensor.fan": "reedmesh/hall1/fan/window",
            "dashboard": "reedmesh/hall1/request/ack",
            "home-assistant": "reedmesh/hall1/request/ack",
            "sparkplug": "spBv1.0/plant/NCMD/hall1",
            "plc": "reedmesh/hall1/request/label",
        }
        for user, topic in ends.items():
            await them[user].link.publish(Message(topic, f"end {user}".encode(), qos=1))
            end = (topic, f"end {user}".encode())
            await until(lambda end=end: end in owner.heard)  # type: ignore[misc]
        for user, client in them.items():
            for topic in TOPICS:
                result[user, topic, "write"] = (topic, user.encode()) in owner.heard
                result[user, topic, "read"] = (topic, b"read") in client.heard
    return result


@pytest.mark.parametrize("kind", BROKERS)
def test_every_user_may_say_and_hear_what_the_table_says_and_nothing_else(
    tmp_path: Path, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    site = Site(tmp_path, kind)
    found = asyncio.run(tried(site))
    with capsys.disabled():
        print(f"\n{kind} over TLS", *table(found), sep="\n")
    wanted = {
        (user, topic, act): str(USERS.index(user)) in allowed
        for topic, rights in RIGHTS.items()
        for act, allowed in zip(("read", "write"), rights, strict=True)
        for user in USERS
    }
    assert {row: right for row, right in found.items() if right != wanted[row]} == {}
    assert "\n".join(table(found)) in (ROOT / "docs" / "security.md").read_text()


def test_home_assistant_may_use_the_prefix_that_is_set_for_it_and_no_other(tmp_path: Path) -> None:
    config = settings.Config("hall1", str(tmp_path), home_assistant=settings.HomeAssistant(prefix="ha/discovery"))
    users = Users(config)
    for topic, access in (("device/press/config", acl.WRITE), ("status", acl.WRITE), ("status", acl.READ)):
        assert users.may("home-assistant", access, f"ha/discovery/{topic}")
        assert not users.may("home-assistant", access, f"homeassistant/{topic}")
    assert "topic write ha/discovery/device/+/config" in files(config.broker, users, tmp_path, tmp_path)["acl"]


def test_no_rule_is_left_untried() -> None:
    for user in set(USERS) - {"sensor.fan"}:  # which has what press has
        for rule in acl.rules("hall1", user):
            assert any(acl.covers(rule.topic, topic) for topic in TOPICS), (user, rule)


@pytest.mark.parametrize("kind", BROKERS)
def test_what_is_retained_reaches_only_who_may_hear_it(tmp_path: Path, kind: str) -> None:
    """Neither when a client subscribes nor, unasked, when it connects."""
    site = Site(tmp_path, kind)

    async def story() -> set[tuple[str, bytes]]:
        async with asyncio.timeout(PATIENCE), site.broker():
            owner, hall2 = Client(site, "gateway.hall1"), Client(site, "gateway.hall2")
            await until(lambda: owner.link.connected and hall2.link.connected)
            for topic in TOPICS:
                assert await owner.link.publish(Message(topic, b"retained", qos=1, retain=True))
            press = Client(site, "sensor.press", "reedmesh/hall1/press/model/manifest")
            await until(lambda: bool(press.heard))
            heard = set(press.heard)
            for client in (owner, hall2, press):
                client.task.cancel()
            await asyncio.gather(owner.task, hall2.task, press.task, return_exceptions=True)
            return heard

    assert asyncio.run(story()) == {("reedmesh/hall1/press/model/manifest", b"retained")}


def table(found: dict[tuple[str, str, str], bool]) -> list[str]:
    """Who could read (r) and write (w) what, as docs/security.md has it."""
    lines = [f"| {' | '.join(('topic', *USERS))} |", "|---" * (1 + len(USERS)) + "|"]
    for topic in TOPICS:
        cells = [
            "".join(mark for act, mark in (("read", "r"), ("write", "w")) if found[user, topic, act]) for user in USERS
        ]
        lines.append(f"| `{topic}` | {' | '.join(cell or '-' for cell in cells)} |")
    return lines


@pytest.mark.parametrize("kind", BROKERS)
def test_who_has_no_right_password_or_is_revoked_does_not_get_in(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path, kind)
    password = {user: site.users.password(user) or "" for user in USERS}
    assert main(["sensors", "revoke", "fan", str(site.config)]) == 0
    assert main(["keys", "revoke", "hall2", str(site.config)]) == 0
    wrong = [("sensor.press", password["sensor.fan"]), ("sensor.fan", password["sensor.fan"]), ("stranger", "")]
    wrong += [("gateway.hall2", password["gateway.hall2"]), ("dashboard", ""), ("", "")]

    async def refused(user: str, secret: str) -> bool:
        context = ssl.create_default_context(cafile=str(site.ca))
        try:
            async with aiomqtt.Client(
                "127.0.0.1", site.tls_port, username=user or None, password=secret or None, tls_context=context
            ):
                return False
        except aiomqtt.MqttError:
            return True

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            assert not await refused("dashboard", password["dashboard"])
            for user, secret in wrong:
                assert await refused(user, secret), user

    asyncio.run(story())


@pytest.mark.parametrize("kind", BROKERS)
def test_who_is_revoked_is_disconnected_and_comes_back_with_another_password_only(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path, kind)
    before = {user: site.users.password(user) for user in ("sensor.fan", "gateway.hall2", "sensor.press")}

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            clients = {user: Client(site, user) for user in before}
            await until(lambda: all(each.link.connected for each in clients.values()))
            assert main(["sensors", "revoke", "fan", str(site.config)]) == 0
            assert main(["keys", "revoke", "hall2", str(site.config)]) == 0
            if kind == "mosquitto":
                site.process.send_signal(signal.SIGHUP)  # systemctl reload
            await until(lambda: not clients["sensor.fan"].link.connected)
            await until(lambda: not clients["gateway.hall2"].link.connected)
            assert clients["sensor.press"].link.reconnects == 0 and clients["sensor.press"].link.connected
            for each in clients.values():
                each.task.cancel()
            await asyncio.gather(*(each.task for each in clients.values()), return_exceptions=True)

    asyncio.run(story())
    assert main(["keys", "trust", "hall2", "ab" * 32, str(site.config)]) == 0
    assert main(["sensor-key", "fan", str(site.config)]) == 0
    after = {user: site.users.password(user) for user in before}
    assert after["sensor.press"] == before["sensor.press"]
    assert all(after[user] not in (None, before[user]) for user in ("sensor.fan", "gateway.hall2"))


def test_a_will_of_what_a_sensor_may_not_say_is_not_taken_in(tmp_path: Path) -> None:
    """By the embedded broker, whose amqtt publishes wills unchecked; mosquitto checks them itself."""
    site = Site(tmp_path, "embedded")

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            for topic, works in (("reedmesh/hall1/alert", False), ("reedmesh/hall1/press/availability", True)):
                link = site.link("sensor.press", will=Message(topic, b"gone"))
                task = asyncio.create_task(anext(link.messages()))
                await until(lambda link=link: link.connected or link.failures)  # type: ignore[misc]
                assert link.connected == works and not task.done()
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


@pytest.mark.parametrize("kind", BROKERS)
def test_a_broker_that_shows_another_certificate_is_not_spoken_to(tmp_path: Path, kind: str) -> None:
    site = Site(tmp_path, kind)
    other = tmp_path / "other"
    certificates.make_ca(other, "other")
    certificates.issue(tmp_path / "pinned", ["127.0.0.1"], None)

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            for file in (other / "ca.crt", tmp_path / "pinned" / "server.crt"):
                site.ca = file
                link = site.link("dashboard")
                task = asyncio.create_task(anext(link.messages()))
                await until(lambda link=link: link.connected or link.failures)  # type: ignore[misc]
                assert not link.connected
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


def test_one_certificate_may_be_pinned_without_any_authority(tmp_path: Path) -> None:
    site = Site(tmp_path, "mosquitto")
    assert main(["pki", "issue", "--host", "127.0.0.1", str(site.config)]) == 0
    site.ca = tmp_path / certificates.FOLDER / "server.crt"

    async def story() -> None:
        async with asyncio.timeout(PATIENCE), site.broker():
            link = site.link("dashboard")
            task = asyncio.create_task(anext(link.messages()))
            await until(lambda: link.connected)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    asyncio.run(story())


SENSOR = """
import asyncio, json, sys
from net import connect
with open(sys.argv[1]) as file:
    settings = json.load(file)
settings["key"] = bytes.fromhex(settings["key"])
client = connect.client(settings, "reedmesh/hall1/press/availability", None)
async def say():
    for topic in settings["tries"]:
        await client.publish(topic, b"{}", 1)
    await client.publish("reedmesh/hall1/press/hello", b"{}", 1)
async def story():
    running, saying = asyncio.create_task(client.run()), asyncio.create_task(say())
    while not saying.done() and (client.sessions or not client.last_error):
        await asyncio.sleep_ms(10)
    print("said hello" if saying.done() else "failed: " + client.last_error)
    running.cancel()
asyncio.run(story())
"""


@pytest.mark.parametrize("trusted", [True, False])
def test_a_sensor_logs_in_over_tls_with_what_follows_from_its_key(tmp_path: Path, trusted: bool) -> None:
    site = Site(tmp_path, "mosquitto")
    certificates.make_ca(tmp_path / "other", "other")
    said = say_hello(site, "press", site.keys.made_for("press"), by_tls(site, None if trusted else tmp_path / "other"))
    assert ("said hello" in said) == trusted, said


def by_tls(site: Site, authority: Path | None = None) -> dict[str, object]:
    """A sensor's settings of its broker; authority: of another site."""
    ca = authority / "ca.crt" if authority else site.ca
    der = base64.b64encode(certificates.read(ca).public_bytes(Encoding.DER)).decode()
    return {"host": "127.0.0.1", "port": site.tls_port, "ca": der}


def by_psk(site: Site) -> dict[str, object]:
    return {"host": "127.0.0.1", "port": site.psk_port, "psk": True}


def say_hello(site: Site, name: str, key: bytes, broker: dict[str, object], *tries: str) -> str:
    """What a real sensor gets to say at the site's broker, which runs only for it, after it has tried these topics."""
    set_up(site, name, key, broker, *tries)

    async def story() -> str:
        async with site.broker():
            return await asyncio.to_thread(micropython.run, site.folder / "sensor.py", site.folder / "config.json")

    return asyncio.run(story())


def set_up(site: Site, name: str, key: bytes, broker: dict[str, object], *tries: str) -> None:
    (site.folder / "sensor.py").write_text(SENSOR)
    made = {"name": name, "gateway": "hall1", "key": key.hex(), "broker": broker, "tries": tries}
    (site.folder / "config.json").write_text(json.dumps(made))


@pytest.mark.parametrize("whose", ["press", "fan", None])
def test_a_sensor_comes_in_by_tls_psk_with_its_own_key_only(tmp_path: Path, whose: str | None) -> None:
    """As far as MicroPython and its TLS go: the boards' own image has not been tried."""
    site = Site(tmp_path, "mosquitto")
    said = say_hello(site, "press", site.keys.made_for(whose) if whose else bytes(32), by_psk(site))
    assert ("said hello" in said) == (whose == "press"), said


def test_a_revoked_sensor_does_not_come_in_by_tls_psk(tmp_path: Path) -> None:
    site = Site(tmp_path, "mosquitto")
    key = site.keys.made_for("press")
    site.keys.revoke("press")
    assert "said hello" not in say_hello(site, "press", key, by_psk(site))


@pytest.mark.parametrize("way", [by_tls, by_psk])
def test_a_stolen_sensors_key_opens_nothing_but_its_own_topics(
    tmp_path: Path, way: Callable[[Site], dict[str, object]]
) -> None:
    """All that a thief can say with the key of `press`: the gateway, which hears everything, is the witness."""
    site = Site(tmp_path, "mosquitto")
    set_up(site, "press", site.keys.made_for("press"), way(site), *TOPICS)
    allowed = {topic for topic, (_, writers) in RIGHTS.items() if "2" in writers}

    async def story() -> set[str]:
        async with asyncio.timeout(PATIENCE), site.broker():
            owner = Client(site, "gateway.hall1")
            await until(lambda: owner.link.connected)
            said = await asyncio.to_thread(micropython.run, site.folder / "sensor.py", site.folder / "config.json")
            assert "said hello" in said
            await until(lambda: ("reedmesh/hall1/press/hello", b"{}") in owner.heard)
            owner.task.cancel()
            await asyncio.gather(owner.task, return_exceptions=True)
            return {topic for topic, _ in owner.heard}

    assert asyncio.run(story()) == allowed


def test_nobody_can_guess_what_a_gateway_calls_itself_at_a_broker() -> None:
    """Whoever comes under the same client identifier would push it off."""

    async def called() -> bytes:
        return bytes(Link("127.0.0.1", 1, "gateway-hall1")._new_client()._client._client_id)

    async def story() -> set[bytes]:
        return {await called() for _ in range(100)}

    assert len(asyncio.run(story())) == 100


def test_the_files_say_what_the_config_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    site = Site(tmp_path, "mosquitto")
    assert main(["acl", "write", "--out", str(tmp_path / "out"), str(site.config)]) == 0
    text = (tmp_path / "out" / "mosquitto.conf").read_text()
    assert f"listener {site.port} 127.0.0.1" in text and f"listener {site.tls_port}\n" in text
    assert "allow_anonymous false" in text
    psk = text.split(f"listener {site.psk_port}\n")[1]  # there, the broker says who a client is
    assert "use_identity_as_username true" in psk and "use_username_as_clientid true" in psk
    secret = (tmp_path / "out" / "passwords").read_text()
    assert all(f"{user}:$7$" in secret for user in USERS)
    assert not any((site.users.password(user) or "?") in secret for user in USERS)
    capsys.readouterr()
    assert main(["acl", "invite", "hall2", str(site.config)]) == 0
    assert capsys.readouterr().out.split()[-1] == accounts.derived(tmp_path, "gateway.hall2")
    for stranger in ("hall3", "sensor.nobody", "sensor.../press", "x.y"):
        assert main(["acl", "invite", stranger, str(site.config)]) == 2
    assert main(["pki", "ca", str(tmp_path / "site")]) == 2  # one is there, and is not lost
    assert main(["pki", "show", str(site.ca)]) == 0
    with pytest.raises(ConfigError, match="no certificate"):
        certificates.read(site.config)
    with pytest.raises(ConfigError, match="PEM"):
        Link("127.0.0.1", 1, "x", ca=str(site.config))


def test_filters_cover_what_they_match_and_no_more() -> None:
    assert acl.covers("a/#", "a/b/c") and acl.covers("a/#", "a/b/#") and acl.covers("a/#", "a")
    assert acl.covers("a/+/c", "a/b/c") and acl.covers("a/+/c", "a/+/c")
    assert not acl.covers("a/b", "a/+") and not acl.covers("a/+", "a/#") and not acl.covers("a/b", "a/b/c")
    assert not acl.covers("#", "$SYS/x") and not acl.covers("a/b/c", "a/b")
