"""Sixty days of uptime on a clock with a chip's 32-bit ticks, which wrap every 12.4 days."""

from tests.support import micropython
from tests.support.paths import SCRIPTS
from tools.bench import report

DAYS = 60


def test_every_deadline_holds_for_sixty_days_of_wrapping_ticks() -> None:
    said = micropython.run_json(SCRIPTS / "sixty_days.py", DAYS, timeout=600)
    assert said["days"] >= 2 * DAYS, "sixty of everything, then sixty of one reading in ten minutes"
    assert said["faults"] == []
    assert said["reset"] == [True, 1], "the link is given up after 15 minutes, not before"
    assert said["proved"]
    assert said["rests"] == [], "a station that had no part for days takes the next one, and is ready for it"
    for period, (good, worst) in said["rates"].items():
        assert good and worst < 0.01, f"a reading every {period} s"
    report.save("field_ticks_days", DAYS, "days")
