"""Drivers of accelerometers under MicroPython, each against its chip as the data sheet has it."""

from typing import Any

import pytest

from tests.support import micropython
from tests.support.paths import SCRIPTS

SCRIPT = SCRIPTS / "transducers.py"
FIFO = ("adxl345", "lis3dh", "mpu6050", "icm42688")


def told(driver: str, case: str) -> Any:
    return micropython.run_json(SCRIPT, driver, case)


@pytest.mark.parametrize("driver", FIFO)
def test_scale_and_sign_are_right(driver: str) -> None:
    good, *axes = told(driver, "scale")
    assert good and axes == [[1.0], [-1.0], [0.5]]


@pytest.mark.parametrize("driver", FIFO)
def test_no_reading_is_lost_or_repeated_in_a_window(driver: str) -> None:
    assert told(driver, "order") == [True, True]


@pytest.mark.parametrize("driver", FIFO)
def test_nothing_is_fetched_before_a_burst_is_there(driver: str) -> None:
    assert told(driver, "watermark") == [True, True, True, True]


@pytest.mark.parametrize("driver", FIFO)
def test_a_fifo_that_is_full_spoils_the_window(driver: str) -> None:
    assert told(driver, "full") is False


@pytest.mark.parametrize("driver", FIFO)
def test_the_rate_is_measured(driver: str) -> None:
    good, hz = told(driver, "measured")
    assert good and abs(hz - 1000) < 20  # one of 60 readings


@pytest.mark.parametrize("driver", FIFO)
def test_a_window_with_an_overrun_is_discarded_and_the_next_is_good(driver: str) -> None:
    assert told(driver, "overrun") == [False, True]


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("adxl345", [25, 200, 3200]),
        ("lis3dh", [1, 200, 1344]),
        ("mpu6050", [50, 200, 1000]),
        ("icm42688", [50, 200, 8000]),
    ],
)
def test_the_nearest_rate_is_taken(driver: str, expected: list[int]) -> None:
    assert told(driver, "rates") == expected


@pytest.mark.parametrize("driver", FIFO)
def test_a_wrong_chip_is_named_and_a_broken_bus_is_survived(driver: str) -> None:
    other, none, again = told(driver, "wrong")
    assert driver in other and "number 0x99" in other
    assert driver in none and "nothing answers" in none
    assert again is True


@pytest.mark.parametrize("driver", FIFO)
def test_a_burst_allocates_nothing(driver: str) -> None:
    assert told(driver, "memory") == 0


SLOW = SCRIPT.with_name("slow_drivers.py")


def test_a_microphone_gives_the_upper_16_bits_in_order_and_drops_what_was_stale() -> None:
    assert micropython.run_json(SLOW, "microphone") == [True, True, True]


def test_a_microphone_whose_ring_was_full_spoils_the_window() -> None:
    assert micropython.run_json(SLOW, "microphone_stalls") == [False, True]


def test_the_converter_is_read_at_its_rate_around_its_middle() -> None:
    good, samples, at_its_rate = micropython.run_json(SLOW, "converter")
    assert good and samples == [1, -2, 3, -4] and at_its_rate


def test_a_late_reading_spoils_the_window() -> None:
    assert micropython.run_json(SLOW, "converter_late")[0] is False


def test_a_channel_s_range_fills_int16() -> None:
    *right, same, below, above = micropython.run_json(SLOW, "ranges")
    assert right == [True] * 20
    assert all("low first" in fault for fault in (same, below, above))


def test_several_inputs_are_the_axes_of_windows_that_go_on_where_the_last_ended() -> None:
    axes, gapless, side_by_side, due, late, after = micropython.run_json(SLOW, "eight_channels")
    assert (axes, gapless, side_by_side, late) == (8, True, True, False)
    assert due and after, "one that was late is followed by one that begins anew"
