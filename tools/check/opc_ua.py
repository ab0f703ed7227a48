"""`python -m tools.check.opc_ua`: open62541 reads 1000 verdicts by OPC UA, secured; a stranger gets none.

The client is open62541 (Fraunhofer IOSB and others) by the package o6, which is no dependency of ours: its licence is
not a free one. It runs with another Python: `python -m venv o6; o6/bin/pip install o6`, then `--python o6/bin/python`.
Certificates are those of `reedmesh pki opcua`. The tests have the same with asyncua's own client.
"""

import argparse
import asyncio
import contextlib
import json
import sys
import tempfile
import time
from asyncio.subprocess import PIPE
from pathlib import Path

from reedmesh.config.alerts import AlertRule
from reedmesh.config.settings import Config, OpcUa
from reedmesh.identity import opcua_certificates as certificates
from reedmesh.links.memory_link import MemoryBroker
from reedmesh.outputs import opcua
from reedmesh.protocol.recipe import Cycle
from reedmesh.protocol.wire import Window
from reedmesh.readings.line import Line
from reedmesh.readings.parts import Station
from tools.bench import report
from tools.simulate.free_ports import free_ports

COUNT = 1000
PACE = 100  # parts a second
RECIPE = Cycle(40, 2, 10)
CLIENT = Path(__file__).with_name("opc_ua_client.py")


def main() -> None:
    """Measure, print and keep; exits with 1 when a verdict is missing or a stranger gets in."""
    parser = argparse.ArgumentParser(description="OPC UA by a client that is not asyncua's.")
    parser.add_argument("--python", default=sys.executable, help="that has the package o6")
    print(report.machine())
    with tempfile.TemporaryDirectory() as folder:
        sys.exit(asyncio.run(_checked(Path(folder), parser.parse_args().python)))


async def _checked(folder: Path, python: str) -> int:
    line = Line(RECIPE.length, 20, AlertRule(), 10)
    sensor = line.sensor("press")
    sensor.station, sensor.online = Station(RECIPE), True
    url = f"opc.tcp://127.0.0.1:{free_ports(1)[0]}"
    server = opcua.OpcUa(Config("gw", str(folder), opcua=_settings(folder, url)), line, MemoryBroker().link())
    serving = asyncio.create_task(server.run())
    await server.ready.wait()
    await asyncio.sleep(0.5)  # until the station has its object
    try:
        heard = await _client(python, folder, url, "plc", sensor.station)
        stranger = await _client(python, folder, url, "stranger", None)
    finally:
        serving.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await serving
    told = [(number, _verdict(number)) for number in range(1, COUNT + 1)]
    whole = [tuple(each) for each in heard.get("heard", [])] == told
    print(f"open62541: {len(heard.get('heard', []))} of {COUNT} verdicts, in order and without loss: {whole}")
    print(f"a certificate that is not trusted: {stranger.get('refused', 'LET IN')}")
    return 0 if whole and "refused" in stranger else 1


def _settings(folder: Path, url: str) -> OpcUa:
    trusted = folder / "trusted"
    trusted.mkdir()
    certificates.issue(folder, "opcua", certificates.uri_of("gw"))
    for name in ("plc", "stranger"):
        certificates.issue(folder, name, f"urn:{name}")
    (trusted / "plc.der").write_bytes((folder / "plc.der").read_bytes())
    return OpcUa(url, str(folder / "opcua.der"), str(folder / "opcua.pem"), str(trusted))


async def _client(python: str, folder: Path, url: str, name: str, station: Station | None) -> dict:  # type: ignore[type-arg]
    """What the client tells in its last line; station: makes the parts once it listens."""
    words = [str(CLIENT), url, str(folder / name), f"urn:{name}", str(folder / "opcua.der"), str(COUNT)]
    client = await asyncio.create_subprocess_exec(python, *words, stdout=PIPE)
    assert client.stdout
    said = b"{}"
    async for text in client.stdout:
        if text.startswith(b"listening") and station:
            await _make(station)
        said = text if text.startswith(b"{") else said
    await client.wait()
    return dict(json.loads(said))


async def _make(station: Station) -> None:
    began = time.monotonic()
    for number in range(1, COUNT + 1):
        made = station.take(Window(bytes(RECIPE.length), 7, number), None, [], 1.0)
        made.verdict, made.part = _verdict(number), f"P{number}"
        await asyncio.sleep(max(0.0, began + number / PACE - time.monotonic()))


def _verdict(number: int) -> str:
    return ("OK", "NOK", "unsure")[number % 3]


if __name__ == "__main__":
    main()
