"""The embedded broker refuses what it cannot serve, in a line."""

import asyncio
from pathlib import Path

import pytest

from reedmesh.broker.embedded import broker
from reedmesh.config.settings import Broker
from reedmesh.errors import ConfigError
from tests.support.brokers import free_port


def test_a_tls_port_without_a_certificate_says_how_to_make_one(tmp_path: Path) -> None:
    async def served() -> None:
        async with broker(Broker(embedded=True, port=free_port(), tls_port=free_port()), pki=tmp_path):
            raise AssertionError("it serves without a certificate")

    with pytest.raises(ConfigError, match=r"broker\.tls_port = \d+: there is no .*server\.crt; .*reedmesh pki issue"):
        asyncio.run(served())
