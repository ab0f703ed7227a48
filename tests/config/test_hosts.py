"""Addresses of a broker's nodes: how they are read, and in which order a client tries them."""

from collections import Counter

import pytest

from reedmesh.config.hosts import LAST, Address, Rotation, begun_by, read


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("hall1-a", Address("hall1-a", 1883)),
        ("hall1-a:8883", Address("hall1-a", 8883)),
        ("10.0.0.1:1", Address("10.0.0.1", 1)),
        ("[::1]", Address("::1", 1883)),
        ("[fd00::1]:8883", Address("fd00::1", 8883)),
    ],
)
def test_an_address_is_read_with_and_without_its_port(text: str, address: Address) -> None:
    assert read(text, 1883) == address
    assert read(str(address), 7) == address


@pytest.mark.parametrize("text", ["", ":1883", "a:", "a:x", "a:0", "a:65536", "::1", "a b", "mqtt://a", "a:²"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"host|port|brackets"):
        read(text, 1883)


PLACES = [Address(name, 1883) for name in "abc"]


def test_clients_spread_over_the_nodes() -> None:
    begins = Counter(begun_by(PLACES, f"sensor-{i}")[0] for i in range(300))
    assert min(begins.values()) > 70


def test_a_failed_node_comes_after_all_others_for_thirty_seconds() -> None:
    rotation = Rotation(PLACES, "press")
    first, second, third = rotation.places
    assert rotation.choose(0.0) == first
    rotation.failed(first, 0.0)
    assert rotation.choose(0.0) == second
    rotation.failed(second, 1.0)
    assert rotation.choose(1.0) == third
    rotation.failed(third, 2.0)
    assert rotation.choose(2.0) == first, "all failed: the one whose failure is the longest ago"
    rotation.failed(first, 3.0)
    assert rotation.choose(LAST + 0.9) == second, "the first still comes last"
    rotation.failed(second, LAST + 1)
    assert rotation.choose(LAST + 3.1) == first, "each comes in its order again after 30 s"
