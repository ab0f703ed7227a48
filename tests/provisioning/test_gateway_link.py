"""How a new sensor reaches the broker follows from the gateway's settings; where it cannot, the remedy is named."""

import argparse
from pathlib import Path
from typing import Any

import pytest

from reedmesh.config.settings import Broker, Config
from reedmesh.errors import ConfigError
from reedmesh.identity import certificates
from reedmesh.provisioning import gateway_link

ASKED = {"uart": None, "host": None, "ca": None, "psk": False, "plain": False, "broker_port": None}


def completed(state: Path, broker: Broker, **asked: Any) -> argparse.Namespace:
    chosen = argparse.Namespace(**{**ASKED, "host": "10.0.0.1", **asked})
    gateway_link.complete(chosen, Config("hall1", str(state), broker=broker))
    return chosen


def test_a_broker_with_tls_is_reached_by_its_own_certificate(tmp_path: Path) -> None:
    certificates.issue(tmp_path / certificates.FOLDER, ["10.0.0.1"], None)
    chosen = completed(tmp_path, Broker(tls_port=8883, plain=True))
    assert (chosen.ca, chosen.broker_port, chosen.plain) == (tmp_path / "pki/server.crt", 8883, False)
    assert (chosen.gateway, chosen.family) == ("hall1", "vibration")


def test_one_of_an_authority_needs_that_authority(tmp_path: Path) -> None:
    certificates.make_ca(tmp_path / "drawer", "site")
    certificates.issue(tmp_path / certificates.FOLDER, ["10.0.0.1"], tmp_path / "drawer")
    with pytest.raises(ConfigError, match=r"issued by an authority: set \"ca\""):
        completed(tmp_path, Broker(tls_port=8883))
    chosen = completed(tmp_path, Broker(tls_port=8883, ca=str(tmp_path / "drawer/ca.crt")))
    assert chosen.ca == tmp_path / "drawer/ca.crt"


@pytest.mark.parametrize(
    ("broker", "asked", "port"),
    [
        (Broker(plain=True, port=1884), {}, 1884),
        (Broker(psk_port=8884), {}, 8884),
        (Broker(psk_port=8884, plain=True), {"plain": True}, 1883),
    ],
)
def test_without_tls_it_comes_as_the_broker_lets_it(
    tmp_path: Path, broker: Broker, asked: dict[str, Any], port: int
) -> None:
    chosen = completed(tmp_path, broker, **asked)
    assert chosen.broker_port == port and chosen.psk != chosen.plain


def test_a_broker_for_this_machine_alone_is_told_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"this machine alone: `reedmesh pki issue --host 10\.0\.0\.1`"):
        completed(tmp_path, Broker())


def test_a_cluster_is_reached_by_all_of_its_nodes(tmp_path: Path) -> None:
    chosen = completed(tmp_path, Broker(hosts=("a", "b:8884"), port=8883, ca="/site.crt"), host=None)
    assert (chosen.host, chosen.ca, chosen.plain) == ("a,b:8884", Path("/site.crt"), False)


def test_a_sensor_on_a_wire_needs_no_broker(tmp_path: Path) -> None:
    assert completed(tmp_path, Broker(), uart=1, host=None).host is None
