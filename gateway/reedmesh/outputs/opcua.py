"""OPC UA: an object for each station with its verdict, class, part number, counters and ready; methods to teach it.

A server as a PLC or SCADA expects it, by asyncua. Every session is signed and encrypted by Basic256Sha256, and only a
client whose certificate is in the folder `trusted` gets one; nobody is anonymous. Methods become requests on MQTT.
"""

import asyncio
import logging
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from asyncua import Server, ua
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

from reedmesh.broker.own_link import own_link
from reedmesh.config.settings import Config
from reedmesh.identity.opcua_certificates import uri_of
from reedmesh.inference.explain import compact
from reedmesh.links.message import Message, Publisher, beside
from reedmesh.protocol import wire
from reedmesh.readings.line import Line
from reedmesh.readings.parts import Judged
from reedmesh.readings.sensor import WATCHING, Sensor

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.05
NAMESPACE = "urn:reedmesh:stations"
BY = "opcua"
VARIABLES: dict[str, Any] = {
    "Verdict": "",
    "Class": "",
    "Part": "",
    "Against": 0,
    "Record": "",
    "Number": 0,
    "OK": 0,
    "NOK": 0,
    "Unsure": 0,
    "Ready": False,
}


def run(config: Config, line: Line) -> Coroutine[Any, Any, None]:
    """The work of this exporter."""
    link = own_link(config, "-opcua", {})
    return beside(link, OpcUa(config, line, link).run())


class OpcUa:
    """A server for the stations of `line`; publisher: takes requests."""

    def __init__(self, config: Config, line: Line, publisher: Publisher) -> None:
        self._config = config
        self._line = line
        self._publisher = publisher
        self._nodes: dict[str, dict[str, Any]] = {}  # of each station, by the name of the variable
        self._told: dict[str, int] = {}  # parts told of each
        self.ready = asyncio.Event()

    async def run(self) -> None:
        """Serve until cancelled."""
        server = await self._made()
        async with server:
            self.ready.set()
            while True:
                for sensor in list(self._line.sensors.values()):
                    if sensor.station:
                        await self._show(server, sensor)
                await asyncio.sleep(LOOK_SECONDS)

    async def _made(self) -> Server:
        wanted = self._config.opcua
        server = Server(user_manager=_Certified())
        await server.init()
        server.set_endpoint(wanted.listen)
        await server.set_application_uri(uri_of(self._config.name))
        server.set_server_name(f"reedmesh {self._config.name}")
        server.set_security_policy([ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt])
        server.set_identity_tokens([ua.X509IdentityToken])
        await server.load_certificate(wanted.certificate)
        await server.load_private_key(wanted.key)
        store = TrustStore([Path(wanted.trusted)], [])
        await store.load()
        options = CertificateValidatorOptions.TRUSTED | CertificateValidatorOptions.TIME_RANGE
        server.set_certificate_validator(CertificateValidator(options, store))
        self._space = await server.register_namespace(NAMESPACE)
        return server

    async def _show(self, server: Server, sensor: Sensor) -> None:
        """Each part that came since, one after the other, so that a subscription misses none."""
        station = sensor.station
        assert station
        nodes = self._nodes.get(sensor.name) or await self._object(server, sensor.name)
        for it in station.since(self._told.get(sensor.name, station.heard)):
            await self._write(nodes, _part(it))
        self._told[sensor.name] = station.heard
        counters = station.counters
        counted = {"OK": counters.ok, "NOK": counters.nok, "Unsure": counters.unsure}
        await self._write(nodes, {**counted, "Ready": sensor.online and sensor.state == WATCHING})

    async def _write(self, nodes: dict[str, Any], values: dict[str, Any]) -> None:
        for name, value in values.items():
            node, kind, last = nodes[name]
            if value != last:
                await node.write_value(ua.Variant(value, kind))
                nodes[name] = node, kind, value

    async def _object(self, server: Server, name: str) -> dict[str, Any]:
        made = await server.nodes.objects.add_object(self._space, name)
        nodes: dict[str, Any] = {}
        for variable, first in VARIABLES.items():
            kind = _kind(first)
            node = await made.add_variable(ua.NodeId(f"{name}.{variable}", self._space), variable, first, kind)
            nodes[variable] = node, kind, first
        text = ua.VariantType.String
        for verb, count in (("Label", 2), ("Acknowledge", 1), ("Relearn", 0)):
            await made.add_method(self._space, verb, self._asking(name, verb.lower()), [text] * count, [])
        self._nodes[name] = nodes
        return nodes

    def _asking(self, name: str, verb: str) -> Any:
        async def ask(_: ua.NodeId, *given: ua.Variant) -> list[ua.Variant]:
            words = [str(each.Value) for each in given]
            table = {"sensor": name, "by": BY} | dict(zip(ARGUMENTS[verb], words, strict=True))
            topic = wire.topic(self._config.name, "request", verb)
            await self._publisher.publish(Message(topic, compact(table), qos=1))
            return []

        return ask


ARGUMENTS = {"label": ("part", "label"), "acknowledge": ("alert",), "relearn": ()}


class _Certified:
    """Whoever got a session has a certificate that was checked."""

    def get_user(self, _: Any, certificate: Any = None, **__: Any) -> User | None:
        """asyncua gives name and password as well, which nobody has here."""
        return User(role=UserRole.User, name="client") if certificate else None


def _part(it: Judged) -> dict[str, Any]:
    """What is told of one part; its number last, for a client that reads all when that changes.

    Record has all of it in one value, which is another for each part: a subscription to it misses no verdict.
    """
    verdict = it.verdict or "unjudged"
    return {
        "Verdict": verdict,
        "Class": it.fault,
        "Part": it.part,
        "Against": it.against or 0,
        "Record": f"{it.order[1]};{verdict};{it.fault};{it.part}",
        "Number": it.order[1],
    }


def _kind(first: Any) -> ua.VariantType:
    if isinstance(first, bool):
        return ua.VariantType.Boolean
    return ua.VariantType.Int64 if isinstance(first, int) else ua.VariantType.String
