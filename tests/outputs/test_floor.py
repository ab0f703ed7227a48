"""OPC UA and Modbus TCP by real clients: verdicts in order without loss, who is let in, and labels written back."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from asyncua import Client, ua
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from pymodbus.client import AsyncModbusTcpClient

from reedmesh.__main__ import main
from reedmesh.config.settings import AlertRule, Config, Modbus, OpcUa
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.outputs import modbus, opcua
from reedmesh.protocol.wire import Window
from reedmesh.readings.line import Line
from reedmesh.readings.parts import Station
from tests.support.parts import RECIPE
from tests.support.timeouts import PATIENCE
from tools.simulate.free_ports import free_ports

VERDICTS = ("OK", "NOK", "unsure")


def pair(folder: Path, *words: str) -> tuple[Path, Path]:
    """Certificate and key of an application, as `reedmesh pki opcua` makes them."""
    (folder / "reedmesh.toml").write_text(f'name = "gw"\nstate = "{folder}"\n')
    main(["pki", "opcua", *words, str(folder / "reedmesh.toml")])
    name = words[1] if words else "opcua"
    return folder / "pki" / f"{name}.der", folder / "pki" / f"{name}.pem"


def line() -> Line:
    found = Line(69, 20, AlertRule(), 10)
    sensor = found.sensor("press")
    sensor.station, sensor.online = Station(RECIPE), True
    return found


def make(it: Line, number: int) -> None:
    """One part is judged, as the data path does."""
    station = it.sensors["press"].station
    assert station
    made = station.take(Window(bytes(RECIPE.length), 7, number), None, [], 1.0)
    made.verdict, made.part, made.against = VERDICTS[number % 3], f"P{number}", number - 5
    made.fault = "" if made.verdict == "OK" else "crack"


class Site:
    """A gateway's OPC UA server, its certificates and a client's."""

    def __init__(self, folder: Path, it: Line, publisher: Any) -> None:
        trusted = folder / "trusted"
        trusted.mkdir()
        certificate, key = pair(folder)
        self.client, self.stranger = pair(folder, "--client", "plc"), pair(folder, "--client", "stranger")
        (trusted / "plc.der").write_bytes(self.client[0].read_bytes())
        self.url = f"opc.tcp://127.0.0.1:{free_ports(1)[0]}"
        wanted = OpcUa(self.url, str(certificate), str(key), str(trusted))
        self.server = opcua.OpcUa(Config("gw", str(folder), opcua=wanted), it, publisher)
        self.certificate = certificate

    async def opened(self, by: tuple[Path, Path]) -> Client:
        client = Client(self.url)
        client.application_uri = f"urn:{by[0].stem}"
        await client.set_security(
            SecurityPolicyBasic256Sha256, str(by[0]), str(by[1]), server_certificate=str(self.certificate)
        )
        await client.load_client_certificate(str(by[0]))
        await client.load_private_key(str(by[1]))
        return client


@asynccontextmanager
async def working(work: Any, ready: asyncio.Event) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        await ready.wait()
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


class Heard:
    """What a subscription tells."""

    def __init__(self) -> None:
        self.records: list[list[Any]] = []

    def datachange_notification(self, _: Any, value: str, __: Any) -> None:
        if value:
            number, verdict, *_rest = value.split(";")
            self.records.append([int(number), verdict])


async def first(broker: MemoryBroker) -> Any:
    """The first request that comes: its topic, and what it asks."""
    message = await anext(broker.link("reedmesh/gw/request/+").messages())
    return message.topic, json.loads(message.payload)


async def until(done: Callable[[], bool]) -> None:
    while not done():
        await asyncio.sleep(0.01)


def test_opc_ua_tells_a_thousand_verdicts_in_order(tmp_path: Path) -> None:
    async def story() -> list[list[Any]]:
        it, broker = line(), MemoryBroker()
        site = Site(tmp_path, it, broker.link())
        async with asyncio.timeout(PATIENCE), working(site.server.run(), site.server.ready):
            await until(lambda: "press" in site.server._nodes)
            async with await site.opened(site.client) as client:
                space = await client.get_namespace_index(opcua.NAMESPACE)
                node = client.get_node(f"ns={space};s=press.Record")
                heard = Heard()
                subscription = await client.create_subscription(50, heard)
                await subscription.subscribe_data_change(node, queuesize=2000)
                for number in range(1, 1001):
                    make(it, number)
                    if number % 20 == 0:
                        await asyncio.sleep(0.02)
                await until(lambda: heard.records[-1:] == [[1000, VERDICTS[1000 % 3]]])
                verdict = await client.get_node(f"ns={space};s=press.Verdict").read_value()
                part = await client.get_node(f"ns={space};s=press.Part").read_value()
                assert (verdict, part) == (VERDICTS[1000 % 3], "P1000")
                return heard.records

    assert asyncio.run(story()) == [[number, VERDICTS[number % 3]] for number in range(1, 1001)]


def test_opc_ua_lets_only_trusted_certificates_in_and_nobody_anonymous(tmp_path: Path) -> None:
    async def story() -> None:
        site = Site(tmp_path, line(), MemoryBroker().link())
        async with asyncio.timeout(PATIENCE), working(site.server.run(), site.server.ready):
            with pytest.raises((ua.UaError, ConnectionError, asyncio.TimeoutError)):
                async with await site.opened(site.stranger):
                    pass
            with pytest.raises((ua.UaError, ConnectionError, asyncio.TimeoutError)):
                async with Client(site.url):
                    pass
            async with await site.opened(site.client) as client:
                assert opcua.NAMESPACE in await client.get_namespace_array()

    asyncio.run(story())


def test_opc_ua_methods_become_requests(tmp_path: Path) -> None:
    async def story() -> Any:
        it, broker = line(), MemoryBroker()
        site = Site(tmp_path, it, broker.link())
        asked = asyncio.create_task(first(broker))
        async with asyncio.timeout(PATIENCE), working(site.server.run(), site.server.ready):
            await until(lambda: "press" in site.server._nodes)
            async with await site.opened(site.client) as client:
                space = await client.get_namespace_index(opcua.NAMESPACE)
                press = await client.nodes.objects.get_child([f"{space}:press"])
                await press.call_method(f"{space}:Label", "P7", "crack")
                return await asked

    said = {"sensor": "press", "by": "opcua", "part": "P7", "label": "crack"}
    assert asyncio.run(story()) == ("reedmesh/gw/request/label", said)


def test_modbus_tells_a_thousand_verdicts_in_order_and_takes_labels(tmp_path: Path) -> None:
    async def story() -> None:
        it, broker = line(), MemoryBroker()
        port = free_ports(1)[0]
        config = Config("gw", str(tmp_path), modbus=Modbus(f"127.0.0.1:{port}", ("press",)))
        server, asked = modbus.Modbus(config, it, broker.link()), asyncio.create_task(first(broker))
        client = AsyncModbusTcpClient("127.0.0.1", port=port)
        async with asyncio.timeout(PATIENCE), working(server.run(), server.ready), client:
            heard: list[tuple[int, int]] = []
            for number in range(1, 1001):
                make(it, number)
                if number % 8 == 0:
                    found = (await client.read_holding_registers(50, count=32, device_id=1)).registers
                    pairs = list(zip(found[::2], found[1::2], strict=True))
                    last = heard[-1][0] if heard else 0
                    heard += [each for each in pairs if each[0] > last]
            assert heard == [(number, number % 3) for number in range(1, 1001)]
            found = (await client.read_holding_registers(0, count=35, device_id=1)).registers
            assert found[1:5] == [1000 % 3, 995, 0, 1000] and found[11:13] == [0x5031, 0x3030]
            assert not (await client.write_registers(40, [2, 0, 998], device_id=1)).isError()
            assert (await asked)[1] == {"sensor": "press", "boot": 7, "number": 998, "label": "NOK", "by": "modbus"}
            assert (await client.write_registers(40, [2, 0, 5], device_id=1)).isError(), "not known any more"
            assert (await client.write_registers(3, [1], device_id=1)).isError(), "only a command is written"

    asyncio.run(story())


def test_a_part_is_what_the_registers_say(tmp_path: Path) -> None:
    config = Config("gw", str(tmp_path), modbus=Modbus("127.0.0.1:502", ("press",)))
    it = line()
    server = modbus.Modbus(config, it, MemoryBroker().link())
    assert server.registers("nobody")[1] == modbus.UNJUDGED
    make(it, 4)
    found = server.registers("press")
    assert found[1:3] == [1, 0xFFFF] and found[23:26] == [0x6372, 0x6163, 0x6B00]
    assert found[80:82] == [1, 1]
