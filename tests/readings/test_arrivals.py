"""Starts of a sensor are counted by its windows, whatever its firmware says of itself."""

from reedmesh.protocol.wire import Window
from reedmesh.readings.arrivals import Arrivals


def test_a_start_is_counted_once_and_two_boards_of_one_name_are_not() -> None:
    arrivals = Arrivals()
    for boot in (5, 6, 6, 7, 6, 7, 6, 8):
        arrivals.count(Window(b"", boot, 1))
    assert arrivals.starts == 3, "the first of them may be older than the gateway; 6 and 7 take turns"
    assert arrivals.counters.doubled == 4
