"""Everything goes wrong at once, for half a minute: no alert is lost or doubled, and no gateway ends by itself."""

import asyncio
from pathlib import Path

import pytest

from tests.support.micropython import missing
from tools.bench import nemesis
from tools.bench.support import nemesis_verdict
from tools.simulate import mosquitto


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # of processes that it kills and starts anew
def test_half_a_minute_of_kills_partitions_full_disks_and_a_hostile_neighbour(tmp_path: Path) -> None:
    if not mosquitto.program():
        missing("no mosquitto found: apt install mosquitto")
    counts = asyncio.run(nemesis.run(tmp_path, 30.0, seed=1))
    assert counts.steps > 10 and sum(counts.faults.values()) > 5
    assert not counts.wrong, counts.told


def test_a_second_alert_while_one_stands_is_counted_and_one_after_its_end_is_not() -> None:
    assert nemesis_verdict._doubled([("s0", "raised"), ("s0", "cleared"), ("s0", "raised"), ("s1", "raised")]) == 0
    assert nemesis_verdict._doubled([("s0", "raised"), ("s0", "acknowledged"), ("s0", "raised")]) == 1
