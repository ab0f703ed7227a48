"""The model of a classic ESP32's two heaps gives what was seen on the emulator."""

import pytest

from tools.bench.support import two_heaps


@pytest.mark.parametrize(
    ("held", "link", "free", "starved"),
    [
        (100, "wire", 80_000, False),
        (100, "Wi-Fi", 33_860, False),
        (100, "Wi-Fi, TLS", 8_544, False),
        (109, "Wi-Fi", 4_000, True),
        (109, "Wi-Fi, TLS", 1_300, True),
        (109, "wire", 8_000, False),
    ],
)
def test_what_is_left_is_what_the_emulator_showed(held: float, link: str, free: int, starved: bool) -> None:
    said = two_heaps.left(held, link)
    assert said.free == pytest.approx(free, abs=1_000) and said.starved == starved
