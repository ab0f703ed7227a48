"""Windows that overlap: made of the readings they should be, also after some were lost, and never across a gap."""

from tests.support import micropython
from tests.support.paths import SCRIPTS

SCRIPT = SCRIPTS / "sliding.py"


def test_each_window_begins_a_hop_after_the_one_before() -> None:
    seen = micropython.run_json(SCRIPT, 5, 2)
    assert seen == [[i + 1, 0, list(range(2 * i, 2 * i + 5))] for i in range(9)]


def test_after_a_loss_the_next_window_is_new_from_end_to_end() -> None:
    seen = micropython.run_json(SCRIPT, 5, 2, "3,4")
    assert seen[:2] == [[1, 0, [0, 1, 2, 3, 4]], [2, 0, [2, 3, 4, 5, 6]]]
    # Readings 7 and 8 are lost, and with them the five that were fetched for a whole window.
    assert seen[2:4] == [[3, 2, [14, 15, 16, 17, 18]], [4, 2, [16, 17, 18, 19, 20]]]


def test_windows_that_do_not_overlap_take_any_driver() -> None:
    seen = micropython.run_json(SCRIPT, 4, 4)
    assert seen == [[i + 1, 0, list(range(4 * i, 4 * i + 4))] for i in range(9)]
