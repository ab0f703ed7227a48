"""What `make bench-called` measures, once and short: the calls of a slow fault, and the pace of slow sensors."""

import asyncio
from pathlib import Path

import pytest

from tools.bench.called import ramp, silences


@pytest.mark.filterwarnings("ignore:'imghdr':DeprecationWarning")  # Apprise's affair
def test_a_fault_that_grows_for_two_hours_calls_three_times_through_apprise(tmp_path: Path) -> None:
    titles = asyncio.run(ramp(tmp_path, rate=1500.0))
    assert len(titles) == 3 and "priority 2" in titles[0] and "priority 1" in titles[1]
    assert titles[2].startswith("gw: over: s0") and "20.0 × threshold" in titles[2]


@pytest.mark.parametrize("pace", [1.0, 61.0, 100.0, 600.0])
def test_no_pace_makes_a_false_silence_and_a_dead_sensor_is_found_after_three_windows(pace: float) -> None:
    false, dead = silences(pace, hours=2.0)
    assert false == 0 and max(60.0, 2.7 * pace) - 2 <= dead <= max(60.0, 3.3 * pace) + 2
